"""captiond writes a text into a black strip under a JPEG and archives it."""

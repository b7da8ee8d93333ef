"""The archiver reads queue `captioned` and stores images in the archive."""

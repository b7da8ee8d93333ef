"""The captioner reads queue `uploads`, captions the photos and writes to queue `captioned`."""

"""Queue `uploads` to imaging to queue `captioned`."""

"""Queue `captioned` to the archive."""

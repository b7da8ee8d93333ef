"""The formats of an upload: a multipart form, a bare JPEG, and JSON with the JPEG in base64."""

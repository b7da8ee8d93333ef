"""The services: API, FTP, captioner, archiver, notifier, and the stack that runs them on one machine."""

"""The FTP service: receives the pictures of cameras. Needs the packages of `captiond[ftp]`."""

"""SQL: connections, the table of images, pages and search."""

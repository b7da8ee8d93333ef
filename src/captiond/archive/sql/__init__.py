"""The rows: engine, schema, pages and search."""

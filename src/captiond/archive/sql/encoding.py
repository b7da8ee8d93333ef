"""Checks that the database can store every description."""

from sqlalchemy import Connection, text

_MARIADB_CHARSETS = text(
    "SELECT DISTINCT character_set_name FROM information_schema.columns"
    " WHERE table_schema = DATABASE() AND table_name = 'images' AND character_set_name <> 'utf8mb4'"
)


def find_encoding_problem(connection: Connection) -> str | None:
    """Return which encoding cannot store all characters, with the fix; None if the encoding is UTF-8."""
    match connection.dialect.name:
        case "postgresql":
            encoding = connection.scalar(text("SHOW server_encoding"))
            if encoding != "UTF8":
                return (
                    f"the encoding of the PostgreSQL database is {encoding}; use a database created with "
                    "`CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0`"
                )
        case "mysql" | "mariadb":
            if charsets := connection.scalars(_MARIADB_CHARSETS).all():
                return (
                    f"the table `images` has columns in {', '.join(sorted(charsets))}; run "
                    "`ALTER TABLE images CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`"
                )
    return None

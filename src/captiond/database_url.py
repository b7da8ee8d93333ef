"""URLs of databases."""

from pathlib import Path
from urllib.parse import quote


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite database for SQLAlchemy. Characters such as `#`, `?` and `%` are quoted."""
    return f"sqlite:///{quote(str(path), safe=' +/')}"

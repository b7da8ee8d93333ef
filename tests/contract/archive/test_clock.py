"""The clock of the database server."""

import time

from captiond.archive import Archive


def test_clock_of_a_server_is_read(archive: Archive, database_url: str) -> None:
    before = time.time()

    read = archive.read_clock()

    if database_url.startswith("sqlite"):
        assert read is None
    else:  # on this machine; one of them may round to seconds
        assert read is not None
        assert before - 1 <= read <= time.time() + 1

"""Results survive an outage, and one that cannot be stored does not prevent the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from captiond.archive import ArchiveUnavailable
from captiond.archive.webhooks import Attempts
from captiond.services.notifier.results import Results

ID = UUID(int=1)


@dataclass(slots=True)
class Store:
    """A table of results that raises `error`, once."""

    error: Exception | None = None
    stored: list[Attempts] = field(default_factory=list)

    def store(self, attempts: Sequence[Attempts]) -> None:
        error, self.error = self.error, None
        if error:
            raise error
        self.stored.extend(attempts)


def make_results(store: Store) -> Results:
    return Results(store.store, lambda _: None)


def test_result_that_cannot_be_stored_is_dropped() -> None:
    store = Store(ValueError("PostgreSQL text fields cannot contain NUL (0x00) bytes"))
    results = make_results(store)
    results.record(ID, "unreachable", "a\0b")
    results.write()
    results.record(ID, "status", "status 500")

    results.write()

    assert [(attempts.result, attempts.failures) for attempts in store.stored] == [("status 500", 1)]


def test_failures_after_an_outage_keep_the_success_before_it() -> None:
    store = Store(ArchiveUnavailable("no answer"))
    results = make_results(store)
    results.record(ID, "delivered", "status 204")
    results.record(ID, "status", "status 500")
    results.write()
    results.record(ID, "timeout", "no response within 10 s")

    results.write()

    [attempts] = store.stored
    assert attempts.succeeded_at
    assert (attempts.result, attempts.failures) == ("no response within 10 s", 2)


def test_success_after_an_outage_forgets_the_failures_before_it() -> None:
    store = Store(ArchiveUnavailable("no answer"))
    results = make_results(store)
    results.record(ID, "status", "status 500")
    results.write()
    results.record(ID, "delivered", "status 204")

    results.write()

    [attempts] = store.stored
    assert (attempts.result, attempts.failures) == ("status 204", 0)

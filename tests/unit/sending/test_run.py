from captiond.sending.run import RetryDeadline
from captiond.stop_signal import StopSignal


def test_restarted_deadline_has_not_ended() -> None:
    deadline = RetryDeadline(0, StopSignal(), lambda _: None)
    assert not deadline.wait("status 403", 1)
    assert deadline.given_up == "status 403"

    deadline.restart()

    assert deadline.given_up is None

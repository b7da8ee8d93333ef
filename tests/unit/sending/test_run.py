from captiond.sending.run import Patience
from captiond.stop_signal import StopSignal


def test_waiting_for_images_starts_with_new_patience() -> None:
    patience = Patience(0, StopSignal(), lambda _: None)
    assert not patience.wait("status 403", 1)
    assert patience.given_up == "status 403"

    patience.restart()

    assert patience.given_up is None

from captiond.services.api.security.pace import MAX_DELAY_SECONDS, Pace


def test_burst_does_not_wait() -> None:
    pace = Pace(per_second=10, burst=5)

    assert [round(pace.delay(100.0), 3) for _ in range(8)] == [0, 0, 0, 0, 0, 0, 0.1, 0.2]


def test_burst_is_allowed_again_after_a_pause() -> None:
    pace = Pace(per_second=10, burst=5)
    for _ in range(20):
        pace.delay(100.0)

    assert [pace.delay(110.0) for _ in range(6)] == [0] * 6
    assert pace.delay(110.0) > 0


def test_number_of_waiting_events_is_limited() -> None:
    pace = Pace(per_second=10, burst=5)

    delays = [pace.delay(100.0) for _ in range(1000)]

    assert max(delays) <= MAX_DELAY_SECONDS + 0.1
    assert sum(delay > 0 for delay in delays) <= 10 * MAX_DELAY_SECONDS + 1
    assert delays[-1] == 0

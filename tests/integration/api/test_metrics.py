from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.api.serving import Api, Behind, jpeg, open_api, problem
from tests.servers.queues import RedisServer


def measured(api: Api) -> dict[tuple[str, str], float]:
    """The gauges by name and queue."""
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, sample.labels["queue"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if "queue" in sample.labels
    }


def totals(api: Api) -> dict[str, float]:
    """What is measured for all queues together."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(api.client.get("/metrics").text)
        for sample in family.samples
        if not sample.labels
    }


def test_the_queues_are_measured_when_prometheus_asks(own_api: Api) -> None:
    own_api.send(jpeg(), "one")
    own_api.fail(ValueError("broken"))
    own_api.send(jpeg(), "two")
    own_api.caption()
    own_api.send(jpeg(), "three")

    gauges = measured(own_api)

    assert gauges["captiond_queue_depth", "uploads"] == 1
    assert gauges["captiond_queue_depth", "captioned"] == 1
    assert gauges["captiond_queue_dead", "uploads"] == 1
    assert gauges["captiond_queue_in_flight", "uploads"] == 0
    assert gauges["captiond_queue_held_bytes", "uploads"] > len(jpeg())
    assert gauges["captiond_queue_oldest_age_seconds", "uploads"] >= 0
    assert ("captiond_queue_consumers", "captioned") in gauges


def test_the_totals_say_how_much_came_and_went_and_that_nothing_is_missing(own_api: Api) -> None:
    own_api.send(jpeg(), "one")
    own_api.caption()
    own_api.store()
    own_api.send(jpeg(), "two")

    samples = totals(own_api)

    assert samples["captiond_accepted_total"] == 2
    assert samples["captiond_finished_total"] == 1
    assert samples["captiond_redelivered_total"] == samples["captiond_leases_lost_total"] == 0
    assert samples["captiond_unaccounted"] == samples["captiond_fenced_total"] == 0
    assert samples["captiond_budget_used_ratio"] == pytest.approx(1 / own_api.parts.uploads.budget.max_messages)


def test_without_redis_there_is_nothing_to_measure(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Behind(own_valkey.url, tmp_path)) as api:
        own_valkey.stop()

        assert problem(api.client.get("/metrics")) == (503, "unavailable")

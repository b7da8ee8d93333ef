from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from captiond.imaging import Captioner, Style
from captiond.operations.caption_template import CaptionTemplate
from captiond.operations.keep_originals import KeepOriginals
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.services.captioner.handler import CaptionerService
from captiond.workqueue import Message
from captiond.workqueue.worker import Outcome
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem
from tests.servers.queues import RedisServer
from tests.unit.imaging.builds import needs_default


def read_queue_metrics(api: Api) -> dict[tuple[str, str], float]:
    """Return the metrics with a queue label, by name and queue."""
    response = api.client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, sample.labels["queue"]): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if "queue" in sample.labels
    }


def read_totals(api: Api) -> dict[str, float]:
    """Return the metrics without labels, by name."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(api.client.get("/metrics").text)
        for sample in family.samples
        if not sample.labels
    }


def test_metrics_describe_each_queue(own_api: Api) -> None:
    own_api.send(jpeg(), "one")
    own_api.fail(ValueError("broken"))
    own_api.send(jpeg(), "two")
    own_api.caption()
    own_api.send(jpeg(), "three")

    gauges = read_queue_metrics(own_api)

    assert gauges["captiond_queue_depth", "uploads"] == 1
    assert gauges["captiond_queue_depth", "captioned"] == 1
    assert gauges["captiond_queue_dead_letters", "uploads"] == 1
    assert gauges["captiond_queue_in_flight", "uploads"] == gauges["captiond_queue_delayed", "uploads"] == 0
    assert gauges["captiond_queue_bytes", "uploads"] > len(jpeg())
    assert gauges["captiond_queue_oldest_age_seconds", "uploads"] >= 0
    assert ("captiond_queue_consumers", "captioned") in gauges


def test_metrics_count_accepted_and_archived_images_and_none_unaccounted(own_api: Api) -> None:
    own_api.send(jpeg(), "one")
    own_api.caption()
    own_api.store()
    own_api.send(jpeg(), "two")

    samples = read_totals(own_api)

    assert samples["captiond_accepted_total"] == 2
    assert samples["captiond_archived_total"] == 1
    assert samples["captiond_redelivered_total"] == samples["captiond_leases_expired_total"] == 0
    assert samples["captiond_unaccounted"] == samples["captiond_fenced_total"] == 0
    assert samples["captiond_backlog_used_ratio"] == pytest.approx(1 / own_api.context.uploads.budget.max_messages)


@needs_default
def test_metrics_count_damaged_photos(own_api: Api) -> None:
    before = read_totals(own_api)["captiond_damaged_total"]
    own_api.send(jpeg(96, 64)[:-40] + b"\xff\xd9", "damaged")
    own_api.send(jpeg(), "intact")

    own_api.work(UPLOADS, CAPTIONED, caption)

    assert (before, read_totals(own_api)["captiond_damaged_total"]) == (0, 1)


def test_metrics_count_the_rejections_of_the_ftp_services(own_api: Api) -> None:
    assert "captiond_ftp_rejected_total{" not in own_api.client.get("/metrics").text

    own_api.broker.monitor.count({"ftp_rejected:530": 2, "ftp_rejected:550": 0})

    text = own_api.client.get("/metrics").text
    assert 'captiond_ftp_rejected_total{reason="530"} 2.0' in text
    assert 'captiond_ftp_rejected_total{reason="550"} 0.0' in text


def caption(message: Message) -> Outcome:
    [outcome] = CaptionerService(Captioner(Style()), KeepOriginals.NEVER, CaptionTemplate()).handle([message])
    return outcome


def test_without_redis_metrics_return_503(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.stop()

        assert problem(api.client.get("/metrics")) == (503, "unavailable")

"""The state of the system over HTTP."""

import platform
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from captiond.archive import migrate
from captiond.imaging import BadImage
from captiond.operations.sampling import run_sampling
from captiond.operations.verify_report import VerifyReport, find_report, store_report
from captiond.pipeline import DAMAGED, UPLOADS
from captiond.services.api.operations_access import choose_audience, is_loopback
from captiond.workqueue import Broker, Route
from tests.integration.api.serving import Api, Backends, jpeg, open_api
from tests.servers.queues import RedisServer


def read_state(api: Api) -> dict[str, Any]:
    response = api.client.get("/api/operations")
    assert response.status_code == 200, response.text
    return cast("dict[str, Any]", response.json())


def wait_for_sample(api: Api) -> None:
    """Sample once, as the API does at its start."""
    with run_sampling(api.broker.history, interval_seconds=60):
        pass


def test_state_has_queues_consumers_totals_and_budgets(own_api: Api) -> None:
    own_api.send(jpeg(), "one")
    own_api.fail(BadImage("no scan"))
    own_api.send(jpeg(), "two")
    own_api.broker.monitor.count({DAMAGED: 2})

    pipeline = read_state(own_api)["pipeline"]

    uploads, captioned = pipeline["queues"]
    assert (uploads["queue"], captioned["queue"]) == ("uploads", "captioned")
    assert (uploads["depth"], uploads["dead_letters"], uploads["in_flight"], uploads["delayed"]) == (1, 1, 0, 0)
    assert uploads["bytes"] > len(jpeg())
    [consumer] = uploads["consumers"]
    assert (consumer["service"], consumer["host"]) == ("test", platform.node())
    assert consumer["name"].startswith(f"test-{platform.node()}-")
    assert uploads["active_consumers"] == 1
    assert captioned["consumers"] == []
    assert (pipeline["totals"]["accepted"], pipeline["totals"]["failed"], pipeline["totals"]["damaged"]) == (2, 1, 2)
    assert pipeline["budgets"]["messages"] == {"used": 1, "limit": 10_000}
    assert pipeline["budgets"]["bytes"]["used"] == uploads["bytes"]
    assert pipeline["budgets"]["dead_letter_bytes"]["used"] > len(jpeg())
    assert pipeline["server"].startswith("Valkey ")


def test_consumer_with_another_name_has_no_host(own_api: Api) -> None:
    consumer = own_api.broker.consumer("other 1", Route(UPLOADS, None))
    consumer.create_group()
    consumer.receive(1, 0.01)

    [found] = read_state(own_api)["pipeline"]["queues"][0]["consumers"]

    assert (found["name"], found["service"], found["host"]) == (consumer.name, None, None)


def test_state_has_the_history_of_an_hour_and_a_day(own_api: Api) -> None:
    own_api.send(jpeg(), "before")
    wait_for_sample(own_api)
    own_api.send(jpeg(), "one")
    own_api.fail(BadImage("no scan"))
    own_api.broker.monitor.count({DAMAGED: 2})

    history = read_state(own_api)["pipeline"]["history"]

    hour, day = history["hour"], history["day"]
    assert (len(hour["points"]), len(day["points"]), hour["step_seconds"], day["step_seconds"]) == (60, 144, 60, 600)
    expected = {"accepted": 1, "archived": 0, "failed": 2, "damaged": 2}
    assert hour["changes"] == day["changes"] == expected
    assert hour["seconds"] > 0
    assert hour["points"][0] == {"at": hour["points"][0]["at"], "seconds": 0, "changes": None}


def test_state_has_versions_and_settings(own_api: Api) -> None:
    state = read_state(own_api)

    assert state["versions"]["python"] == platform.python_version()
    assert state["versions"]["decoder"] in {"compiled", "interpreted"}
    assert state["database"]["dialect"] == "sqlite"
    assert state["database"]["schema_revision"] >= "0009"
    assert state["settings"] == [{"name": "font_size", "value": 12, "source": "default"}]


def test_state_has_the_last_result_of_verify(own_api: Api) -> None:
    monitor = own_api.broker.monitor
    assert read_state(own_api)["pipeline"]["last_verify"] is None
    report = VerifyReport(
        started_at=datetime(2026, 11, 23, 22, 31, tzinfo=UTC),
        finished_at=datetime(2026, 11, 23, 22, 32, tzinfo=UTC),
        images=7,
        findings={"missing": 2},
        version="0.3.0",
        host="db1",
    )

    store_report(monitor, report)

    assert find_report(monitor) == report
    assert read_state(own_api)["pipeline"]["last_verify"] == {
        "started_at": "2026-11-23T22:31:00.000000Z",
        "finished_at": "2026-11-23T22:32:00.000000Z",
        "images": 7,
        "findings": {"missing": 2},
        "version": "0.3.0",
        "host": "db1",
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"started_at": 1}', "x"])
def test_malformed_result_of_verify_is_ignored(own_api: Api, text: str) -> None:
    own_api.broker.monitor.store_report("verify", text)

    assert read_state(own_api)["pipeline"]["last_verify"] is None


def test_readiness_has_the_cause_that_the_public_check_hides(own_api: Api) -> None:
    own_api.broker.problem_report("archiver").report("images directory: No space left on device")

    readiness = read_state(own_api)["readiness"]

    assert not readiness["ready"]
    assert readiness["problems"] == ["The archiver cannot store images: images directory: No space left on device."]


def test_without_redis_the_other_parts_are_returned(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        before = read_state(api)
        own_valkey.stop()

        state = read_state(api)

    assert before["readiness"]["ready"]
    assert state["pipeline"] is None
    assert state["database"] == before["database"]
    assert not state["readiness"]["ready"]
    assert "Redis" in state["readiness"]["problems"][0]


def test_without_the_database_the_other_parts_are_returned(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, f"sqlite:///{tmp_path}/missing.db")) as api:
        state = read_state(api)

    assert state["pipeline"] is not None
    assert state["database"] is None
    assert not state["readiness"]["ready"]


def test_state_names_each_kind_of_database(valkey: RedisServer, tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    with open_api(Backends(valkey.url, tmp_path, database_url)) as api:
        database = read_state(api)["database"]

    assert database_url.startswith(database["dialect"])
    assert re.match(r"[0-9]+\.[0-9]+", database["version"])
    assert database["schema_revision"] >= "0009"


def test_server_with_unsafe_settings_is_a_problem(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.client().config_set("appendfsync", "everysec")

        [problem] = read_state(api)["readiness"]["problems"]

    assert "appendfsync is everysec" in problem


def test_sampling_without_redis_continues(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.stop()
        thread = run_sampling(api.broker.history, interval_seconds=60)

        with thread:
            pass

        assert read_state(api)["pipeline"] is None


def test_end_of_sampling_does_not_wait_for_a_hung_redis(own_valkey: RedisServer) -> None:
    with Broker(own_valkey.url) as broker:
        own_valkey.suspend()
        try:
            with run_sampling(broker.history):
                [thread] = (each for each in threading.enumerate() if each.name == "sampling")
            assert thread.is_alive()  # in a call that ends with a timeout of 5 s
        finally:
            own_valkey.resume()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing listens
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_are_for_local_clients(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
    assert choose_audience("auto", host) == ("local" if expected else "none")
    assert (choose_audience("on", host), choose_audience("off", host)) == ("all", "none")
    assert choose_audience("auto", host, requires_keys=True) == "all"
    assert choose_audience("off", host, requires_keys=True) == "none"

"""Webhooks: deliveries to receivers of every kind, and events that survive kill -9."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from captiond.archive import migrate
from captiond.pipeline import WEBHOOKS
from captiond.webhooks import Delivery, DeliveryFailed, Sender, parse_networks, sign
from captiond.webhooks.addresses import Found
from captiond.workqueue.streams.keys import GROUP, NOTIFICATIONS, Keys
from tests.e2e.product import Place, photo, place, running_pipeline, wait_until
from tests.integration.receivers import NO_CONTENT, Answer, Receiver, drip, endless, hang, receiving, status
from tests.servers.queues import RedisServer, running_valkey

PHOTO = photo(64, 48)
LOOPBACK = parse_networks("127.0.0.0/8")


def send(url: str, seconds: float = 5.0) -> int:
    return Sender(LOOPBACK, seconds).send(Delivery(url, {"X-Test": "1"}, b"{}"))


def test_delivery_is_one_post_to_the_path_of_the_url() -> None:
    with receiving() as receiver:
        assert send(f"{receiver.url}?a=b") == 204

    [(head, body)] = receiver.requests
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert {"Host: " + f"127.0.0.1:{receiver.port}", "X-Test: 1", "Content-Length: 2"} <= set(lines)
    assert body == b"{}"


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (status("500 No"), "status", "status 500"),
        (status("410 Gone"), "status", "status 410"),
        (status("302 Found", "Location: http://127.0.0.1:1/"), "status", "redirects are not followed"),
        (status("103 Early Hints"), "status", "status 103$"),
        (hang, "timeout", "no response within 0.3 s"),
        (drip, "timeout", "no response within 0.3 s"),
        (lambda client: client.sendall(b"nonsense\r\n\r\n"), "unreachable", "BadStatusLine"),
        (lambda client: client.sendall(b"a\0b\r\n\r\n"), "unreachable", r"^BadStatusLine: a\\x00b"),
        (lambda client: client.close(), "unreachable", "RemoteDisconnected|Connection"),
    ],
    ids=["500", "410", "redirect", "hints", "hang", "drip", "nonsense", "NUL", "close"],
)
def test_other_answer_is_a_failed_attempt(answer: Answer, kind: str, reason: str) -> None:
    with receiving(answer) as receiver, pytest.raises(DeliveryFailed, match=reason) as failed:
        send(receiver.url, 0.3)

    assert failed.value.kind == kind
    assert len(receiver.requests) == 1


def test_endless_body_is_not_read() -> None:
    with receiving(endless) as receiver:
        assert send(receiver.url) == 200


def test_forbidden_address_gets_no_connection() -> None:
    with receiving() as receiver, pytest.raises(DeliveryFailed, match="no public address") as failed:
        Sender(parse_networks("")).send(Delivery(receiver.url, {}, b""))

    assert failed.value.kind == "refused"
    assert receiver.requests == []


def test_address_of_a_family_that_this_host_lacks_is_skipped() -> None:
    def look_up(_: str, port: int, **__: object) -> list[Found]:
        return [(family, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for family in (12345, socket.AF_INET)]

    with receiving() as receiver:
        networks = replace(LOOPBACK, look_up=look_up)
        assert Sender(networks).send(Delivery(f"http://two.example:{receiver.port}/", {}, b"")) == 204


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert send(receiver.url) == 204

    assert (len(proxy.requests), len(receiver.requests)) == (0, 1)


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def here(valkey: RedisServer, tmp_path: Path) -> Place:
    """A place with an empty server, whose webhooks may reach loopback."""
    valkey.client().flushall()
    made = place(tmp_path, valkey.url, f"sqlite:///{tmp_path}/captiond.db").but(webhook_networks="127.0.0.1")
    migrate(made.settings["database_url"])
    return made


def create(here: Place, name: str, url: str, *options: str) -> str:
    done = here.run("webhooks", "create", name, url, *options)
    assert done.status == 0, done.stderr
    return done.stdout.strip()


def listed(here: Place) -> list[dict[str, object]]:
    return [json.loads(line) for line in here.run("webhooks", "list", "--json").stdout.splitlines()]


def expire(valkey: RedisServer) -> None:
    """Make the leases of queue `webhooks` an hour old, as if the worker had been killed long ago."""
    client, stream = valkey.client(), Keys().of_family(NOTIFICATIONS).stream(WEBHOOKS)
    for row in client.xpending_range(stream, GROUP, "-", "+", 100):
        consumer, entry = cast("str", row["consumer"]), cast("bytes", row["message_id"])
        client.xclaim(stream, GROUP, consumer, 0, [entry], idle=3_600_000, justid=True)


def await_requests(receiver: Receiver, count: int) -> list[dict[str, object]]:
    """Wait for requests. Returns their bodies, each with its id."""
    wait_until(lambda: len(receiver.requests) >= count, 20, f"{count} requests")
    return [{"webhook-id": header(head, "webhook-id"), **json.loads(body)} for head, body in list(receiver.requests)]


@contextmanager
def running_notifier(here: Place) -> Iterator[subprocess.Popen[bytes]]:
    process = here.start("notifier")
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def header(head: bytes, name: str) -> str:
    [value] = [line.partition(": ")[2] for line in head.decode().split("\r\n") if line.startswith(f"{name}: ")]
    return value


def test_events_survive_kills_of_archiver_and_notifier(here: Place, valkey: RedisServer) -> None:
    with receiving(status("500 No")) as broken, receiving(hang) as receiver, running_pipeline(here) as pipeline:
        create(here, "broken", broken.url, "--event", "image.stored")
        secret = create(here, "good", receiver.url)
        pipeline.kill("archiver")
        stored, failed = pipeline.send(PHOTO, "one"), pipeline.send(b"\xff\xd8\xff no image", "two")
        pipeline.await_status(failed, "failed")
        pipeline.start("archiver")
        pipeline.await_status(stored, "stored")
        pipeline.kill("archiver")
        with running_notifier(here) as notifier:
            await_requests(receiver, 1)  # the notifier waits for an answer
            notifier.kill()
        receiver.requests.clear()
        receiver.answer = NO_CONTENT
        expire(valkey)
        with running_notifier(here):
            bodies = await_requests(receiver, 2)
            wait_until(lambda: listed(here)[1]["state"] == "ok", 30, "the result is stored")

        by_type = {body["type"]: body for body in bodies}
        assert by_type.keys() == {"image.stored", "image.failed"}
        assert cast("dict[str, str]", by_type["image.stored"]["data"])["id"] == stored
        assert cast("dict[str, str]", by_type["image.stored"]["data"])["description"] == "one"
        error = cast("dict[str, str]", by_type["image.failed"]["data"])
        assert error["id"] == failed
        assert "BadImage" in error["error"] or "JPEG" in error["error"]
        head, body = receiver.requests[0]
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        message_id, timestamp, signature = (header(head, name) for name in names)
        assert sign(message_id, int(timestamp), body, [secret])["webhook-signature"] == signature
        log = (here.folder / "log" / "notifier.log").read_text()
        assert secret not in log
        assert here.run("webhooks", "delete", "broken").status == 0
        assert [webhook["name"] for webhook in listed(here)] == ["good"]

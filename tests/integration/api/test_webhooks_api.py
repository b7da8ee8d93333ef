"""Webhooks over HTTP, and their section of the operations view."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from captiond.archive import AuditQuery
from captiond.archive.sql.webhooks import WEBHOOKS
from captiond.archive.webhooks import MAX_WEBHOOKS, Attempts
from captiond.imaging import BadImage
from captiond.operations.webhooks import Webhooks
from captiond.pipeline import CAPTIONED, UPLOADS
from captiond.services.api import AuditOptions
from captiond.wiring.notifier import find_error
from captiond.workqueue.worker import Reject
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem
from tests.servers.queues import RedisServer

URL = "https://hooks.example.com/token?x=1"


@pytest.fixture
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app without webhooks, which records changes in its audit log."""
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("webhooks"), audit=AuditOptions())) as opened:
        yield opened


def create(api: Api, name: str, **fields: object) -> httpx.Response:
    return api.client.post("/api/webhooks", json={"name": name, "url": URL, **fields})


def webhooks_of(api: Api) -> Webhooks:
    assert api.context.webhooks
    return api.context.webhooks


def test_created_webhook_is_subscribed_until_it_is_deleted(api: Api) -> None:
    created = create(api, "alarms", events=["image.failed"])

    assert (created.status_code, created.headers["cache-control"]) == (201, "no-store")
    webhook = created.json()
    assert webhook["secret"].startswith("whsec_")
    assert api.broker.subscribers.read()[webhook["id"]] == {"failed"}
    [listed] = api.client.get("/api/webhooks").json()
    assert listed == {key: value for key, value in webhook.items() if key != "secret"}
    assert (listed["state"], listed["events"]) == ("new", ["image.failed"])
    path = f"/api/webhooks/{webhook['id']}"
    assert api.client.delete(path).status_code == 204
    assert webhook["id"] not in api.broker.subscribers.read()
    assert problem(api.client.delete(path)) == (404, "unknown-webhook")
    assert problem(api.client.delete(f"/api/webhooks/{uuid4()}")) == (404, "unknown-webhook")


def test_invalid_and_repeated_webhooks_are_refused(api: Api) -> None:
    assert create(api, "first").status_code == 201

    assert problem(create(api, "first")) == (409, "webhook-conflict")
    assert problem(create(api, "user", url="https://user:secret@example.com/")) == (422, "invalid-webhook")
    assert problem(create(api, "a\nb")) == (422, "invalid-webhook")
    assert create(api, "no event", events=[]).status_code == 422
    for number in range(1, MAX_WEBHOOKS):
        assert create(api, f"number {number}").status_code == 201
    assert problem(create(api, "one too many")) == (409, "webhook-conflict")


def test_names_are_normalised(api: Api) -> None:
    created = create(api, 40 * "e\u0301" + " ")

    assert created.json()["name"] == 40 * "\u00e9"
    assert problem(create(api, 40 * "\u00e9")) == (409, "webhook-conflict")
    with webhooks_of(api).store._engine.begin() as connection:  # noqa: SLF001 - as earlier versions stored it
        connection.execute(update(WEBHOOKS).values(name="Cafe\u0301 "))
    assert [webhook["name"] for webhook in api.client.get("/api/webhooks").json()] == ["Caf\u00e9"]
    found = webhooks_of(api).find(" Cafe\u0301")
    assert found
    assert str(found.id) == created.json()["id"]
    assert problem(create(api, "Caf\u00e9")) == (409, "webhook-conflict")


def test_audit_log_has_the_host_and_no_token(api: Api) -> None:
    webhook = create(api, "alarms").json()
    api.client.delete(f"/api/webhooks/{webhook['id']}")

    assert api.context.audit
    for action in ("webhooks.create", "webhooks.delete"):
        [entry] = api.context.audit.log.store.page(AuditQuery(1, action=action))
        expected = f"{webhook['id']} alarms events=image.damaged,image.failed,image.stored host=hooks.example.com"
        assert entry.detail == expected


def test_refused_creation_is_in_the_audit_log(api: Api) -> None:
    create(api, "alarms")
    create(api, "alarms")

    assert api.context.audit
    [entry] = api.context.audit.log.store.page(AuditQuery(1))
    assert (entry.action, entry.result, entry.detail) == ("webhooks.create", "409", None)


def test_operations_view_summarises_states_and_names_failing_webhooks(api: Api) -> None:
    assert "webhooks-title" not in api.client.get("/ops").text
    create(api, "unused")
    webhook = create(api, "<alarms>").json()
    now = datetime.now(UTC)
    webhooks_of(api).store.record_attempts([Attempts(UUID(webhook["id"]), now, "status 503", None, 3)])

    shown = api.client.get("/ops").text

    summary = shown.partition('id="webhooks">')[2].partition("</p>")[0]
    assert re.findall(r">([^<>]+)</span>&nbsp;(\d)", summary) == [("failing", "1"), ("not used yet", "1")]
    item = shown.partition(f'id="webhook-{webhook["id"]}"')[2].partition("</li>")[0]
    assert "&lt;alarms&gt;" in item
    assert "failing" in item
    assert "status 503" in item
    assert "Failed attempts since the last success: 3" in item
    assert "hooks.example.com" not in shown
    assert "unused" not in shown
    assert 'href="/ops/webhooks">Manage webhooks' in shown
    webhooks_of(api).store.disable(UUID(webhook["id"]), "the receiver answered 410 Gone")
    assert "the receiver answered 410 Gone" in api.client.get("/ops/live").text


def test_lost_subscribers_are_restored_and_stale_ones_removed(api: Api) -> None:
    webhook = create(api, "alarms", events=["image.stored"]).json()
    subscribers = api.broker.subscribers
    subscribers.remove(webhook["id"])
    subscribers.set("stale", ["stored"])

    webhooks_of(api).synchronise()

    assert subscribers.read() == {webhook["id"]: {"stored"}}


def test_event_has_the_error_that_clients_see(own_api: Api) -> None:
    hidden, shown = (str(own_api.send(jpeg(), name).json()["id"]) for name in ("hidden", "shown"))
    errors = {hidden: OSError("cannot connect to db-1.internal"), shown: BadImage("no scan")}
    own_api.work(UPLOADS, CAPTIONED, lambda message: Reject(errors[str(message.id)]))

    assert find_error(own_api.broker, UUID(shown)) == "no scan"
    assert (
        find_error(own_api.broker, UUID(hidden)) == own_api.client.get(f"/api/images/{hidden}/status").json()["error"]
    )
    assert "internal" not in str(find_error(own_api.broker, UUID(hidden)))
    for letter in own_api.context.operations.dead_letters:
        assert own_api.context.operations.dead_letters.redrive(letter)
    assert find_error(own_api.broker, UUID(shown)) is None

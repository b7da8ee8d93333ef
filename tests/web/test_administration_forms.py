"""The views and forms for administrators over HTTP: what each scope sees, and what the server refuses."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from captiond.access import Scope
from captiond.archive import Actor, AuditEntry, AuditQuery
from captiond.services.api import AuditOptions
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.integration.api.visitors import Visitor, visit
from tests.servers.queues import RedisServer
from tests.web.archives import fill

ALL = (Scope.READ, Scope.OPERATE, Scope.ADMIN)
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture(scope="module")
def api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An app that requires keys, with an audit log."""
    backends = Backends(valkey.url, tmp_path_factory.mktemp("web"), requires_keys=True, audit=AuditOptions())
    with open_api(backends) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(api: Api) -> Visitor:
    return visit(api, *ALL)


def links(page: httpx.Response, label: str) -> list[str]:
    """The texts of the links in a navigation."""
    found = re.search(rf'<nav[^>]*aria-label="{label}">(.*?)</nav>', page.text, re.DOTALL)
    return re.findall(r">([^<>]+)</a>", found[1]) if found else []


def post(visitor: Visitor, path: str, **fields: str | list[str]) -> httpx.Response:
    return visitor.request("POST", path, ENGLISH, data=fields)


def entries(api: Api, action: str) -> list[AuditEntry]:
    assert api.context.audit
    return api.context.audit.log.store.page(AuditQuery(action=action))


@pytest.mark.parametrize(
    ("scopes", "first", "views", "tabs"),
    [
        ({Scope.READ}, "/images", ["Archive"], []),
        ({Scope.OPERATE}, "/ops", ["Operations"], []),
        ({Scope.ADMIN}, "/ops/audit", ["Operations"], ["Audit log", "API keys", "Webhooks"]),
        (set(ALL), "/images", ["Archive", "Operations"], ["State", "Audit log", "API keys", "Webhooks", "Seals"]),
    ],
)
def test_scopes_choose_the_views(api: Api, scopes: set[Scope], first: str, views: list[str], tabs: list[str]) -> None:
    visitor = visit(api, *scopes)

    assert visitor.get("/").headers["location"] == first
    page = visitor.get("/ops/audit" if Scope.ADMIN in scopes else first, accept_language="en")
    assert page.status_code == 200
    assert links(page, "Main") == views
    assert links(page, "Operations") == tabs


def test_reader_sees_a_hold_but_neither_its_reason_nor_actions(api: Api, admin: Visitor) -> None:
    [image] = fill(api, 1)
    api.context.archive.lifecycle.hold(image.id, Actor("Olga", "order 7"))
    reader, url = visit(api, Scope.READ), f"/images/{image.id}"

    seen, known = reader.get(url, **ENGLISH), admin.get(url, **ENGLISH)

    assert "Legal hold: nobody can delete this image." in seen.text
    assert "Olga" not in seen.text
    assert "order 7" not in seen.text
    assert 'value="release"' not in seen.text
    assert 'data-change="delete"' not in reader.get("/images").text
    assert "Olga" in known.text
    assert "order 7" in known.text
    assert 'value="release"' in known.text
    assert 'value="delete"' not in known.text
    for action in ("release", "delete"):
        assert post(reader, url, action=action, confirmed="yes").status_code == 403
    assert post(admin, url, action="delete", confirmed="yes").status_code == 409
    assert api.context.archive.lifecycle.find_hold(image.id)


def test_forms_without_scripts_ask_then_hold_release_and_delete(api: Api, admin: Visitor) -> None:
    [image] = fill(api, 1)
    url = f"/images/{image.id}?q=Image"

    asked = post(admin, url, action="hold")
    assert "Put a legal hold on the image?" in asked.text
    assert not api.context.archive.lifecycle.find_hold(image.id)
    held = post(admin, url, action="hold", confirmed="yes", reason=" order 7 ")
    assert (held.status_code, held.headers["location"]) == (303, url)
    hold = api.context.archive.lifecycle.find_hold(image.id)
    assert hold
    assert (hold.held_by, hold.reason) == (admin.key.principal.name, "order 7")
    assert post(admin, url, action="release", confirmed="yes").status_code == 303
    assert "Delete the image?" in post(admin, url, action="delete").text
    assert post(admin, url, action="delete", confirmed="yes", reason="order 8").status_code == 303

    for action, detail in (("images.hold", "order 7"), ("images.unhold", None), ("images.delete", "order 8")):
        entry = entries(api, action)[0]
        assert (entry.image_id, entry.detail, entry.result) == (image.id, detail, "303")
    for visitor, is_admin in ((admin, True), (visit(api, Scope.READ), False)):
        deleted = visitor.get(url, **ENGLISH)
        assert deleted.status_code == 410
        assert image.upload_sha256.hex() in deleted.text
        assert image.description not in deleted.text.replace("q=Image", "")
        assert ("order 8" in deleted.text) is is_admin


def test_forms_of_other_sites_and_invalid_forms_change_nothing(api: Api, admin: Visitor) -> None:
    [image] = fill(api, 1)
    url = f"/images/{image.id}"

    foreign = {"Sec-Fetch-Site": "cross-site", "Accept": "application/json"}
    assert problem(admin.request("POST", url, foreign, data={"action": "delete", "confirmed": "yes"})) == (
        403,
        "cross-site-request",
    )
    assert post(admin, url, action="erase", confirmed="yes").status_code == 422
    assert post(admin, url, action="delete", confirmed="yes", reason="x" * 201).status_code == 422
    assert post(admin, f"/images/{uuid4()}", action="delete", confirmed="yes").status_code == 404
    assert api.context.archive.find(image.id)


def test_actions_are_hidden_where_operators_are_refused(
    valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("open"), audience="none")) as opened:
        [image] = opened.archive(record(jpeg(), "open"))
        client = opened.client
        client.headers.update({"Accept": "text/html", **ENGLISH})

        assert 'value="delete"' not in client.get(f"/images/{image.id}").text
        assert 'data-change="delete"' not in client.get("/images").text
        refused = client.post(f"/images/{image.id}", data={"action": "delete", "confirmed": "yes"})
        assert (refused.status_code, opened.context.archive.count()) == (403, 1)
        assert client.get("/ops/keys").status_code == 403


def test_seal_of_an_image_is_named_and_seals_have_pages(api: Api, admin: Visitor) -> None:
    [image] = fill(api, 1)
    assert "Not sealed yet." in admin.get(f"/images/{image.id}", **ENGLISH).text
    seals = api.context.archive.seals
    seals.seal(None)
    number = seals.last().number  # type: ignore[union-attr] # made above

    page = admin.get(f"/images/{image.id}", **ENGLISH)

    assert f"/seals?before={number + 1}#seal-{number}" in page.text
    assert f"/api/images/{image.id}/proof" in page.text
    assert "/receipt" not in page.text
    for _ in range(51):
        fill(api, 1)
        seals.seal(None)
    first = admin.get("/seals", **ENGLISH)
    numbers = [int(each) for each in re.findall(r'id="seal-(\d+)"', first.text)]
    assert numbers == list(range(number + 51, number + 1, -1))
    older = admin.get(f"/seals?before={numbers[-1]}", **ENGLISH)
    assert [int(each) for each in re.findall(r'id="seal-(\d+)"', older.text)][:2] == [number + 1, number]
    assert visit(api, Scope.OPERATE).get("/seals").status_code == 403


def test_key_is_created_shown_once_and_revoked(api: Api, admin: Visitor) -> None:
    created = post(
        admin, "/ops/keys", name="north <gate>", scope=["upload", "read"], camera="gate",
        networks="10.0.0.0/8, 127.0.0.1", expires="2099-12-31",
    )  # fmt: skip
    [secret] = re.findall(r'id="secret">(captiond_[^<]+)<', created.text)
    assert (created.status_code, created.headers["cache-control"]) == (201, "no-store")
    assert "content-encoding" not in created.headers
    key = api.keys.page(1)[0]
    assert "north &lt;gate&gt;" in created.text
    assert "north <gate>" not in created.text
    assert [str(network) for network in key.principal.networks] == ["10.0.0.0/8", "127.0.0.1/32"]
    assert f"{key.expires_at}" == "2100-01-01 00:00:00+00:00"
    headers = {"Authorization": f"Bearer {secret}"}
    assert api.client.get("/api/images", headers=headers).status_code == 200
    assert secret not in admin.get("/ops/keys").text

    revoke = f"/ops/keys/{key.id}/revoke"
    asked = post(admin, revoke)
    assert "You are logged in with this key." not in asked.text
    assert "No other valid key" not in asked.text
    assert "Отозвать ключ" in admin.get(f"{revoke}?language=ru").text
    assert api.client.get("/api/images", headers=headers).status_code == 200
    assert post(admin, revoke, confirmed="yes").headers["location"] == "/ops/keys?revoked=yes"
    assert api.client.get("/api/images", headers=headers).status_code == 401
    assert post(admin, revoke).status_code == 404
    assert f"key-{key.id}" not in admin.get("/ops/keys").text
    assert f"key-{key.id}" in admin.get("/ops/keys?all=yes").text
    assert [entries(api, f"keys.{name}")[0].detail for name in ("create", "revoke")] == [key.summary] * 2


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"name": ""}, "Enter a name"),
        ({"scope": []}, "Choose at least one scope."),
        ({"networks": "10.0.0.1/8"}, "Enter at most 32 networks"),
        ({"expires": "2020-01-01"}, "Choose today or a later day."),
        ({"expires": "9999-12-31"}, "Choose today or a later day."),
        ({"name": "taken"}, "Another valid key has this name."),
    ],
)
def test_faults_of_a_new_key_are_shown_beside_its_fields(
    api: Api, admin: Visitor, fields: dict[str, str | list[str]], error: str
) -> None:
    if not any(key.principal.name == "taken" for key in api.keys.load_valid()):
        api.create_key("taken", Scope.READ)
    number = len(api.keys.load_all())

    page = post(admin, "/ops/keys", **{"name": "new", "scope": ["read"], "camera": "gate", **fields})

    assert page.status_code == 422
    assert error in page.text
    assert 'value="gate"' in page.text
    assert len(api.keys.load_all()) == number


def test_revocation_of_the_own_and_last_administrator_warns_and_logs_out(
    valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("last"), requires_keys=True)) as opened:
        admin = visit(opened, Scope.ADMIN)
        revoke = f"/ops/keys/{admin.key.id}/revoke"
        asked = post(admin, revoke)
        assert "You are logged in with this key. You will be logged out." in asked.text
        assert "No other valid key has the scope admin." in asked.text
        other = visit(opened, Scope.ADMIN)
        assert "No other valid key" not in post(admin, revoke).text

        done = post(admin, revoke, confirmed="yes")

        assert (done.status_code, done.headers["location"]) == (303, "/login")
        assert "Max-Age=0" in done.headers["set-cookie"]
        assert admin.get("/ops/keys").headers["location"].startswith("/login")
        assert other.get("/ops/keys").status_code == 200


def test_audit_log_is_filtered_and_paged(api: Api, admin: Visitor) -> None:
    assert api.context.audit
    image, store = uuid4(), api.context.audit.log.store
    store.add([AuditEntry("test.many", "200", f"actor {number}", image_id=image) for number in range(51)])
    store.add([AuditEntry("images.delete", "409", "<b>eve</b>", detail="<i>why</i>", image_id=image)])

    first = admin.get(f"/ops/audit?image={image}", **ENGLISH)
    older = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert older
    second = admin.get(older[1].replace("&amp;", "&"), **ENGLISH)

    assert first.text.count('class="audit-action"') == 50
    assert second.text.count('class="audit-action"') == 2
    assert "&lt;b&gt;eve&lt;/b&gt;" in first.text
    assert "<i>" not in first.text
    assert "Delete an image" in first.text
    assert '<span class="badge bad">409</span>' in first.text
    assert "actor 7<" in admin.get("/ops/audit?who=actor%207&action=test.many", **ENGLISH).text
    assert "No entry matches the filter." in admin.get("/ops/audit?since=9998-01-01", **ENGLISH).text
    invalid = admin.get("/ops/audit?since=yesterday&image=x", **ENGLISH)
    assert invalid.status_code == 422
    assert "Enter a date in the form" in invalid.text
    assert "Enter the ID of an image." in invalid.text

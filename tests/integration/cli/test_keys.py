"""`captiond keys`, and the services that require its keys."""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from captiond.access import make_key
from captiond.archive.keys import KeyStore
from captiond.cli.errors import UsageError
from captiond.cli.keys import parse_expiry
from tests.e2e.product import Place, photo, wait_until
from tests.servers.ports import free_port

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TOKEN = re.compile(r"captiond_[A-Za-z0-9_-]{43}\n")


def create(place: Place, name: str, *options: str) -> str:
    """Create a key. Returns its secret."""
    done = place.run("keys", "create", name, *options)
    assert done.status == 0, done.stderr
    assert TOKEN.fullmatch(done.stdout)
    return done.stdout.strip()


def test_secret_is_the_only_line_on_stdout_and_is_not_shown_again(migrated: Place) -> None:
    done = migrated.run("keys", "create", "gate", "--scope", "upload")

    assert TOKEN.fullmatch(done.stdout)
    assert "not shown again" in done.stderr
    shown = migrated.run("keys", "list").stdout + migrated.run("keys", "list", "--json").stdout
    assert done.stdout.strip() not in shown
    assert "gate" in shown


def test_list_fits_a_terminal_and_shows_whole_ids(migrated: Place) -> None:
    networks = [option for number in range(8) for option in ("--network", f"2001:db8:{number}::/48")]
    create(migrated, "n" * 40, "--scope", "upload", "--scope", "read", "--camera", "c" * 64, *networks)
    create(migrated, "short", "--scope", "admin", "--expires", "90d")
    assert migrated.run("keys", "revoke", "short").status == 0

    lines = migrated.run("keys", "list").stdout.splitlines()

    described = [json.loads(line) for line in migrated.run("keys", "list", "--json").stdout.splitlines()]
    assert [key["state"] for key in described] == ["active", "revoked"]
    assert lines[0] == f"{described[0]['id']}  {'n' * 40}"
    assert len(lines[0]) <= 80
    assert lines[1] == "    active, scopes: read, upload"
    assert described[0]["networks"][7] == "2001:db8:7::/48"
    assert "last used never" in lines[2]
    assert f"    camera: {'c' * 64}" in lines


def test_json_of_a_new_key_has_its_secret(migrated: Place) -> None:
    options = ["--scope", "read", "--network", "10.0.0.0/8", "--expires", "2099-12-31", "--json"]
    key = json.loads(migrated.run("keys", "create", "reader", *options).stdout)

    assert TOKEN.fullmatch(f"{key['key']}\n")
    assert (key["scopes"], key["networks"], key["expires_at"]) == (
        ["read"],
        ["10.0.0.0/8"],
        "2099-12-31T00:00:00.000000Z",
    )


def test_key_is_revoked_by_id_or_name(migrated: Place) -> None:
    create(migrated, "a", "--scope", "read")
    create(migrated, "b", "--scope", "read")
    first = json.loads(migrated.run("keys", "list", "--json").stdout.splitlines()[0])

    assert migrated.run("keys", "revoke", first["id"], "b").status == 0

    again = migrated.run("keys", "revoke", first["id"])
    assert (again.status, again.problem) == (2, f"the key {first['id']} is revoked already")
    by_name = migrated.run("keys", "revoke", "b")
    assert (by_name.status, by_name.problem.endswith(" is revoked already")) == (2, True)


def test_name_stands_for_the_active_key_else_for_the_expired_one(migrated: Place) -> None:
    with KeyStore.open(migrated.settings["database_url"]) as store:
        expired, _ = make_key("a", frozenset(), expires_at=datetime.now(UTC) - timedelta(seconds=1))
        store.create(expired)
    create(migrated, "a", "--scope", "read")

    first, second, third = (migrated.run("keys", "revoke", "a") for _ in range(3))

    assert (first.status, str(expired.id) in first.stdout) == (0, False)
    assert (second.status, second.stdout) == (0, f"revoked {expired.id}  a\n")
    assert (third.status, third.problem) == (2, "all keys named 'a' are revoked already")


def test_name_of_several_expired_keys_is_refused(migrated: Place) -> None:
    with KeyStore.open(migrated.settings["database_url"]) as store:
        keys = [make_key("a", frozenset(), expires_at=datetime.now(UTC))[0] for _ in range(2)]
        for key in keys:
            store.create(key)

    done = migrated.run("keys", "revoke", "a")

    assert (done.status, done.stdout) == (2, "")
    assert done.problem == f"2 expired keys are named 'a'; give an id: {keys[0].id}, {keys[1].id}"
    assert migrated.run("keys", "revoke", str(keys[1].id).upper()).status == 0


def test_no_key_is_revoked_beside_one_that_is_revoked_already(migrated: Place) -> None:
    create(migrated, "old", "--scope", "read")
    create(migrated, "new", "--scope", "read")
    assert migrated.run("keys", "revoke", "old").status == 0

    assert migrated.run("keys", "revoke", "new", "old").status == 2

    assert migrated.run("keys", "revoke", "new").status == 0
    unknown = migrated.run("keys", "revoke", "c")
    assert (unknown.status, unknown.problem) == (1, "no key c; list them with `captiond keys list`")


def test_empty_list(migrated: Place) -> None:
    assert migrated.run("keys", "list").stdout == "no keys\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["x", "--scope", "write"], "Invalid value for '--scope'"),
        (["x"], "Missing option '--scope'"),
        ([" ", "--scope", "read"], "NAME: ' ' must have 1 to 40 printable characters"),
        (["x" * 41, "--scope", "read"], "must have 1 to 40"),
        (["x", "--scope", "read", "--camera", "c" * 65], "--camera: "),
        (["x", "--scope", "read", "--network", "10.0.0.1/8"], "--network: 10.0.0.1/8 has host bits set"),
        (["x", "--scope", "read", *["--network", "10.0.0.1"] * 33], "33 networks; the limit is 32"),
        (["x", "--scope", "read", "--expires", "soon"], "--expires: 'soon' is neither a period"),
        (["01980000-0000-7000-8000-000000000000", "--scope", "read"], "be no id"),
    ],
)
def test_invalid_key_is_refused(here: Place, options: list[str], message: str) -> None:
    done = here.run("keys", "create", *options)

    assert done.status == 2
    assert message in done.problem


def test_names_of_a_key_are_normalised(migrated: Place) -> None:
    done = migrated.run("keys", "create", "Cafe\u0301", "--scope", "upload", "--camera", 64 * "e\u0301", "--json")

    key = json.loads(done.stdout)
    assert (key["name"], key["camera"]) == ("Caf\u00e9", 64 * "\u00e9")


def test_second_key_of_a_name_is_refused(migrated: Place) -> None:
    create(migrated, "gate", "--scope", "upload")

    assert "a key named 'gate' exists" in migrated.run("keys", "create", "gate", "--scope", "upload").problem


def test_missing_database_is_reported(here: Place) -> None:
    done = here.run("keys", "list")

    assert done.status == 2
    assert "run `captiond migrate`" in done.problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", NOW + timedelta(hours=12)),
        ("90d", NOW + timedelta(days=90)),
        ("2w", NOW + timedelta(days=14)),
        ("2030-01-02", NOW + timedelta(days=1)),
        ("2030-01-02T01:00:00+01:00", NOW + timedelta(days=1)),
    ],
)
def test_expiry_is_a_period_or_a_time(text: str, expected: datetime) -> None:
    assert parse_expiry(text, NOW) == expected


@pytest.mark.parametrize("text", ["0d", "2029-12-31", "90", "-1d", "0001-01-01T00:00:00+14:00", ""])
def test_other_expiry_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--expires"):
        parse_expiry(text, NOW)


def test_services_require_and_revoke_keys(migrated: Place) -> None:
    port = free_port()
    secured = migrated.but(auth="keys", api_url=f"http://127.0.0.1:{port}")
    (secured.folder / "photo.jpg").write_bytes(photo())
    token = create(secured, "sender", "--scope", "upload")
    api = secured.start("api", "--port", str(port))
    try:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            wait_until(lambda: _is_live(client), 30, "the API answers")
            send = ("send", "photo.jpg", "--description", "x")
            assert secured.but(api_key=token).run(*send).status == 0
            refused = secured.run(*send)
            assert refused.status == 1
            assert "Send a valid API key" in refused.stderr

            assert client.get("/api/images").status_code == 403
            assert secured.run("keys", "revoke", "sender").status == 0
            revoked_at = time.monotonic()
            wait_until(lambda: client.get("/api/images").status_code == 401, 10, "the key is refused")
            assert time.monotonic() - revoked_at < 10
    finally:
        api.terminate()
        api.wait(30)
    written = (secured.folder / "stderr").read_text() + (secured.folder / "log" / "api.log").read_text()
    assert token not in written


def test_secrets_are_not_shown_by_config(migrated: Place) -> None:
    token = create(migrated, "sender", "--scope", "upload")
    for options in ((), ("--json",)):
        shown = migrated.but(api_key=token, auth="keys").run("config", *options)
        assert token not in shown.stdout + shown.stderr
        assert shown.status == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"auth": "on"}, "CAPTIOND_AUTH: "),
        ({"auth_user_header": "X-User"}, "CAPTIOND_AUTH_USER_HEADER needs CAPTIOND_AUTH=keys"),
        ({"auth": "keys", "auth_groups": "a=read"}, "need CAPTIOND_AUTH_USER_HEADER"),
        ({"auth": "keys", "auth_user_header": "X-User", "auth_groups": "a=write"}, "no scope 'write'"),
        ({"auth": "keys", "auth_user_header": "Authorization"}, "is a header that clients send"),
        ({"auth": "keys", "auth_user_header": "X User"}, "no name of a header"),
    ],
)
def test_invalid_settings_are_refused(migrated: Place, settings: dict[str, str], message: str) -> None:
    done = migrated.but(**settings).run("api", "--port", str(free_port()))

    assert done.status == 2
    assert message in done.stderr.splitlines()[-1]


def _is_live(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False

"""The exit statuses that docs/reference/cli.md and the helps state, where no other test has them."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from captiond.access import Scope
from tests.e2e.product import Done, Pipeline, Place, photo
from tests.integration.api.serving import Api, Backends, open_api
from tests.integration.receivers import receiving, status
from tests.servers.ports import free_port
from tests.servers.queues import RedisServer

UNKNOWN = "0197a3b4-0000-7000-8000-000000000001"
REMOTE = ("list", f"get {UNKNOWN}", f"wait {UNKNOWN} --timeout 1", "events --count 1", "export -o export.zip")
DATABASE = (
    "keys create x --scope read",
    "keys list",
    "keys revoke x",
    "webhooks create x http://127.0.0.1:1/",
    "webhooks list",
    "webhooks test x",
    "webhooks rotate x",
    "webhooks enable x",
    "webhooks delete x",
    "hold",
    f"hold {UNKNOWN}",
    f"unhold {UNKNOWN}",
    f"delete {UNKNOWN}",
    "prune --older-than 1d",
    "seal",
    "audit",
    f"restore {UNKNOWN} -o x.jpg",
    "verify",
)
REDIS = ("queues", "dead list", "dead show x", "dead retry x", "dead export x x", "dead drop x --yes")


def remote(place: Place, command: str, url: str, **settings: str) -> Done:
    return place.but(**settings).run(*command.split(), "--url", url)


@pytest.fixture(scope="module")
def locked(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that requires keys."""
    backends = Backends(f"{valkey.url}?db=3", tmp_path_factory.mktemp("locked"), requires_keys=True)
    with open_api(backends) as api:
        yield api


@pytest.fixture(scope="module")
def of_another_host(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API that refuses the host of its address."""
    backends = Backends(f"{valkey.url}?db=4", tmp_path_factory.mktemp("host"), allowed_hosts=("captiond.example",))
    with open_api(backends) as api:
        yield api


@pytest.mark.parametrize("command", REMOTE)
def test_refused_key_or_host_exits_with_2(here: Place, locked: Api, of_another_host: Api, command: str) -> None:
    _, upload_only = locked.create_key(f"sender {command}"[:40], Scope.UPLOAD)

    without = remote(here, command, locked.url)
    forbidden = remote(here, command, locked.url, api_key=upload_only)
    misdirected = remote(here, command, of_another_host.url)

    assert [done.status for done in (without, forbidden, misdirected)] == [2, 2, 2]
    assert all(done.problem and not done.stdout for done in (without, forbidden, misdirected))


@pytest.mark.parametrize("command", REMOTE)
def test_unavailable_api_exits_with_2_after_several_attempts(here: Place, command: str) -> None:
    with receiving(status("503 Service Unavailable", "Retry-After: 0")) as server:
        done = remote(here, command, f"http://127.0.0.1:{server.port}")

    assert (done.status, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "captiond: HTTP 503"
    assert len(server.requests) > 1


def test_image_that_is_not_stored_in_time_exits_with_1(here: Place, valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(f"{valkey.url}?db=5", tmp_path)) as api:
        image_id = api.send(photo(32, 32), "queued").json()["id"]

        waited = remote(here, f"wait {image_id} --timeout 0", api.url)
        got = remote(here, f"get {image_id} --wait --timeout 0", api.url)
        early = remote(here, f"get {image_id}", api.url)

    assert [done.status for done in (waited, got, early)] == [1, 1, 1]
    assert "is still queued after 0 s" in waited.problem


def test_deleted_image_exits_with_1(pipeline: Pipeline) -> None:
    image_id = pipeline.send(photo(32, 32), "deleted")
    pipeline.await_status(image_id, "stored")
    assert pipeline.place.run("delete", image_id).status == 0

    for command in (f"wait {image_id}", f"get {image_id} --wait", f"get {image_id} --metadata"):
        assert remote(pipeline.place, command, pipeline.url).status == 1


@pytest.mark.parametrize("command", DATABASE)
def test_command_without_a_database_exits_with_2(here: Place, command: str) -> None:
    done = here.run(*command.split())

    assert (done.status, done.stdout) == (2, "")
    assert "captiond.db does not exist; run `captiond migrate`" in done.stderr


@pytest.mark.parametrize("command", REDIS)
def test_command_without_redis_exits_with_2(migrated: Place, command: str) -> None:
    done = migrated.but(redis_url=f"redis://127.0.0.1:{free_port()}/0").run(*command.split())

    assert (done.status, done.stdout) == (2, "")
    assert done.problem.startswith("Redis ")


@pytest.mark.parametrize("command", ["config", "doctor", "migrate", "signing-key create", "caption a.jpg x -o b.jpg"])
def test_invalid_setting_exits_with_2(here: Place, command: str) -> None:
    done = here.but(font_size="big").run(*command.split())

    assert (done.status, done.stdout) == (2, "")
    assert done.problem.startswith("CAPTIOND_FONT_SIZE: ")


def test_intact_export_exits_with_0_and_an_altered_one_with_1(here: Place) -> None:
    (here.folder / "index.csv").write_text("x")
    (here.folder / "SHA256SUMS").write_text(f"{sha256(b'x').hexdigest()}  index.csv\n")

    intact = here.run("verify", "--export", ".")
    (here.folder / "index.csv").write_text("y")
    altered = here.run("verify", "--export", ".")

    assert (intact.status, intact.stdout.splitlines()[-1]) == (0, "export: ok")
    assert (altered.status, altered.stdout.splitlines()) == (
        1,
        ["altered: index.csv", "1 file, 0 proofs, 0 seals, 0 images without a proof", "export: 1 problem"],
    )

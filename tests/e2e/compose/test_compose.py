"""The compose files on a Docker engine: services, permissions, crashes.

The tests share one stack and leave it running.
"""

import json

import httpx
import pytest

from tests.e2e.compose.conftest import HOST_USER
from tests.e2e.compose.photos import make_photos
from tests.e2e.compose.stack import Stack, read_status, wait_until, wait_until_stored

pytestmark = pytest.mark.timeout(500)  # the first one builds the image

SERVICES = ("api", "archiver", "captioner")


def test_uploaded_image_is_returned_with_its_caption(stack: Stack) -> None:
    photos = make_photos(3, "Съешь ещё этих мягких булок")

    with stack.open_client() as client:
        ids = [photo.send(client) for photo in photos]
        wait_until_stored(client, ids)

        for image_id, photo in zip(ids, photos, strict=True):
            photo.assert_captioned(_fetch(client, image_id))


def test_containers_have_no_capabilities_and_a_read_only_root(stack: Stack) -> None:
    template = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}"

    results = stack.inspect(template)

    assert set(results.values()) == {"true [ALL] [no-new-privileges:true]"}
    for service in (*SERVICES, "redis", "database"):
        assert stack.run_in(service, "id", "-u").strip() != "0"
        status = stack.run_in(service, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status
        assert "Uid:\t0" not in status


def test_only_the_api_port_is_published(stack: Stack) -> None:
    results = stack.inspect("{{len .HostConfig.PortBindings}}")

    assert {name for name, count in results.items() if count != "0"} == {"api-1"}


def test_image_contains_fonts_and_no_build_tools(stack: Stack) -> None:
    fonts = stack.run_in("captioner", "find", "/usr/share/fonts", "-name", "*.ttf")
    modules = "import importlib.util as u; print([n for n in ('setuptools', 'Cython', 'pip') if u.find_spec(n)])"

    assert "LiberationSans-Regular.ttf" in fonts
    assert "DejaVuSans.ttf" in fonts
    assert stack.run_in("captioner", "python", "-c", modules).strip() == "[]"
    assert stack.run_in("captioner", "sh", "-c", "command -v gcc || echo none").strip() == "none"


def test_killed_captioner_loses_no_image(stack: Stack) -> None:
    photos = make_photos(60, "killed")
    stack.up("--scale", "captioner=3")

    with stack.open_client() as client:
        stack.freeze("captioner-2")  # Redis still delivers messages to its blocking read
        ids = [photo.send(client) for photo in photos[:30]]
        stack.kill("captioner-2")
        ids += [photo.send(client) for photo in photos[30:]]
        wait_until_stored(client, ids)

        for image_id, photo in zip(ids, photos, strict=True):
            photo.assert_captioned(_fetch(client, image_id))
    assert stack.inspect("{{.State.Running}}")["captioner-2"] == "false"
    stack.up()


def test_queued_messages_survive_a_killed_redis(stack: Stack) -> None:
    photos = make_photos(5, "waiting in redis")
    stack.compose("stop", "captioner")
    with stack.open_client() as client:
        ids = [photo.send(client) for photo in photos]
        assert {read_status(client, image_id) for image_id in ids} == {"queued"}

    stack.kill("redis-1")
    stack.up()

    with stack.open_client() as client:
        wait_until_stored(client, ids)


def test_killed_archiver_resumes_after_its_restart(stack: Stack) -> None:
    photos = make_photos(5, "waiting for the archiver")
    stack.kill("archiver-1")
    with stack.open_client() as client:
        ids = [photo.send(client) for photo in photos]
        wait_until(
            lambda: {read_status(client, image_id) for image_id in ids} == {"captioned"},
            lambda: "not captioned",
        )

        stack.up()

        wait_until_stored(client, ids)


def test_images_survive_recreated_containers(stack: Stack) -> None:
    (photo,) = make_photos(1, "here to stay")
    with stack.open_client() as client:
        image_id = photo.send(client)
        wait_until_stored(client, [image_id])
        before = _fetch(client, image_id)

    stack.compose("down")
    stack.up()

    with stack.open_client() as client:
        assert _fetch(client, image_id) == before
        assert image_id in [row["id"] for row in client.get("/api/images").json()]
    stack.run_in("api", "captiond", "verify")


def test_stop_exits_cleanly_and_start_recovers(stack: Stack) -> None:
    stack.compose("stop")
    exit_codes = stack.inspect("{{.State.ExitCode}}")

    stack.up()

    assert set(exit_codes.values()) == {"0"}, exit_codes
    with stack.open_client() as client:
        client.get("/health/ready").raise_for_status()


@pytest.mark.parametrize("service", SERVICES)
def test_doctor_passes_in_each_container(stack: Stack, service: str) -> None:
    report = json.loads(stack.run_in(service, "captiond", "doctor", "--json"))

    assert (report["role"], report["ok"]) == (service, True)


def test_services_log_to_their_files_without_tracebacks(stack: Stack) -> None:
    for service in SERVICES:
        log = stack.run_in(service, "cat", f"/var/log/captiond/{service}.log")

        assert log
        assert "Traceback" not in log
    assert "Traceback" not in stack.read_logs()


def test_pipeline_runs_on_mariadb(mariadb_stack: Stack) -> None:
    assert_images_survive_a_restart(mariadb_stack)

    assert "MariaDB" in mariadb_stack.run_in("database", "mariadbd", "--version")


def test_dotenv_selects_settings_host_folders_and_their_user(valkey_stack: Stack) -> None:
    assert_images_survive_a_restart(valkey_stack)

    font_name = valkey_stack.run_in("captioner", "printenv", "CAPTIOND_FONT_NAME")
    assert font_name.strip() == "Liberation Sans"
    assert "valkey" in valkey_stack.run_in("redis", "valkey-cli", "info", "server")
    [image] = (valkey_stack.folder / "images").rglob("*.jpg")
    assert (image.stat().st_uid, image.stat().st_gid) == (HOST_USER, HOST_USER)
    logs = {path.name for path in (valkey_stack.folder / "log").glob("*.log")}
    assert logs - {"audit.log"} == {"api.log", "captioner.log", "archiver.log", "notifier.log"}


def test_upload_without_a_replica_returns_503(ha_stack: Stack) -> None:
    assert_images_survive_a_restart(ha_stack)
    (photo,) = make_photos(1, "Ёж")

    ha_stack.compose("pause", "redis-replica")
    with ha_stack.open_client() as client:
        refused = photo.post(client)
    ha_stack.compose("unpause", "redis-replica")
    with ha_stack.open_client() as client:
        photo.send(client)

    assert refused.status_code == 503
    assert "Too few Redis replicas" in refused.json()["detail"]


def assert_images_survive_a_restart(stack: Stack) -> None:
    (photo,) = make_photos(1, "Ёж 🦔 ß 漢字")
    with stack.open_client() as client:
        image_id = photo.send(client)
        wait_until_stored(client, [image_id])
        before = _fetch(client, image_id)
        photo.assert_captioned(before)

    stack.compose("down")
    stack.up()

    with stack.open_client() as client:
        assert _fetch(client, image_id) == before
        (row,) = client.get("/api/images").json()
        assert row["description"] == photo.description
    stack.run_in("api", "captiond", "verify")
    stack.run_in("archiver", "captiond", "doctor")


def _fetch(client: httpx.Client, image_id: str) -> bytes:
    return client.get(f"/api/images/{image_id}").raise_for_status().content

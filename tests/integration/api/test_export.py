import io
import shutil
import subprocess
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine
from sqlalchemy import delete as sql_delete

from captiond.access import Scope
from captiond.archive import StoredImage
from captiond.archive.sql.rows import IMAGES
from captiond.imaging import Captioner, Style
from tests.contract.archive.making import replace_image
from tests.e2e.product import photo, wait_until
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

START = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)


def export(api: Api, **parameters: str | int) -> zipfile.ZipFile:
    response = api.client.get("/api/export.zip", params=parameters)
    assert response.status_code == 200, response.text
    return zipfile.ZipFile(io.BytesIO(response.content))


def archive(api: Api, count: int, **values: object) -> list[StoredImage]:
    """Archive images with different contents, oldest first."""
    return api.archive(
        *(
            replace_image(record(jpeg(16 + number, 16), f"Photo {number}", START + timedelta(hours=number)), **values)
            for number in range(count)
        )
    )


def path_of(image: StoredImage, folder: str = "images") -> str:
    return f"{folder}/{image.received_at:%Y-%m-%d/%H}/{image.id}.jpg"


def exported(zipped: zipfile.ZipFile) -> set[str]:
    return {Path(name).stem for name in zipped.namelist() if name.startswith("images/")}


def test_export_contains_images_and_index(own_api: Api) -> None:
    older, newer = archive(own_api, 2)

    response = own_api.client.get("/api/export.zip")

    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"].startswith('attachment; filename="captiond-2')
    assert "link" not in response.headers
    with zipfile.ZipFile(io.BytesIO(response.content)) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == [path_of(newer), path_of(older), "index.html", "index.csv", "SHA256SUMS"]
        assert {entry.compress_type for entry in zipped.infolist()} == {zipfile.ZIP_STORED}
        assert sha256(zipped.read(path_of(newer))).digest() == newer.sha256
        assert zipped.getinfo(path_of(newer)).date_time == (2026, 11, 23, 23, 30, 0)


def test_unzipped_export_matches_its_checksums(own_api: Api, tmp_path: Path) -> None:
    archive(own_api, 3)
    (tmp_path / "export.zip").write_bytes(own_api.client.get("/api/export.zip").content)

    unzip = shutil.which("unzip")
    if unzip:
        subprocess.run([unzip, "-q", "export.zip"], cwd=tmp_path, check=True)
    else:
        zipfile.ZipFile(tmp_path / "export.zip").extractall(tmp_path)

    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(check.stdout.splitlines()) == 3 + len(["index.html", "index.csv"])


def test_export_has_the_filters_of_the_list(own_api: Api) -> None:
    [yard] = archive(own_api, 1, camera="yard")
    archive(own_api, 2, camera="gate")

    assert exported(export(own_api, camera="yard")) == {str(yard.id)}
    assert len(exported(export(own_api, q="photo 0"))) == 2
    assert exported(export(own_api, to=START.isoformat())) == set()


def test_export_can_be_limited_to_chosen_images(own_api: Api) -> None:
    images = archive(own_api, 3)
    chosen = [str(image.id) for image in images[:2]]

    response = own_api.client.get("/api/export.zip", params={"id": chosen})
    first_part = own_api.client.get("/api/export.zip", params={"id": chosen, "limit": 1})

    assert exported(zipfile.ZipFile(io.BytesIO(response.content))) == set(chosen)
    assert first_part.links["next"]["url"].count("id=") == 2
    for ids in (["x"], chosen[:1] * 201):
        refused = own_api.client.get("/api/export.zip", params={"id": ids})
        assert problem(refused) == (422, "invalid-request")


def test_parts_follow_the_link_header(own_api: Api) -> None:
    images = archive(own_api, 5)

    found, url = [], "/api/export.zip?limit=2"
    while url:
        response = own_api.client.get(url)
        found.append(exported(zipfile.ZipFile(io.BytesIO(response.content))))
        url = response.links.get("next", {}).get("url", "")

    newest_first = [str(image.id) for image in reversed(images)]
    assert found == [set(newest_first[:2]), set(newest_first[2:4]), set(newest_first[4:])]


def test_originals_are_stored_or_restored(own_api: Api) -> None:
    upload = photo(64, 48)
    made = Captioner(Style()).add_caption(upload, "Привет")
    restorable = replace_image(record(made.jpeg, "restored"), upload_sha256=sha256(upload).digest())
    kept = replace(replace_image(restorable, id=uuid.uuid4()), jpeg=jpeg(), original=upload)
    gone = replace_image(record(jpeg(), "gone"), reencode_reason="more than one scan")
    images = own_api.archive(restorable, kept, gone)

    with export(own_api, originals="true") as zipped:
        assert zipped.read(path_of(images[0], "originals")) == upload
        assert zipped.read(path_of(images[1], "originals")) == upload
        assert zipped.read("MISSING.txt").decode() == (
            f"{path_of(images[2], 'originals')}: "
            "the photo was re-encoded (more than one scan) and its upload was not stored\n"
        )
        assert path_of(images[2], "originals") not in zipped.read("SHA256SUMS").decode()


def test_missing_and_altered_files_are_listed(own_api: Api) -> None:
    missing, shorter, swapped, intact = archive(own_api, 4)
    own_api.context.archive.file(missing).unlink()
    own_api.context.archive.file(shorter).write_bytes(b"short")
    own_api.context.archive.file(swapped).write_bytes(bytes(swapped.size_bytes))

    with export(own_api) as zipped:
        assert exported(zipped) == {str(intact.id)}
        assert zipped.read("MISSING.txt").decode().splitlines() == [
            f"{path_of(swapped)}: the file in the archive was changed",
            f"{path_of(shorter)}: the file in the archive was changed",
            f"{path_of(missing)}: the file is missing from the archive",
        ]
        assert [line[66:] for line in zipped.read("SHA256SUMS").decode().splitlines()] == [
            path_of(intact),
            *("index.html", "index.csv", "MISSING.txt"),
        ]
        assert "3 missing files" in zipped.read("index.html").decode()


def test_file_that_cannot_be_read_is_listed(own_api: Api) -> None:
    broken, intact = archive(own_api, 2)
    own_api.context.archive.file(broken).unlink()
    own_api.context.archive.file(broken).mkdir()  # reading a directory fails as a damaged disk does

    with export(own_api) as zipped:
        assert exported(zipped) == {str(intact.id)}
        assert zipped.read("MISSING.txt").decode() == f"{path_of(broken)}: the file in the archive cannot be read\n"


def test_empty_export_is_a_valid_archive(own_api: Api) -> None:
    with export(own_api) as zipped:
        assert zipped.testzip() is None
        assert zipped.namelist() == ["index.html", "index.csv", "SHA256SUMS"]


def test_invalid_parameters_return_422(api: Api) -> None:
    for parameters in ({"limit": "0"}, {"limit": "1001"}, {"before": "x"}, {"from": "yesterday"}, {"originals": "2"}):
        assert problem(api.client.get("/api/export.zip", params=parameters)) == (422, "invalid-request")


@pytest.fixture
def limited(valkey: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """An app that sends one export at a time."""
    with open_api(Backends(valkey.url, tmp_path, exports=1)) as opened:
        yield opened


def test_exports_beyond_the_limit_get_503_until_one_ends(limited: Api) -> None:
    archive(limited, 1)
    large = record(jpeg() + bytes(20 << 20), "large")  # more than the buffers of both sockets
    limited.archive(large)

    with limited.client.stream("GET", "/api/export.zip") as running:
        refused = limited.client.get("/api/export.zip")
        content = b"".join(running.iter_bytes())

    assert problem(refused) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert len(exported(zipfile.ZipFile(io.BytesIO(content)))) == 2
    assert limited.client.get("/api/export.zip").status_code == 200


def test_images_stored_and_deleted_during_an_export(limited: Api, tmp_path: Path) -> None:
    images = archive(limited, 3)
    [large] = limited.archive(record(jpeg() + bytes(20 << 20), "large", START + timedelta(days=1)))

    with limited.client.stream("GET", "/api/export.zip") as running:  # waits within the newest image
        pieces = running.iter_bytes()
        content = next(pieces)
        archive(limited, 1, received_at=START + timedelta(days=2))
        delete(limited, images[0], tmp_path)
        content += b"".join(pieces)

    zipped = zipfile.ZipFile(io.BytesIO(content))
    assert exported(zipped) == {str(large.id), *(str(image.id) for image in images[1:])}
    assert "MISSING.txt" not in zipped.namelist()


def delete(api: Api, image: StoredImage, folder: Path) -> None:
    engine = create_engine(f"sqlite:///{folder}/captiond.db")
    with engine.begin() as connection:
        connection.execute(sql_delete(IMAGES).where(IMAGES.c.id == image.id))
    engine.dispose()
    api.context.archive.file(image).unlink()


def test_export_waits_for_an_unmounted_images_directory(
    limited: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive(limited, 3)
    limited.archive(record(jpeg() + bytes(20 << 20), "large", START + timedelta(days=1)))

    with limited.client.stream("GET", "/api/export.zip") as running:
        pieces = running.iter_bytes()
        content = next(pieces)
        (tmp_path / "images").rename(tmp_path / "away")
        while len(content) < 20 << 20:
            content += next(pieces)
        wait_until(lambda: "export waits: " in caplog.text, 30, "the export has failed to read an image")
        (tmp_path / "away").rename(tmp_path / "images")
        content += b"".join(pieces)

    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        assert len(exported(zipped)) == 4
        assert "MISSING.txt" not in zipped.namelist()


def test_client_that_leaves_ends_its_export(limited: Api) -> None:
    limited.archive(record(jpeg() + bytes(20 << 20), "large"))

    with limited.client.stream("GET", "/api/export.zip"):
        pass

    wait_until(lambda: limited.client.get("/api/export.zip").status_code == 200, 30, "the export has ended")


def test_revoked_key_interrupts_an_export(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, requires_keys=True)) as api:
        api.archive(record(jpeg() + bytes(20 << 20), "large"))
        key, token = api.create_key("auditor", Scope.READ)
        api.client.headers["X-API-Key"] = token

        with api.client.stream("GET", "/api/export.zip") as running:
            assert api.keys.revoke(key.id)
            wait_until(lambda: api.client.get("/api/images").status_code == 401, 30, "the key is refused")
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
                running.read()


def test_interrupted_export_is_incomplete_for_the_client(limited: Api) -> None:
    limited.archive(record(jpeg() + bytes(20 << 20), "large"))

    with limited.client.stream("GET", "/api/export.zip") as running:
        limited.context.stopping.set()
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            running.read()

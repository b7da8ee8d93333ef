"""Exports with proofs, and their check without the archive."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import update

from captiond.archive import StoredImage
from captiond.archive.sql.rows import IMAGES as ROWS
from captiond.archive.sql.seals import SEALS
from captiond.evidence import SigningKeys, create_signing_key
from captiond.operations.export.check import ExportCheck, NoExport
from captiond.services.api import Signing
from tests.integration.api.serving import Api, Backends, jpeg, open_api, record
from tests.servers.queues import RedisServer

IMAGES = 5


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    create_signing_key(path)
    return SigningKeys.read(path)


@pytest.fixture
def signing_api(valkey: RedisServer, tmp_path: Path, keys: SigningKeys) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path, signing=Signing(keys))) as opened:
        yield opened


@pytest.fixture
def archived(signing_api: Api, keys: SigningKeys) -> list[StoredImage]:
    """Images in an unsigned seal, in a signed seal, and one in no seal."""
    seals = signing_api.context.archive.seals
    first = signing_api.archive(*(record(jpeg(16 + number, 16), "first") for number in range(IMAGES)))
    seals.seal(None)
    second = signing_api.archive(*(record(jpeg(32 + number, 16), "second") for number in range(IMAGES)))
    seals.seal(keys.signer)
    return [*first, *second, *signing_api.archive(record(jpeg(64, 16), "third"))]


def export(api: Api, folder: Path, **parameters: str) -> Path:
    response = api.client.get("/api/export.zip", params={"proofs": "true", **parameters})
    assert response.status_code == 200, response.text
    zipfile.ZipFile(io.BytesIO(response.content)).extractall(folder)
    return folder


def check(folder: Path, keys: SigningKeys) -> list[str]:
    return list(ExportCheck(folder, keys.public).run())


@pytest.mark.usefixtures("archived")
def test_export_has_the_proofs_of_sealed_images(signing_api: Api, keys: SigningKeys, tmp_path: Path) -> None:
    folder = export(signing_api, tmp_path / "export")

    done = ExportCheck(folder, keys.public)
    assert list(done.run()) == []
    assert (done.counts["proofs"], done.counts["seals"], done.counts["unproved"]) == (2 * IMAGES, 2, 1)
    assert "no seal contains the image yet" in (folder / "MISSING.txt").read_text()
    [path, *_] = (folder / "proofs").rglob("*.json")
    assert json.loads(path.read_text()) == signing_api.client.get(f"/api/images/{path.stem}/proof").json()
    assert json.loads((folder / "seals.json").read_text()) == signing_api.client.get("/api/seals").json()
    assert json.loads((folder / "jwks.json").read_text()) == keys.jwks()


def test_seals_before_those_of_the_images_are_left_out(
    signing_api: Api, keys: SigningKeys, archived: list[StoredImage], tmp_path: Path
) -> None:
    folder = export(signing_api, tmp_path / "export", q="second", originals="true")

    assert len(list(folder.glob("proofs/*/*/*.json"))) == IMAGES < len(archived)
    assert [seal["number"] for seal in json.loads((folder / "seals.json").read_text())] == [2]
    assert check(folder, keys) == []


def alter_image(folder: Path) -> str:
    """Replace an image and its checksum."""
    proofs = {proof.stem for proof in (folder / "proofs").rglob("*.json")}
    path = next(path for path in (folder / "images").rglob("*.jpg") if path.stem in proofs)
    before = sha256(path.read_bytes()).hexdigest()
    path.write_bytes(b"other")
    replace(folder / "SHA256SUMS", before, sha256(b"other").hexdigest())
    return "it proves another file than images/"


def delete_image(folder: Path) -> str:
    next((folder / "images").rglob("*.jpg")).unlink()
    return "missing: images/"


def alter_table(folder: Path) -> str:
    replace(folder / "index.csv", "second", "altered")
    return "altered: index.csv"


def swap_proofs(folder: Path) -> str:
    one, other, *_ = (folder / "proofs").rglob("*.json")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    return "it proves the image "


def damage_proof(folder: Path) -> str:
    next((folder / "proofs").rglob("*.json")).write_text("{}")
    return "it has another form"


def alter_first_seal(folder: Path) -> str:
    replace(folder / "seals.json", '\\"complete\\":true,\\"number\\":1', '\\"complete\\":false,\\"number\\":1')
    return "is not that of seals.json"


def alter_second_seal(folder: Path) -> str:
    replace(folder / "seals.json", '\\"complete\\":true,\\"number\\":2', '\\"complete\\":false,\\"number\\":2')
    return "altered seal: 2 (its signature is that of another seal)"


def break_chain(folder: Path) -> str:
    seals = json.loads((folder / "seals.json").read_text())
    statement = json.loads(seals[0]["statement"])
    seals[0]["statement"] = json.dumps({**statement, "size": 1})
    (folder / "seals.json").write_text(json.dumps(seals))
    return "altered seal: 2 (it does not follow the seal before it)"


def forge_signature(folder: Path) -> str:
    seals = json.loads((folder / "seals.json").read_text())
    seals[1]["signature"] = "x.y.z"
    (folder / "seals.json").write_text(json.dumps(seals))
    return "altered seal: 2 (the signature is not valid"


def remove_signature(folder: Path) -> str:
    seals = json.loads((folder / "seals.json").read_text())
    seals[1]["signature"] = None
    (folder / "seals.json").write_text(json.dumps(seals))
    return "altered seal: 2 (the newest seal has no signature)"


def replace(path: Path, old: str, new: str) -> None:
    content = path.read_bytes()
    assert old.encode() in content
    path.write_bytes(content.replace(old.encode(), new.encode(), 1))


@pytest.mark.usefixtures("archived")
def test_each_alteration_is_found(signing_api: Api, keys: SigningKeys, tmp_path: Path) -> None:
    alterations: list[Callable[[Path], str]] = [
        *(alter_image, delete_image, alter_table, swap_proofs, damage_proof),
        *(alter_first_seal, alter_second_seal, break_chain, forge_signature, remove_signature),
    ]
    for alteration in alterations:
        folder = export(signing_api, tmp_path / alteration.__name__)

        expected = alteration(folder)

        assert expected in "\n".join(check(folder, keys)), alteration.__name__


@pytest.mark.parametrize("line", ["x", f"{'0' * 64}  ../other", f"{'0' * 64}  /etc/passwd", f"{'0' * 64}  a\0b"])
def test_checksums_of_files_elsewhere_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{line}\n")

    with pytest.raises(NoExport, match="invalid line"):
        check(tmp_path, SigningKeys(()))


def test_checksums_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_bytes(f"{'0' * 64}  ".encode() + b"\xff\n")

    with pytest.raises(NoExport, match="SHA256SUMS is not UTF-8"):
        check(tmp_path, SigningKeys(()))


def test_file_that_is_no_list_of_seals_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seals.json").write_text("[1]")
    (tmp_path / "SHA256SUMS").write_text(f"{sha256(b'[1]').hexdigest()}  seals.json\n")

    with pytest.raises(NoExport, match=r"seals\.json has another form"):
        check(tmp_path, SigningKeys(()))


def test_altered_row_has_no_proof_in_the_export(signing_api: Api, archived: list[StoredImage], tmp_path: Path) -> None:
    with signing_api.context.archive._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
        connection.execute(update(ROWS).where(ROWS.c.id == archived[0].id).values(description="after"))

    folder = export(signing_api, tmp_path / "export")

    assert f"{archived[0].id}.json: " in (folder / "MISSING.txt").read_text()


def test_altered_seal_has_no_proofs_in_the_export(
    signing_api: Api, archived: list[StoredImage], tmp_path: Path
) -> None:
    with signing_api.context.archive._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
        connection.execute(update(SEALS).where(SEALS.c.number == 1).values(statement="{}"))

    folder = export(signing_api, tmp_path / "export")

    proved = {path.stem for path in (folder / "proofs").rglob("*.json")}
    assert proved == {str(image.id) for image in archived[IMAGES : 2 * IMAGES]}
    assert f"{archived[0].id}.json: the proof is invalid" in (folder / "MISSING.txt").read_text()


@pytest.mark.usefixtures("archived")
def test_images_of_an_export_without_proofs_are_counted(signing_api: Api, keys: SigningKeys, tmp_path: Path) -> None:
    done = ExportCheck(export(signing_api, tmp_path / "export", proofs="false"), keys.public)

    assert list(done.run()) == []
    assert (done.counts["proofs"], done.counts["unproved"]) == (0, 2 * IMAGES + 1)

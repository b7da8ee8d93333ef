"""Receipts, proofs, seals and public keys over HTTP."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import update

from captiond.archive.sql.rows import IMAGES
from captiond.evidence import SigningKeys, create_signing_key, hash_leaf, root_of_path
from captiond.services.api import Signing
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem, record
from tests.servers.queues import RedisServer

HEADER = "captiond-receipt"
REQUESTED = {"Prefer": "receipt"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    path = tmp_path_factory.mktemp("keys") / "signing-keys.json"
    create_signing_key(path)
    create_signing_key(path)
    return SigningKeys.read(path)


@pytest.fixture(scope="module")
def signing_api(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory, keys: SigningKeys) -> Iterator[Api]:
    with open_api(Backends(valkey.url, tmp_path_factory.mktemp("api"), signing=Signing(keys))) as opened:
        yield opened


def verified(api: Api, receipt: str) -> dict[str, object]:
    """The statement of a receipt, verified by joserfc with the published keys."""
    public = KeySet.import_key_set(api.client.get("/.well-known/jwks.json").json())
    payload = jws.deserialize_compact(receipt, public, algorithms=["Ed25519"]).payload
    assert payload is not None
    statement: dict[str, object] = json.loads(payload)
    return statement


def test_requested_receipt_states_what_was_received(signing_api: Api) -> None:
    content = jpeg()
    query = {"description": "Въезд", "camera": "gate", "captured_at": "2026-03-01T09:00:00+02:00"}
    headers = {**REQUESTED, "Content-Type": "image/jpeg"}
    response = signing_api.client.post("/api/images", content=content, params=query, headers=headers)

    body = response.json()
    assert response.headers[HEADER] == body["receipt"]
    assert verified(signing_api, body["receipt"]) == {
        "basis": "upload",
        "camera": "gate",
        "captured_at": "2026-03-01T07:00:00.000000Z",
        "description": "Въезд",
        "id": body["id"],
        "received_at": body["received_at"],
        "upload_sha256": sha256(content).hexdigest(),
    }


def test_repeated_upload_gets_the_same_receipt(signing_api: Api) -> None:
    key = uuid4().hex
    first, second = (
        signing_api.send(jpeg(), "again", Idempotency_Key=key, Prefer="respond-async, Receipt; a=b").json()["receipt"]
        for _ in range(2)
    )

    assert first == second


def test_receipt_that_is_too_long_for_a_header_is_in_the_body_only(signing_api: Api) -> None:
    labels = {f"label_{number}": "Я" * 200 for number in range(16)}
    response = signing_api.client.post(
        "/api/images",
        files={"image": ("photo.jpg", jpeg(), "image/jpeg")},
        data={"description": "long", "labels": json.dumps(labels)},
        headers=REQUESTED,
    )

    assert HEADER not in response.headers
    assert verified(signing_api, response.json()["receipt"])["labels"] == labels


def test_upload_that_requests_no_receipt_gets_none(signing_api: Api) -> None:
    response = signing_api.send(jpeg(), "plain")

    assert response.status_code == 202
    assert HEADER not in response.headers
    assert "receipt" not in response.json()


def test_server_without_signing_key_has_no_receipts(api: Api) -> None:
    response = api.send(jpeg(), "plain", Prefer="receipt")

    assert response.status_code == 202
    assert "receipt" not in response.json()
    assert api.client.get("/.well-known/jwks.json").json() == {"keys": []}
    [image] = api.archive(record(jpeg(), "stored"))
    assert problem(api.client.get(f"/api/images/{image.id}/receipt")) == (404, "no-signing-key")


def test_server_may_sign_every_receipt(valkey: RedisServer, tmp_path: Path, keys: SigningKeys) -> None:
    with open_api(Backends(valkey.url, tmp_path, signing=Signing(keys, signs_always=True))) as api:
        assert verified(api, api.send(jpeg(), "plain").headers[HEADER])["description"] == "plain"


def test_all_public_keys_are_published_without_private_parts(signing_api: Api, keys: SigningKeys) -> None:
    response = signing_api.client.get("/.well-known/jwks.json")

    assert keys.signer
    assert response.json()["keys"][0]["kid"] == keys.signer.kid
    assert [sorted(key) for key in response.json()["keys"]] == [["alg", "crv", "kid", "kty", "use", "x"]] * 2


def test_archived_image_gets_a_receipt_that_names_its_basis(signing_api: Api) -> None:
    content = jpeg(colour="red")
    [image] = signing_api.archive(record(content, "stored"))

    response = signing_api.client.get(f"/api/images/{image.id}/receipt")

    assert response.headers["content-type"] == "application/jose"
    statement = verified(signing_api, response.text)
    assert (statement["basis"], statement["id"]) == ("archive", str(image.id))
    assert statement["upload_sha256"] == sha256(content).hexdigest()


def test_proof_is_available_after_the_next_seal(signing_api: Api, keys: SigningKeys) -> None:
    [image, _, _] = signing_api.archive(*(record(jpeg(), text) for text in ("one", "two", "three")))
    url = f"/api/images/{image.id}/proof"
    assert problem(signing_api.client.get(url)) == (409, "not-sealed")
    assert problem(signing_api.client.get(f"/api/images/{uuid4()}/proof")) == (404, "unknown-image")

    made = signing_api.context.archive.seals.seal(keys.signer)

    proof = signing_api.client.get(url).json()
    seal, statement = proof["seal"], json.loads(proof["seal"]["statement"])
    assert json.loads(proof["record"])["sha256"] == image.sha256.hex()
    leaf = hash_leaf(proof["record"].encode())
    path = [bytes.fromhex(hash_) for hash_ in proof["audit_path"]]
    root = root_of_path(leaf, proof["leaf_index"], statement["size"], path)
    assert root
    assert root.hex() == statement["root"]
    assert sha256(seal["statement"].encode()).hexdigest() == seal["hash"]
    assert verified(signing_api, seal["signature"]) == statement
    listed: list[dict[str, object]] = signing_api.client.get("/api/seals").json()
    assert listed[-1] == seal
    assert listed[-1]["number"] == made[-1].number
    assert signing_api.client.get("/api/seals", params={"after": made[-1].number}).json() == []


def test_altered_row_has_no_proof(signing_api: Api) -> None:
    archive = signing_api.context.archive
    [image] = signing_api.archive(record(jpeg(), "before"))
    archive.seals.seal(None)
    with archive._engine.begin() as connection:  # noqa: SLF001 - tampering bypasses the archive
        connection.execute(update(IMAGES).where(IMAGES.c.id == image.id).values(description="after"))

    response: httpx.Response = signing_api.client.get(f"/api/images/{image.id}/proof")

    assert problem(response) == (500, "record-altered")

"""Receipts, proofs and seals, and the public keys that verify them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from captiond.archive import StoredImage
from captiond.evidence import ReceiptBasis, sign_receipt
from captiond.services.api.bodies.evidence import ProofBody, PublicKeys, SealBody
from captiond.services.api.context import Context
from captiond.services.api.http.deadline import DeadlineRoute
from captiond.services.api.http.problem_types import (
    IMAGE_FAILED,
    IN_FLIGHT,
    INVALID_REQUEST,
    NO_SIGNING_KEY,
    NOT_SEALED,
    RECORD_ALTERED,
    UNAVAILABLE,
    UNKNOWN_IMAGE,
)
from captiond.services.api.http.problems import Problem, problem_responses
from captiond.services.api.image_lookup import with_archived

JOSE = "application/jose"
router = APIRouter(tags=["evidence"], route_class=DeadlineRoute)
public_router = APIRouter(tags=["evidence"], route_class=DeadlineRoute)


@public_router.get("/.well-known/jwks.json", summary="List the public signing keys")
async def list_public_keys(context: Context) -> PublicKeys:
    """Return the keys as a JWK Set (RFC 7517), the newest first. Keys of earlier times stay listed."""
    return PublicKeys.model_validate(context.signing.keys.jwks())


@router.get(
    "/images/{image_id}/receipt",
    summary="Sign a receipt for an archived image",
    response_class=Response,
    responses={
        200: {"content": {JOSE: {"schema": {"type": "string"}}}},
        **problem_responses(UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, NO_SIGNING_KEY, INVALID_REQUEST, UNAVAILABLE),
    },
)
async def make_receipt(image_id: UUID, context: Context) -> Response:
    """Return a compact JWS (RFC 7515) with `basis` `archive`: it states what the archive contains now."""
    signer = context.signing.keys.signer
    if signer is None:
        raise Problem(NO_SIGNING_KEY, NO_SIGNING_KEY.example)
    image = await with_archived(image_id, context, lambda image: image)
    receipt = sign_receipt(signer, image, image.received_at, ReceiptBasis.ARCHIVE)
    return Response(receipt, media_type=JOSE)


@router.get(
    "/images/{image_id}/proof",
    summary="Prove that a seal contains an image",
    responses=problem_responses(
        UNKNOWN_IMAGE, IN_FLIGHT, IMAGE_FAILED, NOT_SEALED, RECORD_ALTERED, INVALID_REQUEST, UNAVAILABLE
    ),
)
async def prove(image_id: UUID, context: Context) -> ProofBody:
    """Return the record of the image, its audit path (RFC 9162) and the seal."""

    def find(image: StoredImage) -> ProofBody:
        proof = context.archive.seals.prove(image)
        if proof is None:
            raise Problem(NOT_SEALED, NOT_SEALED.example)
        return ProofBody.make(proof)

    return await with_archived(image_id, context, find)


@router.get("/seals", summary="List seals", responses=problem_responses(INVALID_REQUEST, UNAVAILABLE))
async def list_seals(
    context: Context,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="number of a seal")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[SealBody]:
    """Return seals in the order of their numbers."""
    seals = await context.archive_access.run(lambda: context.archive.seals.page(after, limit))
    return [SealBody.make(seal) for seal in seals]

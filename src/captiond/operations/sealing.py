"""Seals the archive, and has the newest seal time-stamped by an authority (RFC 3161)."""

import logging
from http import HTTPStatus

import httpx
from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, decode_timestamp_response

from captiond.archive import SealStore, StoredSeal
from captiond.evidence import Signer

REQUEST_TYPE = "application/timestamp-query"
TIMEOUT_SECONDS = 20.0
MAX_RESPONSE_BYTES = 60_000  # MariaDB's BLOB holds 65,535 bytes; responses have about 5,000

logger = logging.getLogger(__name__)


class TimeStampUnavailable(Exception):
    """The time-stamping authority cannot be reached, or did not grant a time stamp. A later attempt may succeed."""


def seal_archive(seals: SealStore, signer: Signer | None, time_stamp_url: str | None) -> list[StoredSeal]:
    """Seal all new records. Returns the new seals. Raises ArchiveUnavailable.

    Only the newest seal gets a time stamp, since it contains the hash of the seals before it. If the authority is
    unavailable, the seal stays without one until the next call, and the log has the reason.
    """
    made = seals.seal(signer)
    last = seals.last() if time_stamp_url else None
    if time_stamp_url and last and last.time_stamp is None:
        try:
            seals.add_time_stamp(last.number, request_time_stamp(time_stamp_url, last))
            logger.info("time-stamped seal number=%d", last.number)
        except TimeStampUnavailable as error:
            logger.warning("seal %d has no time stamp: %s", last.number, error)
    return made


def request_time_stamp(url: str, seal: StoredSeal) -> bytes:
    """Return the response of the authority to the hash of a seal, in DER. Raises TimeStampUnavailable.

    Compares hash and nonce. The signature of the authority is not verified, because that needs its certificate.
    """
    request = TimestampRequestBuilder().data(seal.statement.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        answer = httpx.post(
            url, content=request.as_bytes(), headers={"Content-Type": REQUEST_TYPE}, timeout=TIMEOUT_SECONDS
        )
        if answer.status_code != HTTPStatus.OK or len(answer.content) > MAX_RESPONSE_BYTES:
            raise TimeStampUnavailable(f"the authority sent {len(answer.content)} bytes, status {answer.status_code}")
        response = decode_timestamp_response(answer.content)
        if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            raise TimeStampUnavailable(f"the authority refused: {PKIStatus(response.status).name}")
        found = response.tst_info
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TimeStampUnavailable(f"the authority is unavailable: {error}") from error
    except ValueError as error:
        raise TimeStampUnavailable(f"the authority sent no time stamp: {error}") from error
    if found.message_imprint.message != seal.hash or found.nonce != request.nonce:
        raise TimeStampUnavailable("the authority sent the time stamp of another request")
    return answer.content

"""For each module, a Valkey server and an FTP service that uses it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.integration.ftp.receiver import FtpService, running_service
from tests.servers.queues import RedisServer, running_valkey


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def shared_service(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpService]:
    pattern = r"(?P<camera>IP_\d+)_(?P<captured_at>\d{14})"
    settings = {"ftp_path_pattern": pattern, "timezone": "Europe/Moscow", "max_upload_bytes": "200000"}
    with running_service(tmp_path_factory.mktemp("ftp"), valkey, **settings) as service:
        yield service


@pytest.fixture
def service(shared_service: FtpService) -> FtpService:
    """A service with an empty queue."""
    shared_service.redis.client().flushall()
    return shared_service


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM) + private)
    return path

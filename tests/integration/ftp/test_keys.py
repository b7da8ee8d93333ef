"""API keys as passwords of FTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ftplib import FTP, error_perm
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from captiond.access import ApiKey, Scope, make_key, make_token
from captiond.archive import AuditQuery, AuditStore, migrate
from captiond.archive.keys import KeyStore
from tests.e2e.product import photo, wait_until
from tests.integration.ftp.receiver import PASSWORD, USER, FtpService, running_service, store
from tests.servers.queues import RedisServer

PATTERN = r"(?P<camera>[^/_]+)_"


@dataclass(frozen=True, slots=True)
class Secured:
    """A service that accepts keys and a password."""

    ftp: FtpService
    keys: KeyStore

    def create(self, name: str, *scopes: Scope, **limits: Any) -> tuple[ApiKey, str]:  # noqa: ANN401
        key, token = make_key(name, frozenset(scopes), **limits)
        self.keys.create(key)
        return key, token

    @contextmanager
    def session(self, password: str, user: str = "any") -> Iterator[FTP]:
        with FTP(timeout=60) as ftp:  # noqa: S321 - it is under test
            ftp.connect("127.0.0.1", self.ftp.port)
            ftp.login(user, password)
            yield ftp

    @contextmanager
    def await_session(self, token: str) -> Iterator[FTP]:
        """Log in with a new key, which the service may not have read yet."""
        try:
            with self.session(token) as ftp:
                yield ftp
                return
        except error_perm:
            pass
        with self.session(token) as ftp:
            yield ftp


@pytest.fixture(scope="module")
def secured(valkey: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("ftp")
    url = f"sqlite:///{folder}/captiond.db"
    migrate(url)
    settings = {"auth": "keys", "database_url": url, "ftp_path_pattern": PATTERN, "audit_uploads": "on"}
    with KeyStore.open(url) as keys, running_service(folder, valkey, **settings) as service:
        yield Secured(service, keys)


def test_upload_is_in_the_audit_log(secured: Secured) -> None:
    key, token = secured.create("audited", Scope.UPLOAD)

    with secured.await_session(token) as ftp:
        image_id = store(ftp, "gate_2.jpg", photo()).rpartition(" ")[2].rstrip(".")

    with AuditStore.open(secured.ftp.place.settings["database_url"]) as audit:
        wait_until(lambda: len(audit.page(AuditQuery(who=str(key.id)))) == 1, 30, "the upload is recorded")
        [entry] = audit.page(AuditQuery(who="audited"))
    assert (entry.action, entry.result, entry.address) == ("upload", "226", "127.0.0.1")
    assert str(entry.image_id) == image_id
    assert entry.detail == "ftp /gate_2.jpg"


def test_key_is_a_password_of_any_user(secured: Secured) -> None:
    _, token = secured.create("camera", Scope.UPLOAD)

    with secured.await_session(token) as ftp:
        assert store(ftp, "gate_1.jpg", photo()).startswith("226")
    assert token not in secured.ftp.log


def test_password_stays_valid(secured: Secured) -> None:
    with secured.session(PASSWORD, USER) as ftp:
        assert store(ftp, "gate_2.jpg", photo()).startswith("226")


@pytest.mark.parametrize("case", ["unknown", "scope", "network", "password of another user"])
def test_other_password_is_refused(secured: Secured, case: str) -> None:
    networks = (ip_network("10.0.0.0/8"),)
    match case:
        case "unknown":
            password = make_token()
        case "scope":
            _, password = secured.create("ftp reader", Scope.READ)
        case "network":
            _, password = secured.create("ftp elsewhere", Scope.UPLOAD, networks=networks)
        case _:
            password = PASSWORD
    for _ in range(2):  # the second time, the service has read a new key
        with pytest.raises(error_perm, match="530"), secured.session(password):
            pass


def test_key_limits_the_camera(secured: Secured) -> None:
    _, token = secured.create("gate", Scope.UPLOAD, camera="gate")
    secured.ftp.redis.client().flushall()

    with secured.await_session(token) as ftp:
        replies = [store(ftp, name, photo()) for name in ("gate_1.jpg", "plain.jpg", "yard_1.jpg")]

    assert [reply[:3] for reply in replies] == ["226", "226", "550"]
    assert [image.camera for image in secured.ftp.queued()] == ["gate", "gate"]


def test_revoked_key_is_refused_in_an_open_session(secured: Secured) -> None:
    key, token = secured.create("leaver", Scope.UPLOAD)

    with secured.await_session(token) as ftp:
        assert store(ftp, "gate_3.jpg", photo()).startswith("226")
        secured.keys.revoke(key.id)
        wait_until(lambda: store(ftp, "gate_4.jpg", photo()).startswith("530"), 15, "the key is refused")


def test_service_with_keys_needs_no_password(valkey: RedisServer, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/captiond.db"
    migrate(url)
    settings = {"auth": "keys", "database_url": url, "ftp_password": ""}
    with running_service(tmp_path, valkey, **settings) as service, FTP(timeout=60) as ftp:  # noqa: S321 - it is under test
        ftp.connect("127.0.0.1", service.port)
        with pytest.raises(error_perm, match="530"):
            ftp.login(USER, "")

"""The FTP service logs each rejection and counts it by reply code, even after an outage."""

from collections.abc import Mapping
from contextlib import suppress
from ftplib import all_errors
from pathlib import Path

from captiond.operations.rejection_log import Rejection, RejectionLog
from captiond.pipeline import FTP_REJECTED, QUEUES
from captiond.services.ftp.rejection_counters import RejectionCounters
from captiond.workqueue import Broker
from captiond.workqueue.errors import QueueUnavailable
from tests.e2e.product import photo, wait_until
from tests.integration.ftp.receiver import PASSWORD, FtpService, RawSession, running_service, store
from tests.servers.queues import RedisServer

WAIT_SECONDS = 20.0
PHOTO = photo()


def count_rejected(service: FtpService) -> dict[str, int]:
    """Return the counters that are not 0, by reason."""
    with Broker(service.redis.url) as broker:
        counted = broker.monitor.totals(QUEUES).counted
    return {name.removeprefix(FTP_REJECTED): number for name, number in counted.items() if number}


def test_refused_commands_are_logged_and_counted(valkey: RedisServer, tmp_path: Path) -> None:
    valkey.client().flushall()
    with running_service(tmp_path, valkey) as service:
        with service.session() as ftp:
            store(ftp, "test.txt", b"test of the camera")
            store(ftp, "a" * 300, b"\xff\xd8\xff")
            for command in ("APPE photo.jpg", "REST 100", "DELE test.txt", "NOOP"):
                with suppress(*all_errors):
                    ftp.sendcmd(command)
        session = RawSession(service.port)
        session.ask("STOR early.jpg")
        session.ask("USER camera")
        session.ask(f"PASS {PASSWORD}1")
        session.close()

        wait_until(lambda: count_rejected(service) == {"550": 5, "530": 2}, WAIT_SECONDS, "all are counted")

    lines = [line.partition(" source=ftp ")[2] for line in service.log.splitlines() if " source=ftp " in line]
    assert [line[:11] for line in lines] == ["reason=550:", "reason=530:"]  # repetitions are counted once per minute
    assert PASSWORD not in service.log


def test_uploads_above_the_rate_are_refused(valkey: RedisServer, tmp_path: Path) -> None:
    valkey.client().flushall()
    with running_service(tmp_path, valkey, upload_rate="2/hour") as service:
        with service.session() as ftp:
            replies = [store(ftp, f"{number}.jpg", PHOTO) for number in range(3)]
        with service.session() as ftp:
            replies.append(store(ftp, "4.jpg", PHOTO))

        assert [reply[:3] for reply in replies] == ["226", "226", "450", "450"]
        assert "2/hour" in replies[-1]
        assert service.count() == 2


def test_rejections_of_a_restarted_service_are_added_up(valkey: RedisServer, tmp_path: Path) -> None:
    valkey.client().flushall()
    with running_service(tmp_path, valkey) as service:
        for _ in range(2):
            with service.session() as ftp:
                store(ftp, "test.txt", b"test")
            assert service.terminate() == 0  # the shutdown stores the remaining counts
            service.start()

        assert count_rejected(service) == {"550": 2}


def test_refusal_before_tls_is_logged_without_the_password(
    valkey: RedisServer, tmp_path: Path, certificate: Path
) -> None:
    settings = {"ftp_certificate": str(certificate), "ftp_require_tls": "true"}
    with running_service(tmp_path, valkey, **settings) as service:
        session = RawSession(service.port)
        session.ask("USER camera")
        session.ask(f"PASS {PASSWORD}")
        session.close()

        wait_until(lambda: "reason=550: " in service.log, WAIT_SECONDS, "the refusal is logged")
    assert "reply='550 SSL/TLS required on the control channel.'" in service.log
    assert PASSWORD not in service.log


def test_rejections_are_counted_once_after_an_outage() -> None:
    rejections, is_down = RejectionLog(["550", "452"]), True
    server: dict[str, int] = {}

    def count(increments: Mapping[str, int]) -> None:
        if is_down:
            raise QueueUnavailable("down")
        for name, number in increments.items():
            server[name] = server.get(name, 0) + number

    counters = RejectionCounters(rejections, count)
    rejections.add(Rejection("192.0.2.1", "ftp", "550"))
    counters.update()
    rejections.add(Rejection("192.0.2.1", "ftp", "550"))
    is_down = False
    counters.update()
    counters.update()

    assert server == {"ftp_rejected:550": 2, "ftp_rejected:452": 0, "ftp_rejected:other": 0}

"""The pipeline benchmark with contenders that fail, in real processes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from benchmarks.pipeline.chart import draw_chart
from benchmarks.pipeline.compare import Inputs, run_rounds
from benchmarks.pipeline.contenders import Contender, Service, web_service
from benchmarks.pipeline.load.uploads import Upload, make_uploads, write_bodies
from benchmarks.pipeline.report import format_report
from benchmarks.pipeline.results import Results
from benchmarks.pipeline.servers import Servers, servers
from benchmarks.pipeline.trial import Files

HERE = "tests.integration.benchmarks"
STORING = Contender("storing", "/images", (web_service(f"{HERE}.storing_web:app"),))
STALLING = Contender("stalling", "/images", (web_service(f"{HERE}.stalling_web:app"),), stall_seconds=1)
ENDING = Contender("ending", "/images", (Service("api", ("no_such_module",)),))
WARM_UP, IMAGES = 2, 6


@pytest.fixture
def running_servers() -> Iterator[Servers]:
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed (Debian: wrk)")
    with tempfile.TemporaryDirectory(prefix="captiond-") as name:  # PostgreSQL must be able to enter it as another user
        folder = Path(name)
        folder.chmod(0o755)
        with ExitStack() as opened:
            try:
                running = opened.enter_context(servers(folder, with_redis_of_system=False))
            except SystemExit as error:
                pytest.skip(str(error))
            yield running


@pytest.fixture
def uploads() -> list[Upload]:
    return make_uploads(WARM_UP + IMAGES)


def test_failed_contender_becomes_a_row_and_others_continue(running_servers: Servers, uploads: list[Upload]) -> None:
    warm_up, rest = uploads[:WARM_UP], uploads[WARM_UP:]
    write_bodies(rest, running_servers.folder / "bodies")
    inputs = Inputs(Files(running_servers.folder / "bodies", IMAGES, warm_up), rest, rest, steady_per_second=50)
    results = Results(running_servers.versions(), IMAGES, IMAGES, 50)
    rounds = run_rounds([ENDING, STALLING, STORING], running_servers, inputs, results, range(2))

    next(rounds)
    partial = format_report(results, rest)
    assert [*rounds] == [1]
    report = format_report(results, rest)

    assert results.failures["stalling"].round == 1
    assert results.failures["stalling"].reason == f"stalled: 0 of {WARM_UP} rows after 1 s"
    assert results.failures["ending"].reason.startswith("service api ended with status 1")
    for text in (partial, report):
        assert f"| storing | {IMAGES} |" in text
        assert "| stalling | failed |" in text
        assert "- ending failed in round 1 and got no further rounds: service api ended with status 1" in text
    assert [*results.bursts] == ["storing"]
    assert len(results.bursts["storing"]) == 2
    assert "storing" in draw_chart(results)

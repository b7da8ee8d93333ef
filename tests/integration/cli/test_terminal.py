"""The output of the commands on a terminal of 80 columns."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from rich.cells import cell_len

from captiond.archive import Archive, StoredImage
from captiond.cli.commands import COMMANDS, load_command
from tests.e2e.product import Place
from tests.integration.api.serving import jpeg, record
from tests.servers.ports import free_port

COLUMNS = 80
LIMIT_SECONDS = 60
STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
ERROR = "BadImage: JPEG cannot be decoded: the marker at byte 1234567 is followed by 18 bytes that no segment explains"
QUEUES = ("uploads", "captioned")
# Their directory is longer than a line.
DEEP = "/".join(f"a directory with a long name {number}" for number in range(4))


def on_terminal(where: Place, *args: str, until: str = "", with_errors: bool = False) -> list[str]:
    """Run `captiond args…`. Returns the lines on the terminal without styles, those of stderr only `with_errors`.

    Sends SIGINT when the text `until` appears.
    """
    output = write_to_terminal(where, *args, until=until, with_errors=with_errors)
    return [line for line in re.split(r"\r*\n", STYLES.sub("", output)) if line]


def write_to_terminal(where: Place, *args: str, until: str = "", with_errors: bool = False, **environment: str) -> str:
    """As `on_terminal`, but returns what the terminal receives."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    variables = {**where.environment, "TERM": "xterm-256color", **environment}
    variables.pop("COLUMNS", None)
    command = [sys.executable, "-m", "captiond", *args]
    errors = terminal if with_errors else subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=where.folder, env=variables, stdin=terminal, stdout=terminal, stderr=errors
    ) as process:
        os.close(terminal)
        limit = threading.Timer(LIMIT_SECONDS, process.kill)
        limit.start()
        output = b""
        while piece := _read(reader):
            output += piece
            if until and until.encode() in output:
                until = ""
                process.send_signal(signal.SIGINT)
        limit.cancel()
    os.close(reader)
    return output.decode()


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # EIO: the last process has closed the terminal
        return b""


def too_long(lines: list[str]) -> list[str]:
    """Return the lines that are too long, except lines of one word, such as a path."""
    return [line for line in lines if cell_len(line.rstrip()) > COLUMNS and len(line.split()) > 1]


@pytest.fixture
def dead_letters(migrated: Place) -> list[str]:
    """The ids of dead letters, as the commands show them."""
    ids = []
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        for queue in QUEUES:
            image_id = str(uuid4())
            fields = {
                "id": image_id,
                "description": "С начала фазы запрещающего сигнала прошло: 7 секунд, " * 4,
                "dead_error": ERROR,
                "dead_traceback": f"Traceback (most recent call last):\n  File {'/x' * 50}, line 1\n{ERROR}",
                "dead_deliveries": "10",
                "filler": "x" * 5000,
            }
            client.xadd(f"{{captiond:0}}:{queue}:dead", fields, "1732659000000-12345")
            ids += [image_id, f"{queue}/1732659000000-12345"]
    return ids


def test_dead_letters_fit_with_whole_ids(migrated: Place, dead_letters: list[str]) -> None:
    listed = on_terminal(migrated, "dead", "list")
    shown = on_terminal(migrated, "dead", "show", dead_letters[1])

    assert too_long(listed + shown) == []
    words = " ".join(listed).split()
    assert [word for word in words if word in dead_letters] == [
        word for pair in zip(dead_letters[1::2], dead_letters[::2], strict=True) for word in pair
    ]
    assert ERROR in " ".join(line.strip() for line in listed)
    assert f"id: {dead_letters[0]}" in shown


def test_state_of_the_queues_fits(migrated: Place, dead_letters: list[str]) -> None:
    assert dead_letters

    lines = on_terminal(migrated, "queues")

    assert too_long(lines) == []
    assert re.split(r"\W+", lines[1])[1:-1] == ["queue", *QUEUES, "webhooks"]
    assert any(re.fullmatch(r"│ dead letters +│ +1 │ +1 │ +0 │", line) for line in lines)


def test_watched_queues_are_shown_until_interrupted(migrated: Place) -> None:
    lines = on_terminal(migrated, "queues", "--watch", until="images unaccounted for")

    assert too_long(lines) == []
    assert any(re.match(r"│ depth +│ +0 │ +0 │", line) for line in lines)
    assert not any("Traceback" in line for line in lines)


def test_findings_of_verify_fit_with_whole_paths_and_ids(migrated: Place) -> None:
    images = Path(migrated.settings["images_dir"])
    with Archive.open(migrated.settings["database_url"], images) as archive:
        archive.prepare()
        [image] = archive.store([record(jpeg(), "altered")])
    assert isinstance(image, StoredImage)
    (images / image.path).write_bytes(b"!")
    lost = str(uuid4())
    with Redis.from_url(migrated.settings["redis_url"]) as client:
        client.hset(f"{{captiond:0}}:job:{lost}", "state", "queued")
        client.xadd("{captiond:0}:captioned:dead", {"id": str(image.id), "dead_offloaded": "7"})

    lines = on_terminal(migrated, "verify")

    assert too_long(lines) == []
    words = " ".join(lines).split()
    assert {f"{lost},", image.path} <= set(words)


def test_checks_of_doctor_fit_with_whole_paths(migrated: Place) -> None:
    (migrated.folder / "file").touch()
    log_dir = f"{migrated.folder}/file/{DEEP.replace(' ', '-')}"

    lines = on_terminal(migrated.but(log_dir=log_dir, redis_url=f"redis://127.0.0.1:{free_port()}/0"), "doctor")

    assert too_long(lines) == []
    assert log_dir in " ".join(lines).split()


@pytest.mark.parametrize("command", ["migrate", "migrate --adopt", "dead retry --all", "dead drop --all --yes"])
def test_results_fit(migrated: Place, dead_letters: list[str], command: str) -> None:
    assert dead_letters

    lines = on_terminal(migrated, *command.split())

    assert lines
    assert too_long(lines) == []


def test_result_of_send_fits(migrated: Place) -> None:
    (migrated.folder / "photo.jpg").write_bytes(jpeg())

    where = migrated.but(api_url=f"http://127.0.0.1:{free_port()}")
    names = ["photo.jpg", *(f"missing{number}.jpg" for number in range(9))]
    lines = on_terminal(where, "send", *names, "--description", "x" * 200, "--timeout", "0.5", with_errors=True)

    assert too_long(re.split("[\r\n]+", "\n".join(lines[:-2]))) == []
    assert any("sending" in line and "0/1" in line for line in lines)
    assert lines[-1].strip().startswith("10 files: 0 sent, 10 failed in ")


def test_address_of_up_fits(tmp_path: Path) -> None:
    data_dir = tmp_path / DEEP

    options = ("--port", str(free_port()), "--data-dir", str(data_dir))
    lines = on_terminal(Place(tmp_path), "up", *options, until="Press Ctrl-C to stop")

    paths = [line for line in lines if str(data_dir) in line]
    assert too_long([line for line in lines if line not in paths]) == []
    assert paths == [
        f"Data directory: {data_dir}",
        f"Log files: {data_dir}/log",
        f"  export CAPTIOND_CONFIG='{data_dir}/captiond.yaml'",
    ]


def test_settings_stay_one_line_each(migrated: Place) -> None:
    """The output of `config` is an .env file. A line break would damage it."""
    lines = on_terminal(migrated.but(log_dir=f"/{DEEP}"), "config")

    assert all(re.match("CAPTIOND_[A-Z_]+=", line) for line in lines)
    assert f"CAPTIOND_LOG_DIR=/{DEEP}  # environment" in lines


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the path of each command, such as ("dead", "list")."""
    for name in COMMANDS:
        yield (name,)
        yield from ((name, inner) for inner in getattr(load_command(name), "commands", ()))


@pytest.mark.parametrize("command", [(), *commands()], ids=" ".join)
def test_help_fits(here: Place, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))

    done = here.run(*command, "--help")

    assert done.status == 0
    lines = done.stdout.splitlines()
    assert too_long(lines) == []
    assert [line for line in lines[1:] if line.endswith("...")] == []
    assert not re.search(r"<|\{[A-Z]", done.stdout)  # types of Python


def test_no_color_turns_colours_off(migrated: Place) -> None:
    coloured = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m")
    assert coloured.search(write_to_terminal(migrated, "doctor"))
    assert not coloured.search(write_to_terminal(migrated, "doctor", NO_COLOR="1"))


def test_numbers_have_no_style(migrated: Place) -> None:
    assert write_to_terminal(migrated, "dead", "retry", "--all") == "0 dead letters returned to their queues\r\n"


def test_image_is_not_written_to_a_terminal(here: Place) -> None:
    (here.folder / "photo.jpg").write_bytes(jpeg())

    for args in (("caption", "photo.jpg", "Gate 3", "-o", "-"), ("restore", "photo.jpg", "-o", "-")):
        lines = on_terminal(here, *args, with_errors=True)

        assert lines == ["captiond: -o -: stdout is a terminal; redirect it to a file or a pipe"]


def test_continued_lines_of_doctor_are_indented(migrated: Place) -> None:
    lines = on_terminal(migrated.but(font_name="No Such Font"), "doctor", "--role", "captioner")

    at = next(number for number, line in enumerate(lines) if line.startswith("error    font: "))
    assert lines[at + 1].startswith(" " * 9 + lines[at + 1].strip()[0])


def test_waiting_for_the_events_of_an_unreachable_server_is_reported(here: Place) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    lines = on_terminal(here, "events", "--url", url, until="retrying", with_errors=True)

    assert lines[0].startswith("captiond: http://127.0.0.1:")
    assert " ".join(lines).replace("  ", " ").rstrip().endswith("retrying")

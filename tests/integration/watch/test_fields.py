"""Description, camera, capture time and labels from the path, a sidecar or a template."""

import json
from datetime import UTC, datetime

from tests.integration.watch.watching import Watched, photo

CAPTURED = datetime(2026, 11, 26, 7, 45, 1, tzinfo=UTC)


def test_text_sidecar_is_the_description(watched: Watched) -> None:
    watched.write("a.jpg")
    watched.write("a.txt", "\ufeffКрасный: 7 секунд\r\n".encode())

    watched.start()

    assert watched.await_image().description == "Красный: 7 секунд"
    watched.await_files("done/a.jpg", "done/a.txt")


def test_json_sidecar_has_all_fields(watched: Watched) -> None:
    fields = {
        "description": "Red light",
        "captured_at": "2026-11-26T10:45:01+03:00",
        "camera": "Lenina 12",
        "labels": {"plate": "A001MP77"},
        "other": 7,
    }
    watched.write("a.jpg")
    watched.write("a.json", json.dumps(fields).encode())

    watched.start()

    image = watched.await_image()
    assert (image.description, image.captured_at, image.camera) == ("Red light", CAPTURED, "Lenina 12")
    assert image.labels == {"plate": "A001MP77"}
    watched.await_files("done/a.jpg", "done/a.json")


def test_path_pattern_and_template_give_the_fields(watched: Watched) -> None:
    watched.write("Ленина 12/lane2/IP_01_20261126074501.jpg")

    watched.start(
        "--pattern", r"^(?P<camera>[^/]+)/lane(?P<lane>\d)/.*_(?P<captured_at>\d{14})",
        "--description", "{camera}, lane {labels.lane}, {captured_at:%H:%M}",
    )  # fmt: skip

    image = watched.await_image()
    assert (image.description, image.captured_at) == ("Ленина 12, lane 2, 07:45", CAPTURED)
    assert (image.camera, image.labels) == ("Ленина 12", {"lane": "2"})


def test_fields_of_the_sidecar_take_precedence(watched: Watched) -> None:
    watched.write("cam1/lane2/a.jpg")
    watched.write("cam1/lane2/a.json", b'{"camera": "North", "labels": {"speed": "83"}}')

    watched.start("--pattern", r"(?P<camera>cam\d)/lane(?P<lane>\d)")

    image = watched.await_image()
    assert (image.description, image.camera, image.labels) == ("a", "North", {"lane": "2", "speed": "83"})


def test_photo_waits_for_a_required_sidecar(watched: Watched) -> None:
    watched.write("a.jpg")
    watched.write("b.jpg")
    watched.write("b.txt", b"B")
    watched.start("--sidecar", "required")
    watched.await_files("a.jpg", "done/b.jpg", "done/b.txt")

    watched.write("a.txt", b"A")

    assert {upload.image.description for upload in watched.await_uploads(2)} == {"A", "B"}


def test_photo_without_its_required_sidecar_fails(watched: Watched) -> None:
    watched.write("a.jpg")

    watched.start("--sidecar", "required", "--wait", "1")

    watched.await_files("failed/a.jpg", "failed/a.jpg.reason.txt")
    assert "no sidecar" in (watched.root / "failed/a.jpg.reason.txt").read_text()


def test_sidecar_is_ignored_if_it_is_off(watched: Watched) -> None:
    watched.write("a.jpg")
    watched.write("a.json", b"{")

    watched.start("--sidecar", "off")

    assert watched.await_image().description == "a"
    watched.await_files("a.json", "done/a.jpg")


def test_invalid_sidecars_fail_their_photos(watched: Watched) -> None:
    sidecars = [
        ("a.json", b"{", "sidecar: not valid JSON"),
        ("a.json", b"[" * 60000, "sidecar: not valid JSON"),
        ("a.json", b'{"camera": "\\ud800"}', "sidecar: not valid JSON"),
        ("a.json", b"[]", 'sidecar: not a JSON object, such as {"description": "Camera 7"}'),
        ("a.json", b'{"description": 7}', "sidecar: `description` must be a text"),
        ("a.json", b'{"labels": {"speed": 83}}', "sidecar: `labels` must be an object of texts"),
        ("a.json", b'{"captured_at": "today"}', "sidecar: `captured_at` is 'today'; it must be a time"),
        (
            "a.json",
            b'{"captured_at": "0001-01-01"}',
            "sidecar: `captured_at` is '0001-01-01'; its year must",
        ),
        ("a.txt", b"caf\xe9", "sidecar: not UTF-8"),
        ("a.txt", b"x" * 65537, "sidecar: the file has 65537 bytes; the limit is 65536"),
    ]
    for number, (name, content, _) in enumerate(sidecars):
        watched.write(f"{number}/{name}", content)
        watched.write(f"{number}/a.jpg", photo())

    watched.start()

    names = [name for number, (name, _, _) in enumerate(sidecars) for name in (f"{number}/a.jpg", f"{number}/{name}")]
    reasons = [f"{number}/a.jpg.reason.txt" for number in range(len(sidecars))]
    watched.await_files(*(f"failed/{name}" for name in names + reasons))
    for path, (_, _, reason) in zip(reasons, sidecars, strict=True):
        assert (watched.root / "failed" / path).read_text().startswith(reason)

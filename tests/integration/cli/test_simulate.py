"""`captiond simulate`: images of simulated cameras arrive with their fields over every protocol."""

from typing import Any

import pytest

from tests.e2e.product import Done, Pipeline, Place, wait_until

START = "2026-11-26T10:45:01+03:00"


def simulate(pipeline: Pipeline, *arguments: str, url: str | None = None) -> Done:
    return pipeline.place.run("simulate", "--url", url or pipeline.url, "--rate", "50", *arguments)


def listed(pipeline: Pipeline, **query: str) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = pipeline.client.get("/api/images", params={"limit": "1000", **query}).json()
    return images


def simulated(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The images with times of capture after START. Images of other tests, which may still be queued, have none."""
    return listed(pipeline, captured_from=START, captured_to="2026-11-26T08:00:00Z")


@pytest.mark.parametrize("protocol", ["multipart", "raw", "json", "hikvision", "dahua"])
def test_images_are_archived_with_their_fields(pipeline: Pipeline, protocol: str) -> None:
    seed = str(1 + len(protocol))
    arguments = ("--cameras", "2", "--images", "4", "--seed", seed, "--start", START, "--protocol", protocol)
    before = {image["id"] for image in simulated(pipeline)}

    sent = simulate(pipeline, *arguments)

    assert (sent.status, sent.stderr) == (0, "")
    assert "4 of 4 images accepted" in sent.stdout
    wait_until(lambda: len(simulated(pipeline)) == len(before) + 4, 30, "all are archived")
    images = [image for image in simulated(pipeline) if image["id"] not in before]
    assert len({image["camera"] for image in images}) == 2
    assert {image["captured_at"] for image in images} == {
        "2026-11-26T07:45:01.000000Z",
        "2026-11-26T07:45:01.020000Z",
        "2026-11-26T07:45:01.040000Z",
        "2026-11-26T07:45:01.060000Z",
    }
    assert all(set(image["labels"]) >= {"speed", "plate", "lane"} for image in images)
    assert pipeline.client.get(f"/api/images/{images[0]['id']}/metadata").json() == images[0]

    again = simulate(pipeline, *arguments)

    assert again.status == 0
    assert len(simulated(pipeline)) == len(before) + 4


def test_clocks_of_devices_show_the_time_zone_of_the_settings(pipeline: Pipeline) -> None:
    cameras = Place(pipeline.place.folder, {**pipeline.place.settings, "timezone": "Europe/Moscow"})

    arguments = ("--protocol", "dahua", "--images", "1", "--seed", "77", "--start", "2026-04-01T10:45:01Z")
    sent = cameras.run("simulate", "--url", pipeline.url, *arguments)

    assert sent.status == 0
    assert "start 2026-04-01T13:45:01+03:00" in sent.stdout
    query = {"captured_from": "2026-04-01T13:00:00Z", "captured_to": "2026-04-01T14:00:00Z"}
    wait_until(lambda: len(listed(pipeline, **query)) == 1, 30, "the image has the time of the clock")


def test_report_fits_80_columns(pipeline: Pipeline) -> None:
    sent = simulate(pipeline, "--cameras", "3", "--images", "6")

    table = sent.stdout[sent.stdout.index("3 cameras") :].splitlines()
    assert max(map(len, table)) <= 80
    assert [line.split()[:4] for line in table[-3:]] == [
        ["json", "2", "2", "0"],
        ["multipart", "2", "2", "0"],
        ["raw", "2", "2", "0"],
    ]


def test_refused_images_are_reported_with_exit_status_1(pipeline: Pipeline) -> None:
    sent = simulate(pipeline, "--images", "3", "--protocol", "raw", url="http://127.0.0.1:1")

    assert sent.status == 1
    assert "0 of 3 images accepted" in sent.stdout
    assert "refused: 3 × raw no response: [Errno 111] Connection refused" in sent.stdout


def test_password_of_the_url_is_not_printed(pipeline: Pipeline) -> None:
    sent = simulate(pipeline, "--images", "1", "--protocol", "raw", url="http://me:sesame@127.0.0.1:1")

    assert "0 of 1 image accepted" in sent.stdout
    assert "sesame" not in sent.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--start", "2026-11-26T10:45:01"), "has no offset from UTC"),
        (("--start", "today"), "is not a time such as"),
        (("--start", "0001-01-01T00:00:00Z"), "its year must be from 1900 to 9998 in UTC"),
        (("--seconds", "1", "--images", "1"), "give either --seconds or --images"),
        (("--seconds", "100000000"), "the limit is 1,000,000"),
        (("--protocol", "ftp"), "--ftp-url: the protocol ftp needs a URL such as"),
        (("--protocol", "ftp", "--ftp-url", "ftp://127.0.0.1:99999"), "--ftp-url: the protocol ftp needs"),
        (("--url", "http://[::1"), "--url: invalid URL"),
        (("--url", "localhost:8000"), "--url: invalid URL"),
    ],
)
def test_invalid_option_is_named(pipeline: Pipeline, arguments: tuple[str, ...], problem: str) -> None:
    sent = simulate(pipeline, *arguments)

    assert sent.status == 2
    assert problem in sent.problem

"""Dead letters over HTTP: pages, details, retry and drop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from captiond.imaging import BadImage
from captiond.operations.dead_letter_files import DeadLetterFiles, offload
from captiond.operations.dead_letters import SCAN_ENTRIES
from captiond.pipeline import CAPTIONED, QUEUES, UPLOADS
from captiond.services.api.bodies.dead_letters import AllDeadLetters, ChosenDeadLetters, DeadLetterRef
from captiond.services.api.dead_letters import BATCH, Batch, change_batch
from captiond.workqueue.admin import DeadLetters
from captiond.workqueue.worker import Reject
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem
from tests.servers.queues import RedisServer

PATH = "/api/dead-letters"


def fail_upload(api: Api, description: str, error: Exception, queue: str = UPLOADS) -> str:
    """Make a dead letter. Returns its image id."""
    image_id = api.send(jpeg(), description).json()["id"]
    if queue == CAPTIONED:
        api.caption()
        api.work(CAPTIONED, None, lambda _: Reject(error))
    else:
        api.fail(error)
    return str(image_id)


def add_many(api: Api, server: RedisServer, count: int, error: str = "ValueError: x") -> None:
    """Add dead letters of queue `uploads`, as version 0.2 wrote them, without payloads."""
    stream = key_of(api.broker.dead_letters(UPLOADS))
    with server.client().pipeline(transaction=False) as pipeline:
        for number in range(count):
            fields = {"v": "2", "id": f"{number}", "dead_error": error, "dead_traceback": "x" * 2000}
            pipeline.xadd(stream, fields)  # type: ignore[arg-type] # dict is invariant
        pipeline.execute()


def key_of(dead_letters: DeadLetters) -> str:
    """Return the key of the stream."""
    return cast("str", vars(dead_letters)["_stream"])


def follow(api: Api, path: str) -> Iterator[list[dict[str, Any]]]:
    """Yield each page."""
    while path:
        response = api.client.get(path)
        assert response.status_code == 200, response.text
        yield response.json()
        path = response.links.get("next", {}).get("url", "")


def change(api: Api, action: str, body: object) -> dict[str, Any]:
    response = api.client.post(f"{PATH}/{action}", json=body)
    assert response.status_code == 200, response.text
    return cast("dict[str, Any]", response.json())


def ref(letter: dict[str, Any]) -> dict[str, str]:
    return {"queue": letter["queue"], "entry": letter["entry"]}


def test_list_has_the_newest_dead_letter_of_both_queues_first(own_api: Api) -> None:
    ids = [
        fail_upload(own_api, "first", BadImage("no scan")),
        fail_upload(own_api, "second", OSError("disk\nfull"), CAPTIONED),
        fail_upload(own_api, "third", ValueError("x" * 900)),
    ]

    [page] = follow(own_api, PATH)

    assert [letter["id"] for letter in page] == ids[::-1]
    assert [letter["queue"] for letter in page] == [UPLOADS, CAPTIONED, UPLOADS]
    assert [letter["description"] for letter in page] == ["third", "second", "first"]
    assert page[1]["error"] == "OSError: disk full"
    assert len(page[0]["error"]) == 500
    assert all(letter["deliveries"] == 1 and letter["bytes"] > len(jpeg()) for letter in page)
    assert "traceback" not in page[0]


def test_pages_continue_without_gap_or_repetition(own_api: Api) -> None:
    for number in range(3):
        fail_upload(own_api, f"{number}", BadImage("no scan"))
        fail_upload(own_api, f"{number}", BadImage("no row"), CAPTIONED)
    [everything] = follow(own_api, PATH)

    assert [letter for page in follow(own_api, f"{PATH}?limit=1") for letter in page] == everything
    assert [len(page) for page in follow(own_api, f"{PATH}?limit=4")] == [4, 2]
    filtered = [letter["error"] for page in follow(own_api, f"{PATH}?limit=2&reason=NO%20ROW") for letter in page]
    assert filtered == ["BadImage: no row"] * 3
    [page] = follow(own_api, f"{PATH}?queue=uploads")
    assert {letter["queue"] for letter in page} == {UPLOADS}


def test_entries_of_two_queues_with_equal_ids_are_both_listed(own_api: Api, valkey: RedisServer) -> None:
    for queue in QUEUES:
        valkey.client().xadd(key_of(own_api.broker.dead_letters(queue)), {"id": queue}, id="1795746714123-7")

    pages = list(follow(own_api, f"{PATH}?limit=1"))

    assert [letter["queue"] for page in pages for letter in page] == [UPLOADS, CAPTIONED]
    [other] = follow(own_api, f"{PATH}?before=0-0-uploads")
    assert other == []


def test_detail_has_traceback_and_fields(own_api: Api) -> None:
    image_id = fail_upload(own_api, "Ёлка", BadImage("no scan"))
    [[letter]] = follow(own_api, PATH)

    detail = own_api.client.get(f"{PATH}/{letter['queue']}/{letter['entry']}").json()

    assert detail.items() >= letter.items()
    assert "BadImage: no scan" in detail["traceback"]
    assert (detail["fields"]["description"], detail["fields"]["id"]) == ("Ёлка", image_id)
    assert len(detail["fields"]["sha256"]) == 64
    assert not any(name.startswith("dead_") for name in detail["fields"])
    assert problem(own_api.client.get(f"{PATH}/captioned/{letter['entry']}")) == (404, "unknown-dead-letter")


def test_unreadable_dead_letter_is_listed_without_id_and_description(own_api: Api, valkey: RedisServer) -> None:
    valkey.client().xadd(key_of(own_api.broker.dead_letters(UPLOADS)), {"junk": b"\xff"})

    [[letter]] = follow(own_api, PATH)
    detail = own_api.client.get(f"{PATH}/uploads/{letter['entry']}").json()

    assert (letter["id"], letter["description"], letter["error"]) == (None, None, "")
    assert detail["fields"] == {"junk": "ff"}


def test_retry_returns_dead_letters_to_their_queues_and_repeats_count_as_missing(own_api: Api) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    fail_upload(own_api, "two", OSError("disk full"), CAPTIONED)
    [letters] = follow(own_api, PATH)
    body = {"letters": [*map(ref, letters), {"queue": "uploads", "entry": "1-1"}]}

    first, second = change(own_api, "retry", body), change(own_api, "retry", body)

    assert first == {"retried": 2, "missing": 1, "failed": 0, "error": None, "remaining": 0, "next": None}
    assert second == {**first, "retried": 0, "missing": 3}
    assert [own_api.broker.monitor.stats(queue).depth for queue in QUEUES] == [1, 1]
    own_api.caption()
    own_api.store()
    assert len(own_api.client.get("/api/images").json()) == 2


def test_drop_deletes_dead_letters_with_their_images(own_api: Api) -> None:
    image_id = fail_upload(own_api, "one", BadImage("no scan"))
    [[letter]] = follow(own_api, PATH)

    assert change(own_api, "drop", {"letters": [ref(letter)]})["dropped"] == 1
    assert change(own_api, "drop", {"letters": [ref(letter)]})["missing"] == 1

    assert own_api.broker.monitor.totals(QUEUES).dropped == 1
    assert problem(own_api.client.get(f"/api/images/{image_id}/status")) == (404, "unknown-image")


def test_all_is_limited_to_queue_and_reason(own_api: Api) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    fail_upload(own_api, "two", ValueError("broken"))
    fail_upload(own_api, "three", BadImage("no scan"), CAPTIONED)

    result = change(own_api, "drop", {"all": True, "queue": "uploads", "reason": "NO SCAN"})

    assert (result["dropped"], result["next"]) == (1, None)
    [letters] = follow(own_api, PATH)
    assert [letter["description"] for letter in letters] == ["three", "two"]


def test_all_dead_letters_are_dropped_in_batches(own_api: Api, valkey: RedisServer) -> None:
    add_many(own_api, valkey, 250)
    body: dict[str, Any] | None = {"all": True}
    results = []

    while body:
        result = change(own_api, "drop", body)
        body = result["next"]
        results.append(result)

    assert sum(result["dropped"] for result in results) == 250
    assert all(result["dropped"] <= BATCH for result in results)
    assert results[0]["remaining"] == 250 - BATCH
    assert [*follow(own_api, PATH)] == [[]]


def test_one_page_of_10000_dead_letters_reads_few_entries(own_api: Api, valkey: RedisServer) -> None:
    add_many(own_api, valkey, 10_000)
    client = valkey.client()

    client.config_resetstat()
    [first, *_] = own_api.client.get(PATH, params={"limit": 100}).json()
    scripts = count_scripts(client.info("commandstats"))
    client.config_resetstat()
    filtered = own_api.client.get(PATH, params={"limit": 100, "reason": "no such reason"})
    filtered_scripts = count_scripts(client.info("commandstats"))

    assert first["id"] == "9999"
    assert scripts <= 20
    assert filtered.json() == []
    assert "next" in filtered.links
    assert filtered_scripts <= SCAN_ENTRIES / 10 + 10
    pages = list(follow(own_api, f"{PATH}?reason=no+such+reason"))
    assert pages == [[]] * 10


def count_scripts(stats: object) -> int:
    """Return the number of script calls, of which each reads at most 10 entries."""
    rows = cast("dict[str, dict[str, int]]", stats)
    return sum(row["calls"] for name, row in rows.items() if name.startswith("cmdstat_eval"))


def test_messages_that_fail_again_during_the_batches_are_not_retried_again(own_api: Api, valkey: RedisServer) -> None:
    add_many(own_api, valkey, BATCH + 5)
    first = change(own_api, "retry", {"all": True})
    add_many(own_api, valkey, 3)

    second = change(own_api, "retry", first["next"])

    assert (first["retried"], second["retried"], second["next"]) == (BATCH, 5, None)
    assert own_api.broker.dead_letters(UPLOADS).count() == 3


def test_offloaded_images_are_retried_and_dropped_with_their_files(own_api: Api, tmp_path: Path) -> None:
    for number in range(3):
        fail_upload(own_api, f"{number}", BadImage("no scan"))
    queue, files = own_api.broker.dead_letters(UPLOADS), DeadLetterFiles(tmp_path / "dead-letters")
    assert offload([queue], files, lambda: 1) == 3
    [letters] = follow(own_api, PATH)
    detail = own_api.client.get(f"{PATH}/uploads/{letters[0]['entry']}").json()
    assert detail["offloaded_bytes"] == len(jpeg())
    (files.folder / f"uploads-{letters[2]['entry']}.payload").unlink()

    retried = change(own_api, "retry", {"letters": [ref(letters[0]), ref(letters[2])]})
    dropped = change(own_api, "drop", {"letters": [ref(letters[1])]})

    assert (retried["retried"], retried["failed"], dropped["dropped"]) == (1, 1, 1)
    assert "CAPTIOND_DEAD_LETTER_DIR" in retried["error"]
    assert list(files.folder.iterdir()) == []
    own_api.caption()
    assert own_api.broker.dead_letters(UPLOADS).count() == 1


def test_retry_of_a_dead_letter_that_another_call_has_retried_is_missing(own_api: Api, tmp_path: Path) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))
    files = DeadLetterFiles(tmp_path / "dead-letters")
    offload([own_api.broker.dead_letters(UPLOADS)], files, lambda: 1)
    [letter] = own_api.context.operations.dead_letters
    assert own_api.context.operations.dead_letters.redrive(letter)

    assert not own_api.context.operations.dead_letters.redrive(letter)


@pytest.mark.parametrize("body", [{"all": True}, None])
def test_batch_ends_when_its_time_is_over_and_names_the_rest(
    own_api: Api, valkey: RedisServer, body: dict[str, Any] | None
) -> None:
    add_many(own_api, valkey, 5)
    [letters] = follow(own_api, PATH)
    selection = AllDeadLetters.model_validate(body) if body else ChosenDeadLetters(letters=[*map(make_ref, letters)])
    dead_letters = own_api.context.operations.dead_letters

    batch, remaining, following = change_batch(dead_letters, selection, dead_letters.delete, Batch(ends_at=0))

    assert (batch.done, remaining) == (1, 4)
    assert following is not None
    assert change(own_api, "drop", following.model_dump())["dropped"] == 4


def make_ref(letter: dict[str, Any]) -> DeadLetterRef:
    return DeadLetterRef.model_validate(ref(letter))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "letters"),
        ({"letters": []}, "letters"),
        ({"letters": [{"queue": "other", "entry": "1-1"}]}, "queue"),
        ({"letters": [{"queue": "uploads", "entry": "x"}]}, "entry"),
        ({"letters": [{"queue": "uploads", "entry": "1-1"}] * 1001}, "letters"),
        ({"all": False}, "all"),
        ({"all": True, "reason": ""}, "reason"),
        ({"all": True, "before": "x"}, "before"),
        ({"all": True, "unknown": 1}, "unknown"),
    ],
)
def test_invalid_selection_changes_nothing(api: Api, body: object, field: str) -> None:
    response = api.client.post(f"{PATH}/drop", json=body)

    assert problem(response) == (422, "invalid-request")
    assert field in response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"all":true,"reason":"\xff"}', b'{"all":' + b"9" * 5000 + b"}"],
    ids=["empty", "truncated", "nested", "not UTF-8", "long integer"],
)
def test_malformed_json_returns_400(api: Api, body: bytes) -> None:
    response = api.client.post(f"{PATH}/drop", content=body, headers={"Content-Type": "application/json"})

    assert problem(response) == (400, "malformed-body")


def test_large_body_and_other_media_types_are_refused(api: Api) -> None:
    large = api.client.post(f"{PATH}/drop", content=b" " * 200_000, headers={"Content-Type": "application/json"})
    text = api.client.post(f"{PATH}/drop", content=b'{"all":true}', headers={"Content-Type": "text/plain"})

    assert problem(large) == (413, "too-large")
    assert problem(text) == (422, "invalid-request")


def test_without_redis_dead_letters_return_503(own_valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(own_valkey.url, tmp_path)) as api:
        own_valkey.stop()

        assert problem(api.client.get(PATH)) == (503, "unavailable")
        assert problem(api.client.get(f"{PATH}/uploads/1-1")) == (503, "unavailable")
        assert problem(api.client.post(f"{PATH}/drop", json={"all": True})) == (503, "unavailable")


REQUESTS = [("GET", PATH), ("GET", f"{PATH}/uploads/1-1"), ("POST", f"{PATH}/retry"), ("POST", f"{PATH}/drop")]


def refusals(client: httpx.Client, **headers: str) -> set[tuple[int, str]]:
    """Send a valid request to each endpoint for operators. Returns the problems."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    responses = [
        client.request(method, path, json={"all": True} if method == "POST" else None, headers=named)
        for method, path in [*REQUESTS, ("GET", "/api/operations")]
    ]
    return {problem(response) for response in responses}


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "192.0.2.1"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
        {"Host": "captiond.example.com"},
        {"Host": "192.0.2.1:8000"},
    ],
)
def test_only_direct_requests_to_a_loopback_address_are_allowed(own_api: Api, headers: dict[str, str]) -> None:
    fail_upload(own_api, "one", BadImage("no scan"))

    assert refusals(own_api.client, **headers) == {(403, "operations-disabled")}

    assert own_api.broker.dead_letters(UPLOADS).count() == 1
    for host in ("localhost:8000", "127.0.0.1", "[::1]:80"):
        assert own_api.client.get(PATH, headers={"Host": host}).status_code == 200


def test_audience_none_refuses_everyone_and_all_also_allows_proxies(valkey: RedisServer, tmp_path: Path) -> None:
    with open_api(Backends(valkey.url, tmp_path, audience="none")) as api:
        assert refusals(api.client) == {(403, "operations-disabled")}
        assert "CAPTIOND_OPERATIONS=on" in api.client.get(PATH).json()["detail"]
    with open_api(Backends(valkey.url, tmp_path, audience="all")) as api:
        headers = {"X-Forwarded-For": "192.0.2.1", "Host": "captiond.example.com"}
        assert api.client.get(PATH, headers=headers).status_code == 200
        cross_site = api.client.post(f"{PATH}/drop", json={"all": True}, headers={"Sec-Fetch-Site": "same-site"})
        assert problem(cross_site) == (403, "cross-site-request")


def test_image_that_moved_to_disk_after_the_dead_letter_was_read_is_retried(own_api: Api) -> None:
    fail_upload(own_api, "x", BadImage("no scan"))
    letters = own_api.context.operations.dead_letters
    [read_before] = letters
    assert offload([own_api.broker.dead_letters(UPLOADS)], letters.files, lambda: 1) == 1

    assert letters.redrive(read_before)

    assert list(letters) == []
    assert list(letters.files.folder.iterdir()) == []
    own_api.caption()
    own_api.store()
    assert [image["description"] for image in own_api.client.get("/api/images").json()] == ["x"]

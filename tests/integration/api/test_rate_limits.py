"""Rates of uploads and of other requests, per key and per address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from captiond.access import Scope, make_token
from captiond.access.groups import ProxyUsers, parse_groups
from captiond.operations.request_rates import RequestRate
from captiond.services.api import RateLimits
from tests.contract.workqueue.queues import wait_until
from tests.integration.api.serving import Api, Backends, jpeg, open_api, problem
from tests.integration.api.visitors import log_in
from tests.servers.queues import RedisServer
from tests.servers.suspension import hung

PHOTO = jpeg()


@contextmanager
def open_limited(
    valkey: RedisServer, folder: Path, uploads: str = "off", requests: str = "off", *, requires_keys: bool = False
) -> Iterator[Api]:
    rates = RateLimits(RequestRate(uploads, "uploads"), RequestRate(requests, "requests"))
    users = ProxyUsers(b"x-user", None, parse_groups("*=read")) if requires_keys else None
    backends = Backends(valkey.url, folder, rates=rates, requires_keys=requires_keys, proxy_users=users)
    with open_api(backends) as api:
        yield api


def upload(api: Api, **headers: str) -> httpx.Response:
    return api.client.post(
        "/api/images", content=PHOTO, params={"description": "x"}, headers={"Content-Type": "image/jpeg", **headers}
    )


def statuses(api: Api, number: int, path: str = "/api/images", **headers: str) -> list[int]:
    return [api.client.get(path, headers=headers).status_code for _ in range(number)]


def test_uploads_above_the_rate_are_refused_with_the_time_to_wait(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, uploads="2/hour") as api:
        accepted = [upload(api).status_code for _ in range(2)]

        refused = upload(api)

        assert accepted == [202, 202]
        assert problem(refused) == (429, "rate-limited")
        assert 1700 < int(refused.headers["Retry-After"]) <= 1800
        assert refused.headers["RateLimit"] == f'"uploads";r=0;t={refused.headers["Retry-After"]}'
        assert refused.headers["RateLimit-Policy"] == '"uploads";q=2;w=3600'
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        assert problem(api.client.post("/api/ingest/dahua", headers={"Content-Length": "0"}))[0] == 429
        assert statuses(api, 3) == [200] * 3
        assert api.context.rejections.totals["rate-limited"] == 2


def test_other_requests_above_the_rate_are_refused(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, requests="2/hour") as api:
        assert statuses(api, 3) == [200, 200, 429]
        assert api.client.get("/images").status_code == 429
        assert statuses(api, 3, "/health/live") == [200] * 3
        assert statuses(api, 3, "/openapi.json") == [200] * 3
        assert upload(api).status_code == 202


def test_wrong_keys_of_the_login_count_towards_the_rate_of_the_address(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, requests="3/hour", requires_keys=True) as api:
        _, token = api.create_key("reader", Scope.READ)

        guesses = [log_in(api, make_token()).status_code for _ in range(2)]
        guesses += statuses(api, 1, **{"X-API-Key": make_token()})
        refused = log_in(api, token)

        assert guesses == [401, 401, 401]
        assert (refused.status_code, refused.headers.get("set-cookie")) == (429, None)
        assert 0 < int(refused.headers["Retry-After"]) <= 1200
        assert statuses(api, 2, **{"X-API-Key": token}) == [200, 200]


def test_each_key_and_each_user_has_its_own_rate(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, requests="2/hour", requires_keys=True) as api:
        first, second = ({"X-API-Key": api.create_key(name, Scope.READ)[1]} for name in ("first", "second"))

        for headers in (first, second, {"X-User": "anna"}, {"X-User": "boris"}):
            assert statuses(api, 3, **headers) == [200, 200, 429]


def test_requests_without_a_valid_key_count_by_address(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, requests="3/hour", requires_keys=True) as api:
        valid = {"X-API-Key": api.create_key("reader", Scope.READ)[1]}
        unknown = {"X-API-Key": f"captiond_{'x' * 43}"}

        assert statuses(api, 1) + statuses(api, 1, **unknown) + statuses(api, 3) == [401, 401, 401, 429, 429]
        assert statuses(api, 2, **valid) == [200, 200]
        other = {"X-Forwarded-For": "192.0.2.7"}  # the client of the tests is a trusted proxy
        assert statuses(api, 1, **other) == [401]


def test_requests_that_lack_the_scope_count_by_key(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, requests="2/hour", requires_keys=True) as api:
        key = {"X-API-Key": api.create_key("camera", Scope.UPLOAD)[1]}

        assert statuses(api, 3, **key) == [403, 403, 429]


def test_processes_share_the_counts(valkey: RedisServer, tmp_path: Path) -> None:
    with open_limited(valkey, tmp_path, uploads="3/hour") as api:
        other = RequestRate("3/hour", "uploads")
        for _ in range(3):
            other.count("127.0.0.1")
        other.exchange(api.broker.arrival_times.advance)

        wait_until(lambda: upload(api).status_code == 429)


@pytest.mark.parametrize("state", ["stopped", "hung"])
def test_without_redis_reads_are_limited_by_each_process(own_valkey: RedisServer, tmp_path: Path, state: str) -> None:
    with open_limited(own_valkey, tmp_path, requests="5/hour") as api:
        assert statuses(api, 1) == [200]
        if state == "stopped":
            own_valkey.stop()
            assert statuses(api, 5) == [200] * 4 + [429]
        else:
            with hung(own_valkey):
                assert statuses(api, 5) == [200] * 4 + [429]

"""`captiond webhooks`: the life of a webhook."""

import json
import re

import pytest

from tests.e2e.product import Place
from tests.integration.receivers import NO_CONTENT, receiving, status

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]+=*\n")


@pytest.fixture
def allowed(migrated: Place) -> Place:
    """A place whose webhooks may reach loopback."""
    return migrated.but(webhook_networks="127.0.0.1")


def test_webhook_is_created_tested_rotated_and_deleted(allowed: Place) -> None:
    with receiving(NO_CONTENT) as receiver:
        created = allowed.run("webhooks", "create", "office", receiver.url, "--event", "image.stored")
        assert SECRET.fullmatch(created.stdout)
        tested = allowed.run("webhooks", "test", "office")
        assert (tested.status, tested.stdout) == (0, "delivered to office: status 204\n")
        rotated = allowed.run("webhooks", "rotate", "office")
        assert SECRET.fullmatch(rotated.stdout)
        assert rotated.stdout != created.stdout
        assert allowed.run("webhooks", "test", "office").status == 0
        receiver.answer = status("500 No")
        refused = allowed.run("webhooks", "test", "office")
        assert (refused.status, refused.problem) == (1, "not delivered to office: status 500")

    signatures = [re.findall(r"v1,[^ \r]+", head.decode()) for head, _ in receiver.requests]
    assert [len(each) for each in signatures] == [1, 2, 2]
    [listed] = map(json.loads, allowed.run("webhooks", "list", "--json").stdout.splitlines())
    assert (listed["name"], listed["url"], listed["events"]) == ("office", receiver.url, ["image.stored"])
    assert "secret" not in listed
    assert listed["id"] in allowed.run("webhooks", "list").stdout
    deleted = allowed.run("webhooks", "delete", listed["id"])
    assert (deleted.status, deleted.stdout) == (0, f"deleted {listed['id']}  office\n")
    assert allowed.run("webhooks", "list").stdout == "no webhooks\n"


def test_unknown_webhook_is_reported(allowed: Place) -> None:
    done = allowed.run("webhooks", "rotate", "office")

    assert (done.status, done.problem) == (1, "no webhook office; list them with `captiond webhooks list`")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_private_address_is_refused_unless_a_setting_allows_it(migrated: Place, host: str) -> None:
    with receiving(NO_CONTENT) as receiver:
        created = migrated.run("webhooks", "create", "office", f"http://{host}:{receiver.port}/hook")
        tested = migrated.run("webhooks", "test", "office")

    assert (created.status, tested.status) == (0, 1)
    assert "CAPTIOND_WEBHOOK_NETWORKS" in tested.problem
    assert receiver.requests == []

"""`captiond webhooks …`: manages webhooks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer

from captiond.archive.webhooks import SecretsChanged, TooManyWebhooks, WebhookNameTaken
from captiond.cli.auditing import record
from captiond.cli.commands import make_group
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, print_error, require_subcommand
from captiond.cli.json_output import print_json, print_json_lines
from captiond.cli.options import AsJson, AsJsonLines
from captiond.operations.webhooks import Webhooks, summarise
from captiond.settings import Settings
from captiond.times import rfc3339, show_time
from captiond.webhooks import Delivery, DeliveryFailed, EventType, InvalidWebhook, Webhook, sign
from captiond.wiring.deployment import open_queues
from captiond.wiring.webhooks import make_sender, open_webhooks

Name = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id or name, from `webhooks list`.")]


def build() -> typer.Typer:
    """Return the app with the subcommands."""
    return make_group(
        webhooks,
        {
            "create": create,
            "list": list_webhooks,
            "test": send_test,
            "rotate": rotate,
            "enable": enable,
            "delete": delete,
        },
    )


def webhooks(context: typer.Context) -> None:
    """Manage webhooks, which get a request per event of an image."""
    require_subcommand(context)


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the webhook.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="https:// or http:// URL of the receiver.")],
    events: Annotated[
        list[EventType] | None, typer.Option("--event", help="Event to send; repeatable.", show_default="all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a webhook and print its secret, which is not shown again.

    The secret is the only line on stdout.
    """
    settings = load_settings()
    with _open(settings) as opened:
        try:
            made = opened.create(name, url, events or list(EventType))
        except (InvalidWebhook, WebhookNameTaken, TooManyWebhooks) as error:
            raise UsageError(str(error)) from error
    record(settings, "webhooks.create", detail=summarise(made))
    if as_json:
        print_json({**_describe(made), "secret": made.secrets[0]})
        return
    typer.echo(f"created the webhook {made.id}; store its secret now, it is not shown again:", err=True)
    typer.echo(made.secrets[0])


def list_webhooks(as_json: AsJsonLines = False) -> None:
    """List all webhooks, oldest first, without their secrets."""
    with _open(load_settings()) as opened:
        found = opened.store.load_all()
    if as_json:
        print_json_lines(map(_describe, found))
        return
    out = console()
    for webhook in found:
        print_line(out, f"{webhook.id}  {webhook.name}")
        for line in _lines(webhook):
            print_line(out, line, indent=4)
    if not found:
        out.print("no webhooks")


def send_test(name: Name, as_json: AsJson = False) -> None:
    """Send an event of the type `test` and print the result. The exit status is 1 if it is not delivered."""
    settings = load_settings()
    with _open(settings) as opened:
        webhook = _find(opened, name)
    now = datetime.now(UTC)
    body = json.dumps({"type": "test", "timestamp": rfc3339(now), "data": {}}).encode()
    headers = {
        "Content-Type": "application/json",
        **sign(str(uuid4()), int(now.timestamp()), body, webhook.secrets),
    }
    try:
        status = make_sender(settings).send(Delivery(webhook.url, headers, body))
    except DeliveryFailed as error:
        if as_json:
            print_json(_describe_attempt(webhook, error.status, str(error)))
        print_error(f"not delivered to {webhook.name}: {error}")
        raise typer.Exit(1) from error
    if as_json:
        print_json(_describe_attempt(webhook, status))
    else:
        print_line(console(), f"delivered to {webhook.name}: status {status}")


def rotate(name: Name, as_json: AsJson = False) -> None:
    """Replace the secret and print the new one. The last one remains valid until the next rotation.

    The secret is the only line on stdout.
    """
    settings = load_settings()
    with _open(settings) as opened:
        webhook = _find(opened, name)
        try:
            secret = opened.rotate(webhook)
        except SecretsChanged as error:
            raise UsageError(str(error)) from error
    record(settings, "webhooks.rotate", detail=summarise(webhook))
    if as_json:
        print_json({**_describe(webhook), "secret": secret})
        return
    typer.echo(f"replaced the secret of {webhook.name}; store it now, it is not shown again:", err=True)
    typer.echo(secret)


def enable(name: Name, as_json: AsJson = False) -> None:
    """Continue the deliveries of a disabled webhook with the next event."""
    settings = load_settings()
    with _open(settings) as opened:
        webhook = _find(opened, name)
        opened.enable(webhook)
    record(settings, "webhooks.enable", detail=summarise(webhook))
    _print_change("enabled", webhook, as_json=as_json)


def delete(name: Name, as_json: AsJson = False) -> None:
    """Delete a webhook. Its queued events are dropped."""
    settings = load_settings()
    with _open(settings) as opened:
        webhook = _find(opened, name)
        opened.delete(webhook.id)
    record(settings, "webhooks.delete", detail=summarise(webhook))
    _print_change("deleted", webhook, as_json=as_json)


@contextmanager
def _open(settings: Settings) -> Iterator[Webhooks]:
    with open_queues(settings) as broker, open_webhooks(settings, broker) as opened:
        yield opened


def _find(opened: Webhooks, name: str) -> Webhook:
    if webhook := opened.find(name):
        return webhook
    print_error(f"no webhook {name}; list them with `captiond webhooks list`")
    raise typer.Exit(1)


def _print_change(result: str, webhook: Webhook, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": str(webhook.id), "name": webhook.name, "result": result})
    else:
        print_line(console(), f"{result} {webhook.id}  {webhook.name}")


def _describe_attempt(webhook: Webhook, status: int | None, error: str | None = None) -> dict[str, object]:
    return {
        "id": str(webhook.id),
        "name": webhook.name,
        "delivered": error is None,
        "status": status,
        "error": error,
    }


def _lines(webhook: Webhook) -> Iterator[str]:
    yield webhook.url
    yield f"{webhook.state}, events: {', '.join(sorted(webhook.events))}"
    if webhook.disabled_reason:
        yield f"disabled: {webhook.disabled_reason}"
    if webhook.attempted_at:
        yield f"last attempt {show_time(webhook.attempted_at)}: {webhook.result}"
    if webhook.failures:
        yield f"failed attempts since the last success: {webhook.failures}"
    yield f"created {show_time(webhook.created_at)}, last success {show_time(webhook.succeeded_at)}"


def _describe(webhook: Webhook) -> dict[str, object]:
    times = {name: getattr(webhook, name) for name in ("created_at", "attempted_at", "succeeded_at")}
    return {
        "id": str(webhook.id),
        "name": webhook.name,
        "url": webhook.url,
        "events": sorted(webhook.events),
        "state": webhook.state,
        "disabled_reason": webhook.disabled_reason,
        "result": webhook.result,
        "failures": webhook.failures,
        **{name: rfc3339(time) if time else None for name, time in times.items()},
    }

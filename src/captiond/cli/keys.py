"""`captiond keys …`: manages API keys."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from captiond.access import ApiKey, Scope, make_key
from captiond.access.keys import MAX_NAME_CHARACTERS, MAX_NETWORKS, is_valid_name
from captiond.access.principal import Network, parse_network
from captiond.archive import WORKER_LIMITS
from captiond.archive.keys import NameTaken, TooManyKeys
from captiond.cli.auditing import record
from captiond.cli.commands import make_group
from captiond.cli.console import console, load_settings, print_line
from captiond.cli.errors import UsageError, print_error, require_subcommand
from captiond.cli.json_output import print_json, print_json_lines
from captiond.cli.options import AsJson, AsJsonLines
from captiond.image import MAX_CAMERA_CHARACTERS
from captiond.names import normalize_name
from captiond.operations.quantities import parse_period
from captiond.times import rfc3339, show_time
from captiond.wiring.access import open_key_store

Names = Annotated[list[str], typer.Argument(metavar="KEY…", help="Ids or names of keys, from `keys list`.")]


def build() -> typer.Typer:
    """Return the app with the subcommands."""
    return make_group(keys, {"create": create, "list": list_keys, "revoke": revoke})


def keys(context: typer.Context) -> None:
    """Manage API keys; CAPTIOND_AUTH=keys requires them."""
    require_subcommand(context)


def create(  # noqa: PLR0913 - options of a command
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the key, such as that of its client.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What the key allows; repeatable.")],
    camera: Annotated[str | None, typer.Option(metavar="NAME", help="Only uploads of this camera.")] = None,
    networks: Annotated[
        list[str] | None, typer.Option("--network", metavar="CIDR", help="Only from this network; repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="Period such as 12h, 90d or 52w, or a date or time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and print its secret, which is not shown again.

    The secret is the only line on stdout.
    """
    key, token = make_key(
        _check_name("NAME", name, MAX_NAME_CHARACTERS),
        frozenset(scopes),
        camera=None if camera is None else _check_name("--camera", camera, MAX_CAMERA_CHARACTERS),
        networks=_parse_networks(networks or []),
        expires_at=None if expires is None else parse_expiry(expires, datetime.now(UTC)),
    )
    settings = load_settings()
    with open_key_store(settings, WORKER_LIMITS) as store:
        try:
            store.create(key)
        except (NameTaken, TooManyKeys) as error:
            raise UsageError(str(error)) from error
    record(settings, "keys.create", detail=key.summary)
    if as_json:
        print_json({**_describe(key, datetime.now(UTC)), "key": token})
        return
    typer.echo(f"created the key {key.id}; store its secret now, it is not shown again:", err=True)
    typer.echo(token)


def list_keys(as_json: AsJsonLines = False) -> None:
    """List all keys, oldest first, without their secrets."""
    now = datetime.now(UTC)
    with open_key_store(load_settings(), WORKER_LIMITS) as store:
        found = store.load_all()
    if as_json:
        print_json_lines(_describe(key, now) for key in found)
        return
    out = console()
    for key in found:
        print_line(out, f"{key.id}  {key.principal.name}")
        for line in _lines(key, now):
            print_line(out, line, indent=4)
    if not found:
        out.print("no keys")


def revoke(names: Names, as_json: AsJsonLines = False) -> None:
    """Revoke keys. Every service refuses them within a few seconds."""
    settings = load_settings()
    with open_key_store(settings, WORKER_LIMITS) as store:
        found, now = store.load_all(), datetime.now(UTC)
        chosen = [_find(found, name, now) for name in names]
        for key in chosen:  # before any is revoked
            if key.revoked_at is not None:
                raise UsageError(f"the key {key.id} is revoked already")
        for key in chosen:
            if not store.revoke(key.id):
                raise UsageError(f"the key {key.id} is revoked already")
            record(settings, "keys.revoke", detail=key.summary)
            if as_json:
                print_json({"id": str(key.id), "name": key.principal.name, "result": "revoked"})
            else:
                print_line(console(), f"revoked {key.id}  {key.principal.name}")


def _find(found: list[ApiKey], name: str, now: datetime) -> ApiKey:
    """Return the key with this id or name: the active one, else the expired one, else the revoked one.

    Only the names of active keys are unique. Raises UsageError if the name stands for several keys.
    """
    for key in found:
        if str(key.id) == name.lower():
            return key
    named = [key for key in found if key.principal.name == normalize_name(name)]
    for state in ("active", "expired", "revoked"):
        match [key for key in named if key.state(now) == state]:
            case [key]:
                return key
            case [_, *_] if state == "revoked":
                raise UsageError(f"all keys named {name!r} are revoked already")
            case [_, *_] as several:
                ids = ", ".join(str(key.id) for key in several)
                raise UsageError(f"{len(several)} {state} keys are named {name!r}; give an id: {ids}")
    print_error(f"no key {name}; list them with `captiond keys list`")
    raise typer.Exit(1)


def _lines(key: ApiKey, now: datetime) -> Iterator[str]:
    principal = key.principal
    yield f"{key.state(now)}, scopes: {', '.join(sorted(principal.scopes)) or 'none'}"
    yield f"created {show_time(key.created_at)}, last used {show_time(key.last_used_at)}"
    if key.revoked_at or key.expires_at:
        yield f"revoked {show_time(key.revoked_at)}" if key.revoked_at else f"expires {show_time(key.expires_at)}"
    if principal.camera:
        yield f"camera: {principal.camera}"
    if principal.networks:
        yield f"networks: {', '.join(map(str, principal.networks))}"


def _describe(key: ApiKey, now: datetime) -> dict[str, str | list[str] | None]:
    principal = key.principal
    times = {name: getattr(key, name) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")}
    return {
        "id": str(key.id),
        "name": principal.name,
        "state": key.state(now),
        "scopes": sorted(principal.scopes),
        "camera": principal.camera,
        "networks": [str(network) for network in principal.networks],
        **{name: rfc3339(time) if time else None for name, time in times.items()},
    }


def _check_name(what: str, text: str, max_characters: int) -> str:
    name = normalize_name(text)
    if not is_valid_name(name, max_characters):
        raise UsageError(f"{what}: {text!r} must have 1 to {max_characters} printable characters, and be no id")
    return name


def _parse_networks(texts: list[str]) -> tuple[Network, ...]:
    if len(texts) > MAX_NETWORKS:
        raise UsageError(f"--network: {len(texts)} networks; the limit is {MAX_NETWORKS}")
    try:
        return tuple(map(parse_network, texts))
    except ValueError as error:
        raise UsageError(f"--network: {error}; use for example 10.0.0.0/8") from error


def parse_expiry(text: str, now: datetime) -> datetime:
    """Return the time after a period, or a time with offset, or the start of a date in UTC. Raises UsageError."""
    if (period := parse_period(text)) is not None:
        expires_at = now + period
    else:
        try:
            parsed = datetime.fromisoformat(text)
            expires_at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            reason = "is neither a period such as 90d nor a date such as 2030-12-31"
            raise UsageError(f"--expires: {text!r} {reason}") from error
    if expires_at <= now:
        raise UsageError(f"--expires: {text!r} is not in the future")
    return expires_at

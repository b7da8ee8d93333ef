"""The commands `hold`, `unhold`, `delete` and `prune`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from socket import gethostname
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from captiond.archive import Actor, Archive, Expired, ExpiredImage
from captiond.cli.auditing import record
from captiond.cli.console import console, count, load_settings, print_line
from captiond.cli.errors import UsageError, print_error
from captiond.cli.filters import parse_camera
from captiond.cli.hung_database import exit_if_hung
from captiond.cli.image_ids import parse_image_id
from captiond.cli.json_output import print_json, print_json_lines
from captiond.cli.options import AsJsonLines
from captiond.operations.deletion import ImageDeletion, Pruned
from captiond.operations.quantities import parse_period, parse_size
from captiond.operations.retention import preview, select_expired
from captiond.operations.retention_limits import Limits
from captiond.settings import Settings
from captiond.times import rfc3339, show_time
from captiond.wiring.archives import open_archive
from captiond.wiring.deletion import make_deletion, make_retention_policy
from captiond.wiring.deployment import reject_other_deployment
from captiond.wiring.queues import open_broker

T = TypeVar("T")
Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of archived images.")]
Reason = Annotated[str | None, typer.Option(help="The reason, up to 200 characters.")]


@dataclass(frozen=True, slots=True)
class _Opened:
    settings: Settings
    archive: Archive
    deletion: ImageDeletion


def hold(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids of archived images.")] = None,
    reason: Reason = None,
    as_json: AsJsonLines = False,
) -> None:
    """Protect images from every deletion, or list the protected ones.

    The exit status is 1 if an image is not archived.
    """
    actor = _make_actor(reason)
    with _open() as opened:
        if ids:
            _for_each(
                opened,
                "images.hold",
                ids,
                lambda id_: _if_found(opened.archive.lifecycle.hold(id_, actor), "held"),
                as_json=as_json,
            )
            return
        holds = opened.archive.lifecycle.holds()
    if as_json:
        print_json_lines(
            {
                "id": str(found.image_id),
                "held_at": rfc3339(found.held_at),
                "held_by": found.held_by,
                "reason": found.reason,
            }
            for found in holds
        )
        return
    out = console()
    for found in holds:
        print_line(out, f"{found.image_id}  {show_time(found.held_at)}")
        print_line(out, f"by {found.held_by}" + (f": {found.reason}" if found.reason else ""), indent=4)
    if not holds:
        out.print("no legal holds")


def unhold(ids: Ids, as_json: AsJsonLines = False) -> None:
    """Release images from their legal hold.

    The exit status is 1 if an image is not archived.
    """
    with _open() as opened:
        _for_each(
            opened,
            "images.unhold",
            ids,
            lambda id_: _if_found(opened.archive.lifecycle.release(id_), "released"),
            as_json=as_json,
        )


def delete(ids: Ids, reason: Reason = None, as_json: AsJsonLines = False) -> None:
    """Delete images for good. Their times and checksums remain.

    The exit status is 1 if an image has a legal hold or is not archived.
    """
    actor = _make_actor(reason)
    with _open() as opened:
        sizes: dict[UUID, int] = {}

        def delete_row(image_id: UUID) -> str | None:
            deleted = opened.archive.lifecycle.delete([image_id], actor)
            if deleted.held:
                print_error(f"the image {image_id} has a legal hold; `captiond unhold {image_id}` releases it")
                return ""
            sizes.update(deleted.sizes)
            return _if_found(bool(deleted.sizes), "deleted")

        def delete_rest(image_id: UUID) -> None:
            opened.deletion.announce([image_id], sizes[image_id])
            opened.deletion.finish_if_possible([image_id])

        _for_each(opened, "images.delete", ids, delete_row, delete_rest, as_json=as_json)


def prune(  # noqa: PLR0913 - options of a command
    older_than: Annotated[str | None, typer.Option(metavar="PERIOD", help="Delete older images: 36h, 90d, 2w.")] = None,
    keep_bytes: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Keep the newest images up to this size: 100G.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", parser=parse_camera, help="Only images of this camera.")
    ] = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the images and delete nothing.")] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Delete old images for good, except those with a legal hold.

    Without a limit, applies CAPTIOND_RETENTION and CAPTIOND_RETENTION_CAMERAS.
    """
    limits = Limits(
        None if older_than is None else _parse("--older-than", older_than, parse_period, "36h, 90d or 2w"),
        None if keep_bytes is None else _parse("--keep-bytes", keep_bytes, parse_size, "1000000, 500M or 100G"),
    )
    actor = _make_actor(reason)
    with _open() as opened:
        selections = _select(opened, limits, camera)
        if dry_run:
            if as_json:
                print_json_lines(map(_describe_image, preview(opened.archive, selections)))
            else:
                _print_preview(opened.archive, selections)
            return
        pruned, result = Pruned(), "incomplete"
        try:
            opened.deletion.prune(selections, actor, pruned)
            result = "ok"
        finally:
            if pruned.images or result == "ok":
                record(opened.settings, "prune", result=result, detail=f"{pruned.images}: {_describe(limits, camera)}")
                _print_pruned(pruned, as_json=as_json)


def _print_pruned(pruned: Pruned, *, as_json: bool) -> None:
    if as_json:
        print_json({"deleted": pruned.images, "bytes": pruned.size_bytes})
    else:
        print_line(console(), f"deleted {count(pruned.images, 'image')}, {count(pruned.size_bytes, 'byte')}")


def _select(opened: _Opened, limits: Limits, camera: str | None) -> Iterator[Expired]:
    now = datetime.now(UTC)
    if limits != Limits():
        return select_expired(opened.archive, limits, now, camera)
    policy = make_retention_policy(opened.settings)
    if camera is not None or policy.is_unlimited():
        raise UsageError("give --older-than, --keep-bytes or both, or set CAPTIOND_RETENTION")
    return policy.select(opened.archive, now)


def _describe_image(image: ExpiredImage) -> dict[str, str | int | None]:
    return {
        "id": str(image.id),
        "received_at": rfc3339(image.received_at),
        "bytes": image.size_bytes,
        "camera": image.camera,
    }


def _print_preview(archive: Archive, selections: Iterator[Expired]) -> None:
    out, images, size_bytes = console(), 0, 0
    for image in preview(archive, selections):
        camera = "" if image.camera is None else f"  {image.camera}"
        print_line(out, f"{image.id}  {show_time(image.received_at)}  {image.size_bytes}{camera}")
        images, size_bytes = images + 1, size_bytes + image.size_bytes
    print_line(out, f"would delete {count(images, 'image')}, {count(size_bytes, 'byte')}")


@contextmanager
def _open() -> Iterator[_Opened]:
    settings = load_settings()
    with open_archive(settings) as archive, exit_if_hung(archive), open_broker(settings) as broker:
        archive.check_deployment()
        reject_other_deployment(broker, archive)
        yield _Opened(settings, archive, make_deletion(archive, broker, settings))


def _describe(limits: Limits, camera: str | None) -> str:
    parts = {"age": limits.age, "bytes": limits.max_bytes, "camera": camera}
    return " ".join(f"{name}={value}" for name, value in parts.items() if value is not None) or "configured limits"


def _for_each(  # noqa: PLR0913 - the steps of one command
    opened: _Opened,
    action: str,
    ids: list[str],
    change: Callable[[UUID], str | None],
    clean_up: Callable[[UUID], None] = lambda _: None,
    *,
    as_json: bool,
) -> None:
    """Change each image, and print the result at once, because a later change may fail.

    `change` returns it, None for an unknown id, or "" after an error. `clean_up` follows a change. The change is in the
    audit log even if `clean_up` fails or is interrupted.
    """
    parsed = [parse_image_id(text) for text in ids]
    changed: list[UUID] = []
    try:
        for image_id in parsed:
            result = change(image_id)
            if result:
                changed.append(image_id)
                clean_up(image_id)
            _print_result(image_id, result, as_json=as_json)
    finally:
        if changed:
            record(opened.settings, action, detail=f"{len(changed)}: {' '.join(map(str, changed))}")
    if len(changed) < len(parsed):
        raise typer.Exit(1)


def _print_result(image_id: UUID, result: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": str(image_id), "result": "not found" if result is None else result or "on hold"})
    elif result:
        print_line(console(), f"{result} {image_id}")
    elif result is None:
        print_error(f"no archived image {image_id}")


def _if_found(found: bool, text: str) -> str | None:
    return text if found else None


def _parse(option: str, text: str, parse: Callable[[str], T | None], examples: str) -> T:
    if (value := parse(text)) is None:
        raise UsageError(f"{option}: {text!r} is not valid; use for example {examples}")
    if not value:
        raise UsageError(f"{option}: {text!r} would delete every image; use for example {examples}")
    return value


def _make_actor(reason: str | None) -> Actor:
    try:
        user = getuser()
    except (KeyError, OSError):  # in a container, whose user may have no name
        user = str(os.getuid())
    try:
        return Actor(f"{user}@{gethostname()}"[:255], reason)
    except ValueError as error:
        raise UsageError(f"--reason: {error}") from error

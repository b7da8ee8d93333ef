"""The tables, in Markdown."""

import platform
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from statistics import median

from benchmarks.photos.kinds import Label
from benchmarks.photos.results import Result
from benchmarks.reporting import describe_machine
from PIL import features

_WORST = 10
_NAMES_SHOWN = 12
_MUCH_SLOWER = 1.5  # times plain Pillow
_VARIABLE = re.compile("(?<=symbol )[0-9a-f]{2}|[0-9]{3,}")
"""What differs between photos in one and the same reason: symbols, sizes, offsets."""


def report_lines(results: Sequence[Result], about: str) -> Iterator[str]:
    """All tables. `about` describes the run."""
    valid = [result for result in results if result.is_valid]
    yield about
    yield f"{describe_machine()}; Python {platform.python_version()}, Pillow {version('pillow')},"
    yield f"libjpeg-turbo {features.version('libjpeg_turbo')}."
    yield f"{len(results)} photos, {len(valid)} of them valid: Pillow captions them without an error."
    yield from _kind_table(valid)
    yield from _reason_table(valid)
    yield from _worst_table([result for result in valid if result.is_timed])
    yield from _invalid_table([result for result in results if not result.is_valid])


def _kind_table(valid: Sequence[Result]) -> Iterator[str]:
    yield ""
    yield (
        "| photos | number | lossless | CPU cold, ms | CPU warm, ms | plain Pillow, ms | cold / Pillow "
        "| warm / Pillow | median photo, cold / Pillow |"
    )
    yield "| --- |" + " ---: |" * 8
    yield _row("all valid", valid)
    yield _row("upright baseline", [result for result in valid if result.is_upright_baseline])
    for label in Label:
        if chosen := [result for result in valid if label in result.labels]:
            yield _row(label, chosen)


def _row(title: str, chosen: Sequence[Result]) -> str:
    lossless = sum(result.outcome.is_lossless for result in chosen)
    timed = [result for result in chosen if result.is_timed]
    cells = [title, str(len(chosen)), f"{lossless} ({100 * lossless / max(1, len(chosen)):.0f} %)"]
    if timed:
        cold = sum(result.times.cold_ms for result in timed)
        warm = sum(result.times.warm_ms for result in timed)
        pillow = sum(result.times.pillow_ms for result in timed)
        middle = median(result.ratio for result in timed)
        cells += [f"{ms:,.0f}" for ms in (cold, warm, pillow)]
        cells += [f"{ratio:.2f}" for ratio in (cold / pillow, warm / pillow, middle)]
    return f"| {' | '.join(cells)} |"


def _reason_table(valid: Sequence[Result]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for result in valid:
        if not result.outcome.is_lossless:
            reason = f"{result.outcome.method}: {_VARIABLE.sub('…', result.outcome.reason)}"
            by_reason.setdefault(reason, []).append(result.name)
    yield ""
    yield "| not lossless | photos | names |"
    yield "| --- | ---: | --- |"
    for reason, names in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        yield f"| {_cell(reason)} | {len(names)} | {', '.join(names[:_NAMES_SHOWN])}{more} |"


def _worst_table(timed: Sequence[Result]) -> Iterator[str]:
    slower = sum(result.ratio > _MUCH_SLOWER for result in timed)
    yield ""
    yield f"Photos that cost more than {_MUCH_SLOWER} times plain Pillow, cold: {slower}. The worst {_WORST}:"
    yield ""
    yield "| photo | kind | captiond | cold, ms | warm, ms | plain Pillow, ms | cold / Pillow |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    for result in sorted(timed, key=lambda result: -result.ratio)[:_WORST]:
        times, outcome = result.times, result.outcome
        cells = [f"{result.name} {result.source}".strip(), ", ".join(result.labels)]
        cells.append(_cell(f"{outcome.method}: {outcome.reason}" if outcome.reason else outcome.method))
        cells += [f"{ms:,.1f}" for ms in (times.cold_ms, times.warm_ms, times.pillow_ms)]
        yield f"| {' | '.join(cells)} | {result.ratio:.2f} |"


def _invalid_table(invalid: Sequence[Result]) -> Iterator[str]:
    if invalid:
        yield ""
        yield "| Pillow cannot caption | its error | captiond | cold, ms |"
        yield "| --- | --- | --- | ---: |"
    for result in invalid:
        outcome = result.outcome
        ours = f"{outcome.method}: {outcome.reason}" if outcome.reason else outcome.method
        cold = f"{result.times.cold_ms:,.1f}" if outcome.is_captioned else ""
        yield f"| {result.name} | {_cell(result.pillow_error)} | {_cell(ours)} | {cold} |"


def _cell(text: str) -> str:
    """Text of a library's, on one line and without the character that ends a cell."""
    return " ".join(text.split()).replace("|", "\\|")

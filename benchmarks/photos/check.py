"""Checks captioned photos: restored byte for byte, coefficients equal, strips on a contact sheet."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.photos.coefficients import Comparison, compare_coefficients
from benchmarks.photos.collection import Photo
from benchmarks.photos.contact_sheet import cut_tile, write_pages
from benchmarks.photos.measure import CAPTION
from PIL import Image

from captiond.imaging import BadImage, Captioner, NotRestorable, Style, restore


@dataclass(slots=True)
class _Findings:
    spliced: int = 0
    restored: int = 0
    coefficients: Counter[Comparison] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tiles: list[Image.Image] = field(default_factory=list)


def check_photos(photos: Sequence[Photo], folder: Path) -> bool:
    """Check each photo, write the pages into the folder and print what was found; False if a check failed."""
    captioner = Captioner(Style())
    findings = _Findings()
    for number, photo in enumerate(photos, start=1):
        print(f"[{number}/{len(photos)}] {photo.name}", file=sys.stderr)
        _check(photo, captioner, findings)
    pages = list(write_pages(findings.tiles, folder))
    _print_findings(findings, len(photos), pages)
    return not findings.faults


def _check(photo: Photo, captioner: Captioner, findings: _Findings) -> None:
    upload = photo.path.read_bytes()
    try:
        captioned = captioner.add_caption(upload, CAPTION)
    except BadImage as refused:
        findings.notes.append(f"{photo.name}: not captioned: {refused}")
        return
    is_spliced = captioned.reencode_reason is None
    if is_spliced:
        _check_spliced(photo.name, upload, captioned.jpeg, findings)
    label = f"{photo.name} {'lossless' if is_spliced else 're-encoded'} {captioned.width}x{captioned.height}"
    try:
        findings.tiles.append(cut_tile(label, upload, captioned.jpeg))
    except (OSError, SyntaxError) as undecodable:
        findings.notes.append(f"{photo.name}: not on the contact sheet: {undecodable}")


def _check_spliced(name: str, upload: bytes, captioned: bytes, findings: _Findings) -> None:
    findings.spliced += 1
    try:
        is_restored = restore(captioned) == upload
    except NotRestorable as refused:
        findings.faults.append(f"{name}: not restored: {refused}")
    else:
        findings.restored += is_restored
        if not is_restored:
            findings.faults.append(f"{name}: restored to other bytes")
    comparison = compare_coefficients(upload, captioned)
    findings.coefficients[comparison] += 1
    if comparison is Comparison.DIFFERENT:
        findings.faults.append(f"{name}: coefficients differ")
    elif comparison is Comparison.UNREADABLE:
        findings.notes.append(f"{name}: coefficients not compared: jpeglib does not read upload or captioned file")


def _print_findings(findings: _Findings, photos: int, pages: Sequence[Path]) -> None:
    counts = ", ".join(f"{count} {comparison}" for comparison, count in findings.coefficients.items())
    print(f"{photos} photos, {findings.spliced} spliced: {findings.restored} restored byte for byte.")
    print(f"Coefficients of the photo: {counts or 'none compared'}.")
    for line in (*findings.notes, *(f"FAULT: {fault}" for fault in findings.faults)):
        print(f"- {line}")
    print("Contact sheet:", *pages)

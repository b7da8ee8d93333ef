"""Independent JPEG decoders, as functions from files to pixels."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import cv2
import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt
import pyvips  # type: ignore[import-untyped]  # its stubs lack their marker
import simplejpeg  # type: ignore[import-untyped]  # the same
from av.video.plane import VideoPlane
from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""RGB samples, in the shape (height, width, 3)."""
_BANDS = 3
_HERE = Path(__file__).parent
_TIMEOUT_SECONDS = 150


class DependencyUnavailable(Exception):
    """A decoder is not installed."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder, and the programs that it requires."""

    read: Callable[[Sequence[Path]], list[Pixels]]
    programs: tuple[str, ...] = ()

    def decode(self, files: Sequence[Path]) -> list[Pixels]:
        """Decode all files. Raises DependencyUnavailable."""
        missing = [program for program in self.programs if shutil.which(program) is None]
        if missing:
            raise DependencyUnavailable(f"not installed: {', '.join(missing)}")
        return self.read(files)


def _each(decode: Callable[[Path], npt.NDArray[np.generic]]) -> Decoder:
    """A decoder in this process, for one file at a time."""
    return Decoder(lambda files: [_to_rgb(decode(file)) for file in files])


def _to_rgb(samples: npt.NDArray[np.generic]) -> Pixels:
    rows = np.asarray(samples, np.uint8)
    if rows.ndim == 2 or rows.shape[2] == 1:
        rows = np.repeat(rows.reshape(*rows.shape[:2], 1), _BANDS, axis=2)
    return rows


def _with_pillow(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image)


def _with_opencv(file: Path) -> Pixels:
    pixels = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def _with_vips(file: Path) -> Pixels:
    pixels: Pixels = pyvips.Image.jpegload(str(file), fail_on="warning").numpy()
    return pixels


def _with_pyav(file: Path) -> Pixels:
    """FFmpeg's decoder without its scaler, which would interpolate the chroma across several lines."""
    with av.open(str(file), format="jpeg_pipe") as container:
        frame = next(container.decode(video=0))
        planes = [np.asarray(_plane(plane)) for plane in frame.planes]
    if len(planes) == 1:
        return planes[0]
    factors = [(-(-frame.height // len(plane)), -(-frame.width // plane.shape[1])) for plane in planes]
    whole = [
        plane.repeat(down, axis=0).repeat(across, axis=1)[: frame.height, : frame.width]
        for plane, (down, across) in zip(planes, factors, strict=True)
    ]
    return np.asarray(Image.merge("YCbCr", [Image.fromarray(plane) for plane in whole]).convert("RGB"))


def _plane(plane: VideoPlane) -> Pixels:
    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
    return np.ascontiguousarray(rows[:, : plane.width])


def _with_libjpeg(version: str) -> Decoder:
    """One of the versions of libjpeg that jpeglib bundles."""

    def decode(file: Path) -> Pixels:
        with jpeglib.version(version):
            read = jpeglib.read_spatial(str(file), out_color_space=jpeglib.JCS_RGB)
            return np.asarray(read.spatial, np.uint8)

    return _each(decode)


def _pixmaps(stream: bytes) -> Iterator[Pixels]:
    """The images of concatenated binary PPMs and PGMs."""
    at = 0
    while at < len(stream):
        kind, width, height, _ = stream[at:].split(None, 4)[:4]
        header = sum(map(len, (kind, width, height, b"255"))) + 4
        bands = _BANDS if kind == b"P6" else 1
        size = int(width) * int(height) * bands
        rows = np.frombuffer(stream, np.uint8, size, at + header)
        yield _to_rgb(rows.reshape(int(height), int(width), bands))
        at += header + size


def _run(*command: str, **variables: str) -> bytes:
    """The standard output of a program, which must succeed."""
    ran = subprocess.run(
        command, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS, env={**os.environ, **variables}
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


def _with_magick(files: Sequence[Path]) -> list[Pixels]:
    """Strip comments, because ImageMagick would write them into the PPM headers."""
    return list(_pixmaps(_run("convert", *map(str, files), "-strip", "ppm:-")))


def _all_with(*command: str) -> Decoder:
    """A program that decodes all files at once."""
    return Decoder(lambda files: list(_pixmaps(_run(*command, *map(str, files)))), command[:1])


def _with_djpeg(files: Sequence[Path]) -> list[Pixels]:
    return [pixels for file in files for pixels in _pixmaps(_run("djpeg", "-pnm", str(file)))]


def _with_jpeg_js(files: Sequence[Path]) -> list[Pixels]:
    with tempfile.TemporaryDirectory() as directory:
        install = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", directory)
        try:
            _run(*install, "jpeg-js@0.4.4")
        except AssertionError as failed:
            raise DependencyUnavailable(f"npm cannot install jpeg-js: {failed}") from failed
        script = ("node", str(_HERE / "decode.cjs"), *map(str, files))
        return list(_pixmaps(_run(*script, NODE_PATH=str(Path(directory, "node_modules")))))


def _with_chromium(program: str, files: Sequence[Path]) -> list[Pixels]:
    encoded = (base64.b64encode(file.read_bytes()).decode() for file in files)
    images = "".join(f'<img src="data:image/jpeg;base64,{text}">' for text in encoded)
    page = (_HERE / "decode.html").read_text().replace("<!-- images -->", images)
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "page.html").write_text(page)
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
        profile = f"--user-data-dir={directory}/profile"
        dumped = _run(program, *flags, profile, f"file://{directory}/page.html").decode()
    found = json.loads(dumped.split("<pre>", 1)[1].split("</pre>", 1)[0])
    return [
        np.frombuffer(base64.b64decode(each["rgb"]), np.uint8).reshape(each["height"], each["width"], _BANDS)
        for each in found
    ]


DECODERS = {
    "Pillow": _each(_with_pillow),
    "OpenCV": _each(_with_opencv),
    "libvips": _each(_with_vips),
    "FFmpeg": _each(_with_pyav),
    "simplejpeg": _each(lambda file: simplejpeg.decode_jpeg(file.read_bytes())),
    "IJG libjpeg 6b": _with_libjpeg("6b"),
    "IJG libjpeg 9e": _with_libjpeg("9e"),
    "mozjpeg": _with_libjpeg("mozjpeg403"),
    "djpeg": Decoder(_with_djpeg, ("djpeg",)),
    "ImageMagick": Decoder(_with_magick, ("convert",)),
    "Java ImageIO": _all_with("java", str(_HERE / "Decode.java")),
    "Go image/jpeg": _all_with("go", "run", str(_HERE / "decode.go")),
    "jpeg-js": Decoder(_with_jpeg_js, ("node", "npm")),
    "Chromium": Decoder(partial(_with_chromium, "chromium"), ("chromium",)),
}

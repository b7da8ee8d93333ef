"""Conditions that change instruction counts, besides the code and the pinned packages."""

import platform
import ssl
import subprocess
from pathlib import Path

import PIL

# Processor features that valgrind passes on. Libraries select their code by them.
_FEATURES = ("avx", "avx2")


def find_conditions() -> dict[str, str]:
    """Machine and versions, to be recorded and compared."""
    return {
        "machine": " ".join([platform.machine(), *_features()]),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "pillow": PIL.__version__,
        "openssl": ssl.OPENSSL_VERSION,
        "valgrind": subprocess.run(
            ["valgrind", "--version"], capture_output=True, text=True, check=True
        ).stdout.strip(),
    }


def _features() -> list[str]:
    processors = Path("/proc/cpuinfo")
    flags = set(processors.read_text().split()) if processors.exists() else set()
    return [feature for feature in _FEATURES if feature in flags]

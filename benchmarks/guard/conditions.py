"""On what a count depends besides our code and the pinned libraries."""

import platform
import ssl
import subprocess
from pathlib import Path

import PIL

# What valgrind tells a process of its processor follows these; libraries choose their code by it.
_FEATURES = ("avx", "avx2")


def find_conditions() -> dict[str, str]:
    """Names and versions, for the record and to be held against it."""
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

"""The configuration files of other programs that the how-to pages show, checked by those programs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import REPOSITORY

BLOCK = "^```{language}\n(.*?)^```$"


def blocks(page: str, language: str) -> list[str]:
    text = (REPOSITORY / "docs/how-to" / page).read_text("utf-8")
    found: list[str] = re.findall(BLOCK.format(language=language), text, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="SYSTEMD UNITS NOT TESTED: there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    names = ("captiond.service", "captiond@api.service")
    for name, unit in zip(names, blocks("systemd.md", "ini"), strict=True):
        (tmp_path / name).write_text(unit.replace("/opt/captiond/.venv", sys.prefix))

    command = ["systemd-analyze", "verify", *(str(tmp_path / name) for name in names)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")), reason="NGINX CONFIGURATION NOT TESTED: there is no nginx"
)
@pytest.mark.parametrize("number", [0, 1])
def test_nginx_accepts_the_configuration(tmp_path: Path, number: int) -> None:
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"]
    files = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    subprocess.run([*certificate, *files], capture_output=True, timeout=60, check=True)
    (tmp_path / "captiond.htpasswd").touch()
    server = blocks("reverse-proxy.md", "nginx")[number]
    server = re.sub(r"/etc/\S*/", f"{tmp_path}/", server)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ {server} }}")

    command = ["nginx", "-t", "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr

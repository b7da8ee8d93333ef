"""Finds variables that have our prefix but name no setting, such as misspelled ones."""

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic_settings import DotEnvSettingsSource

from captiond.settings.model import PREFIX, REFERENCE, Settings

# Read before the settings, and, for CAPTIOND_NATIVE, outside of them.
_OTHERS = {"CONFIG", "NATIVE"}
# Variables of the test suite and its scripts, with anything after a further underscore.
_TESTS = re.compile("(CASES|DOCKER_ENGINE|E2E|FAULTS|HOSTILE|PHOTOS|TEST)(_.*)?")
# Kubernetes sets such variables for every service of the namespace whose name is `captiond` or begins with `captiond-`.
_SERVICE_LINK = re.compile(r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)")
_SERVICE_URL = re.compile(r"(.+_)?PORT")
_SIMILARITY = 0.7


def find_unknown_variables() -> Iterator[str]:
    """Describe each unknown variable of the environment and of `.env`, with the setting that was probably meant."""
    yield from (_describe(name) for name in _unknown(os.environ))
    for name in _unknown(DotEnvSettingsSource(Settings).env_vars):
        yield f"{Path('.env').absolute()}: {_describe(name)}"


def _unknown(variables: Mapping[str, str | None]) -> list[str]:
    """Return the names in upper case without the prefix."""
    ours = {name.upper(): value or "" for name, value in variables.items() if name.upper().startswith(PREFIX)}
    named = {name.removeprefix(PREFIX): value for name, value in ours.items()}
    return sorted(name for name, value in named.items() if not _is_known(name, value))


def _is_known(name: str, value: str) -> bool:
    if name.lower() in Settings.model_fields or name in _OTHERS or _TESTS.fullmatch(name):
        return True
    return bool(_SERVICE_LINK.fullmatch(name) or (_SERVICE_URL.fullmatch(name) and "://" in value))


def _describe(name: str) -> str:
    settings = [setting.upper() for setting in Settings.model_fields]
    [*similar] = get_close_matches(name, settings, n=1, cutoff=_SIMILARITY)
    hint = f"did you mean {PREFIX}{similar[0]}?" if similar else f"see {REFERENCE}"
    return f"{PREFIX}{name}: no such setting; {hint}"

"""The findings of `captiond verify` on stdout."""

from collections import Counter
from collections.abc import Iterable, Mapping

from captiond.cli.console import console, count, print_line
from captiond.cli.errors import print_error
from captiond.cli.json_output import print_json
from captiond.operations.verify_report import kind_of


class FindingOutput:
    """Prints findings and notes as text, or findings and the result as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = console()

    def report(self, findings: Iterable[object]) -> Counter[str]:
        """Print findings, and return their number by kind."""
        kinds: Counter[str] = Counter()
        for finding in findings:
            kind = kind_of(str(finding))
            kinds[kind] += 1
            if self._as_json:
                print_json({"kind": kind, "finding": str(finding)})
            else:
                print_line(self._console, str(finding))
        return kinds

    def note(self, text: str) -> None:
        """Print a line about the check itself, with --json to stderr."""
        if self._as_json:
            print_error(text)
        else:
            print_line(self._console, text)

    def summarise(self, part: str, problems: int) -> None:
        """Print the number of problems of a part, which the JSON result contains."""
        self.text(f"{part}: {describe_problems(problems)}")

    def text(self, line: str) -> None:
        """Print a line that the JSON result contains in other words."""
        if not self._as_json:
            print_line(self._console, line)

    def finish(self, kinds: Counter[str], values: Mapping[str, object], *, ok: bool = True) -> None:
        """With --json, print the result, which is ok only without findings."""
        if self._as_json:
            print_json({"ok": ok and not kinds, **values, "findings": dict(kinds)})


def describe_problems(problems: int) -> str:
    """Return "ok" or the number of problems."""
    return count(problems, "problem") if problems else "ok"

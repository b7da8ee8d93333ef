"""The commit-msg hook."""

import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / ".ci" / "check-commit-subjects"


def problem_of(subject: str, folder: Path) -> str:
    message = folder / "message"
    message.write_text(f"{subject}\n\nA body: it may say anything.\n")
    done = subprocess.run([CHECK, message], capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(done.stderr)
    return done.stderr


@pytest.mark.parametrize("subject", ["Reject long descriptions", "Process 32 images", "Embed the font", "A" * 72])
def test_imperative_subject_is_accepted(subject: str, tmp_path: Path) -> None:
    assert problem_of(subject, tmp_path) == ""


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        ("A" * 73, "has 73 characters, the limit is 72"),
        ("reject long descriptions", "does not start with a capital letter"),
        ("Reject long descriptions.", "ends with a full stop"),
        ("Rejects long descriptions", "does not start with an imperative"),
        ("Rejected long descriptions", "does not start with an imperative"),
        ("Rejecting long descriptions", "does not start with an imperative"),
    ],
)
def test_other_subject_is_refused_with_the_reason(subject: str, problem: str, tmp_path: Path) -> None:
    assert problem_of(subject, tmp_path) == f"commit subject {problem}: {subject}\n"

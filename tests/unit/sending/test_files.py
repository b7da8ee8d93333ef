import os
from pathlib import Path

import pytest

from captiond.sending.files import NoFiles, find_files, parse_list


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shift").mkdir()
    (tmp_path / ".cache").mkdir()
    (tmp_path / "empty").mkdir()
    names = "img10.jpg img2.jpg img1.JPEG a.jpe notes.txt .hidden.jpg shift/b.jpg .cache/c.jpg"
    for name in names.split():
        (tmp_path / name).touch()
    (tmp_path / "shift" / "loop").symlink_to(tmp_path)
    (tmp_path / "shift" / "link.jpg").symlink_to(tmp_path / "a.jpe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str) -> list[str]:
    return [str(path) for path in find_files(arguments)]


def test_a_folder_has_its_jpegs_in_natural_order_and_those_of_its_folders(folder: Path) -> None:
    expected = ["a.jpe", "img1.JPEG", "img2.jpg", "img10.jpg", "shift/b.jpg", "shift/link.jpg"]

    assert found(".") == expected
    assert found(str(folder)) == [f"{folder}/{name}" for name in expected]


@pytest.mark.usefixtures("folder")
def test_a_link_to_a_folder_is_followed_if_it_is_named() -> None:
    assert found("shift/loop/shift") == ["shift/loop/shift/b.jpg", "shift/loop/shift/link.jpg"]


@pytest.mark.usefixtures("folder")
def test_patterns_are_expanded_unless_a_file_has_that_name() -> None:
    assert found("img*.jpg") == ["img2.jpg", "img10.jpg"]
    assert found("s*/b.*") == ["shift/b.jpg"]
    assert found("[es][mh]*t*", "a.jpe", "./a.jpe") == ["shift/b.jpg", "shift/link.jpg", "a.jpe"]

    Path("img[1].jpg").touch()

    assert found("img[1].jpg") == ["img[1].jpg"]


@pytest.mark.usefixtures("folder")
def test_files_are_returned_whatever_their_name_and_also_if_they_are_missing() -> None:
    assert found("notes.txt", "none.jpg", ".hidden.jpg") == ["notes.txt", "none.jpg", ".hidden.jpg"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("empty", "empty: no JPEG in this folder (.jpg, .jpeg, .jpe)"),
        ("*.png", "*.png: no file matches"),
        ("empt?", "empt?: no file matches"),
    ],
)
def test_an_argument_without_files_is_an_error(argument: str, problem: str) -> None:
    with pytest.raises(NoFiles) as caught:
        find_files(["a.jpe", argument])

    assert str(caught.value) == problem


def test_a_list_has_a_path_per_line_or_per_zero() -> None:
    assert parse_list(b"\xef\xbb\xbfa.jpg\r\n\r\nb c.jpg") == ["a.jpg", "b c.jpg"]
    assert parse_list(b"a\n.jpg\0b\r\0") == ["a\n.jpg", "b\r"]
    assert os.fsencode(parse_list(b"\xff.jpg\n")[0]) == b"\xff.jpg"

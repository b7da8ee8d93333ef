import shutil
from pathlib import Path

import pytest

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.imaging.text.fonts import bundled_font, font_directories, installed_faces, load_font


def test_the_default_font_is_the_bundled_one() -> None:
    assert load_font(None, 12).getname() == ("Roboto", "Regular")


@pytest.mark.usefixtures("fonts")
@pytest.mark.parametrize("name", ["Roboto", "roboto", " ROBOTO ", "Roboto Regular"])
def test_a_family_means_its_regular_style(name: str) -> None:
    assert load_font(name, 12).getname() == ("Roboto", "Regular")


@pytest.mark.usefixtures("fonts")
def test_a_style_can_be_named() -> None:
    assert load_font("Roboto Bold Italic", 12).getname() == ("Roboto", "Bold Italic")


def test_a_font_of_the_same_metrics_stands_in_for_one_that_is_missing(fonts: Path) -> None:
    renamed = bundled_font().read_bytes()
    for encoding in ("ascii", "utf-16-be"):  # the name table holds both; the names are of one length
        renamed = renamed.replace("Roboto".encode(encoding), "Arimo ".encode(encoding))
    (fonts / "arimo.ttf").write_bytes(renamed)

    assert load_font("arial", 12).getname() == ("Arimo ", "Regular")
    assert load_font("Arimo", 12).getname() == ("Arimo ", "Regular")


def test_fonts_are_found_in_subdirectories(fonts: Path) -> None:
    (fonts / "truetype").mkdir()
    shutil.copy(bundled_font(), fonts / "truetype" / "copy.ttf")

    assert fonts / "truetype" / "copy.ttf" in {face.path for face in installed_faces()}


def test_a_path_to_a_font_file_is_taken() -> None:
    assert load_font(str(bundled_font()), 20).size == 20


@pytest.mark.usefixtures("fonts")
def test_a_missing_family_is_one_line_naming_the_installed() -> None:
    with pytest.raises(FontNotFound) as caught:
        Captioner(Style(font_name="No Such Sans"))

    assert caught.value.wanted == "No Such Sans"
    assert str(caught.value).startswith("font 'No Such Sans' not found; installed families: Roboto")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("fonts")
def test_a_missing_file_is_one_line_naming_it(tmp_path: Path) -> None:
    with pytest.raises(FontNotFound, match=r"font '.*none\.ttf' not found"):
        load_font(str(tmp_path / "none.ttf"), 12)


def test_a_file_that_is_no_font_is_not_found_and_not_listed(fonts: Path) -> None:
    broken = fonts / "broken.ttf"
    broken.write_bytes(b"not a font")

    with pytest.raises(FontNotFound, match="broken"):
        load_font(str(broken), 12)

    assert broken not in {face.path for face in installed_faces()}


def test_a_long_list_of_families_is_cut_short() -> None:
    message = str(FontNotFound("x", [f"family {number}" for number in range(100)]))

    assert message.endswith("family 39 and 60 more")


def test_no_families_at_all_is_said() -> None:
    assert str(FontNotFound("x", [])) == "font 'x' not found; installed families: none"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_platform_has_font_directories(platform: str) -> None:
    assert len(list(font_directories(platform))) >= 3

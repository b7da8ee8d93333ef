import shutil
from pathlib import Path

import pytest

from captiond.imaging import Captioner, FontNotFound, Style
from captiond.imaging.text.fonts import bundled_font, font_directories, installed_faces, load_font


def test_default_font_is_bundled() -> None:
    assert load_font(None, 12).getname() == ("Roboto", "Regular")


@pytest.mark.usefixtures("fonts")
@pytest.mark.parametrize("name", ["Roboto", "roboto", " ROBOTO ", "Roboto Regular"])
def test_family_name_loads_its_regular_style(name: str) -> None:
    assert load_font(name, 12).getname() == ("Roboto", "Regular")


@pytest.mark.usefixtures("fonts")
def test_family_and_style_name_loads_the_style() -> None:
    assert load_font("Roboto Bold Italic", 12).getname() == ("Roboto", "Bold Italic")


def test_metric_compatible_font_replaces_a_missing_one(fonts: Path) -> None:
    renamed = bundled_font().read_bytes()
    for encoding in ("ascii", "utf-16-be"):  # the name table holds both, and the names have one length
        renamed = renamed.replace("Roboto".encode(encoding), "Arimo ".encode(encoding))
    (fonts / "arimo.ttf").write_bytes(renamed)

    assert load_font("arial", 12).getname() == ("Arimo ", "Regular")
    assert load_font("Arimo", 12).getname() == ("Arimo ", "Regular")


def test_fonts_in_subdirectories_are_found(fonts: Path) -> None:
    (fonts / "truetype").mkdir()
    shutil.copy(bundled_font(), fonts / "truetype" / "copy.ttf")

    assert fonts / "truetype" / "copy.ttf" in {face.path for face in installed_faces()}


def test_path_to_a_font_file_is_loaded() -> None:
    assert load_font(str(bundled_font()), 20).size == 20


@pytest.mark.usefixtures("fonts")
def test_missing_family_error_lists_the_installed() -> None:
    with pytest.raises(FontNotFound) as caught:
        Captioner(Style(font_name="No Such Sans"))

    assert str(caught.value).startswith("no font named 'No Such Sans'; installed families: Roboto")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("fonts")
def test_missing_file_error_names_it(tmp_path: Path) -> None:
    with pytest.raises(FontNotFound, match=rf"^no such font file: {tmp_path}/none\.ttf$"):
        load_font(str(tmp_path / "none.ttf"), 12)


def test_invalid_font_file_is_not_found_and_not_listed(fonts: Path) -> None:
    invalid = fonts / "broken.ttf"
    invalid.write_bytes(b"not a font")

    with pytest.raises(FontNotFound, match=rf"^cannot load font file {invalid}: unknown file format$"):
        load_font(str(invalid), 12)

    assert invalid not in {face.path for face in installed_faces()}


def test_long_list_of_families_is_shortened() -> None:
    message = str(FontNotFound.named("x", [f"family {number}" for number in range(100)]))

    assert message.endswith("family 39 and 60 more")


def test_error_without_installed_families() -> None:
    assert str(FontNotFound.named("x", [])) == "no font named 'x'; installed families: none"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_platform_has_font_directories(platform: str) -> None:
    assert len(list(font_directories(platform))) >= 3

import io
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.sending.csv_records import CsvError
from captiond.sending.photo import Photo
from captiond.sending.table import FailureTable, InvalidEncoding, decode_table, parse_table

HERE = Path("/photos")
PHOTO = Photo(HERE / "a.jpg", "Привет, мир", line=2)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=20)
LABELS = st.dictionaries(st.text(string.ascii_lowercase, min_size=1, max_size=5), TEXT.filter(bool), max_size=4)
PHOTOS = st.builds(
    Photo,
    file=st.integers().map(lambda number: HERE / f'"{number}", 1.jpg'),
    description=TEXT.map(lambda text: f"x {text}"),
    captured_at=st.sampled_from(["", "2026-11-26T10:45:01Z"]),
    camera=TEXT.map(str.strip),
    labels=LABELS,
)


def read(content: bytes, encoding: str = "utf-8") -> list[Photo]:
    return parse_table(decode_table(content, encoding), HERE)


@pytest.mark.parametrize(
    "content",
    [
        'file,description\r\na.jpg,"Привет, мир"\r\n'.encode(),
        "file;description\na.jpg;Привет, мир".encode("utf-8-sig"),
        "sep=;\nfile;description\na.jpg;Привет, мир".encode("utf-8-sig"),
        "sep=|\nfile|description\na.jpg|Привет, мир".encode(),
        "File\tDescription\na.jpg\tПривет, мир\n".encode("utf-16"),
        "description;camera;file;error\nПривет, мир;;a.jpg;refused\n;;;\n".encode(),
        "file;description;;\na.jpg;Привет, мир;;\n".encode(),
        "file;description\na.jpg;Привет, мир\n".encode("utf-32"),
        "file;description\n\ufeffa.jpg;Привет, мир\n".encode(),
        "\ufeff\ufefffile;description\n \ufeff a.jpg ;Привет, мир\n".encode(),
    ],
    ids=[
        "csv",
        "semicolons",
        "sep",
        "sep bar",
        "UTF-16 TSV",
        "other columns",
        "empty columns",
        "UTF-32",
        "BOM of a joined file",
        "two BOMs",
    ],
)
def test_separators_and_encodings_are_detected(content: bytes) -> None:
    [photo] = read(content)

    assert (photo.file, photo.description) == (PHOTO.file, PHOTO.description)


def test_joined_table_has_no_camera_with_a_byte_order_mark() -> None:
    table = "camera,file,description\ngate,a.jpg,x\n\ufeffgate,b.jpg,y\n"

    assert [photo.camera for photo in read(table.encode())] == ["gate", "gate"]


def test_column_is_named_although_a_later_line_has_a_null() -> None:
    with pytest.raises(CsvError, match="the header must have the columns"):
        read(b"filename,description\na.jpg,x\nb.jpg,y\0\n")


def test_other_encodings_are_named() -> None:
    assert read("file,description\na.jpg,Привет\n".encode("cp1251"), "cp1251")[0].description == "Привет"


def test_optional_columns_are_fields() -> None:
    [photo] = read(
        b"file,description,captured_at,camera,labels.plate,labels.speed\na.jpg,x,2026-11-26T10:45:01Z,7,A1,\n"
    )

    assert (photo.captured_at, photo.camera, dict(photo.labels)) == ("2026-11-26T10:45:01Z", "7", {"plate": "A1"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the header must have the columns file and description"),
        ("file\na.jpg\n", "line 1: the header must have the columns file and description"),
        ("sep=;\nfile,description\n", "line 2: the header must have the columns file and description"),
        ("file,description\na.jpg,one, two\n", "line 2: 3 fields, but the header has 2; enclose a text"),
        ("file,description\na.jpg\n", "line 2: 1 field, but the header has 2"),
        ('file,description\na.jpg,"one\nb.jpg,two\n', "line 2: a quote is not closed"),
        ("file,description,notes\n", "line 1: unknown column 'notes'; allowed are file, description, captured_at, "),
        ("file,description,file\n", "line 1: two columns have the name 'file'"),
        ("file,description,labels.Ж\n", "line 1: 'ж' is not a label name: use a-z"),
        ("file,description," + ",".join(f"labels.a{n}" for n in range(17)), "line 1: 17 columns of labels"),
        ("file,description,\na.jpg,x,y\n", "line 2: a text in a column without a name"),
        ("file,description\n,x\n", "line 2: the file name is missing"),
        ("file,description\na.jpg, \n", "line 2: the description is blank"),
        (f"file,description\na.jpg,{'x' * 201}\n", "line 2: description has 201 characters; the limit is 200"),
        (f"file,description,camera\na.jpg,x,{'x' * 65}\n", "line 2: camera has 65 characters; the limit is 64"),
        (f"file,description,labels.a\na.jpg,x,{'x' * 201}\n", "line 2: labels.a has 201 characters"),
        ("file,description\na.jpg,x\0\n", "line 2: description contains U+0000"),
        ("file,description,captured_at\na.jpg,x,26.11.2026 10:45\n", "line 2: captured_at is '26.11.2026 10:45'; it"),
        ("file,description,captured_at\na.jpg,x,2026-11-26T10:45:01\n", "line 2: captured_at is '2026-11-26T10"),
        ("file,description,captured_at\na.jpg,x,0001-01-01T00:00:00+10:00\n", "line 2: captured_at is '0001-01-01T00"),
        ('file,description,camera\na.jpg,x,"a\nb"\n', "line 2: camera contains a control character"),
        ("file,description\na\0.jpg,x\n", "line 2: the file name contains U+0000"),
        ("f\0i\0l\0e\0", "line 1: U+0000 in the header; name the encoding of the table, such as --encoding utf-16-le"),
        ("file|description\na.jpg|x\n", "line 1: the header must have the columns file and description, separated by "),
        ("file,description\na.jpg,x\n./a.jpg,y\n", "line 3: /photos/a.jpg is also in line 2"),
    ],
)
def test_faults_name_line_and_fix(text: str, problem: str) -> None:
    with pytest.raises(CsvError) as caught:
        parse_table(text, HERE)

    assert str(caught.value).startswith(problem)


def test_another_encoding_is_rejected_with_its_line() -> None:
    with pytest.raises(CsvError) as caught:
        read("file,description\na.jpg,Привет\n".encode("cp1251"))

    problem = "line 2: not UTF-8; save the table as CSV UTF-8, or name its encoding, such as --encoding cp1251"
    assert str(caught.value) == problem


@pytest.mark.parametrize("encoding", ["cp12345", "base64", "a\0b"])
def test_unknown_encodings_are_rejected(encoding: str) -> None:
    with pytest.raises(InvalidEncoding):
        read(b"file,description\n", encoding)


@given(st.lists(PHOTOS, unique_by=lambda photo: photo.file, max_size=4))
def test_a_table_of_failures_is_read_again(photos: list[Photo]) -> None:
    output = io.StringIO()
    failures = FailureTable(output, photos)
    for photo in photos:
        failures.add(photo, 'refused: "x",\ny')

    read_again = parse_table(output.getvalue(), Path("elsewhere"))

    def fields(photo: Photo) -> tuple[object, ...]:
        return photo.file, photo.description, photo.captured_at, photo.camera, dict(photo.labels)

    assert [fields(photo) for photo in read_again] == [fields(photo) for photo in photos]

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.sending.csv_records import CsvError, parse_records

FIELDS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",;\r\n\t'))


def read(text: str, separator: str = ",") -> list[list[str]]:
    return [record.fields for record in parse_records(text, separator)]


@given(st.lists(st.lists(FIELDS, min_size=1, max_size=4).filter(any), max_size=5), st.sampled_from(",;\t"))
def test_what_the_csv_module_writes_is_read(records: list[list[str]], separator: str) -> None:
    output = io.StringIO()
    csv.writer(output, delimiter=separator).writerows(records)

    assert read(output.getvalue(), separator) == records


@given(st.text(alphabet='a",\r\n'))
def test_any_text_is_read_or_rejected_with_a_line_of_it(text: str) -> None:
    line = 1
    try:
        read(text)
    except CsvError as error:
        line = error.line

    assert 1 <= line <= text.count("\n") + text.count("\r") + 1


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_end_with_lf_crlf_or_cr(line_break: str) -> None:
    assert read(line_break.join(["a,b", "", ",", "c,d", ""])) == [["a", "b"], ["c", "d"]]


def test_a_record_has_its_first_line() -> None:
    records = parse_records('a\n"b\nc"\n\nd', ",", first_line=2)

    assert [(record.line, record.fields) for record in records] == [(2, ["a"]), (3, ["b\nc"]), (6, ["d"])]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('a\n"b\nc\n', "line 2: a quote is not closed"),
        ('a,"b""\n', "line 1: a quote is not closed"),
        ('a\n"b" c\n', "line 2: text after a closing quote; double the quotes inside a text"),
        ('a\nb "c"\n', "line 2: a quote inside a text without quotes; double it and enclose the text in quotes"),
        ('a, "b, c"\n', "line 1: a quote inside a text without quotes; double it and enclose the text in quotes"),
    ],
)
def test_faults_name_their_line(text: str, problem: str) -> None:
    with pytest.raises(CsvError) as caught:
        read(text)

    assert str(caught.value) == problem

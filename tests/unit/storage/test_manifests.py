"""Manifests, honest and hostile, line by line."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.external import NOTHING, External
from storage.manifests import Line, ManifestUnreadable, key_of, read_lines
from storage.manifests.text import MOST_LINE


def read(data: bytes, **go_on: int) -> list[Line]:
    lines = read_lines(lambda start, length: data[start : start + length], len(data), 100, **go_on)
    return list(lines)


def said(data: bytes) -> dict[str, External]:
    lines = read(data)
    assert not [line.problem for line in lines if line.problem]
    return {line.name: line.external for line in lines}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_csv(bom: bytes, delimiter: str, end: str) -> None:
    rows = [
        ["external_id", "name", "metadata", "age"],
        ["A 1", "가/a.jpg", "", "3"],
        [],
        ["", '"b, ""b"".jpg"', '"{""side"": ""left""}"', ""],
        ["A;1", "c.jpg", "", ""] if delimiter != ";" else ["A,1", "c.jpg", "", ""],
    ]
    data = bom + "".join(delimiter.join(row) + end for row in rows).encode()

    found = said(data)

    assert found["가/a.jpg"] == External("A 1", {"age": "3"})
    assert found['b, "b".jpg'] == External(None, {"side": "left"})
    assert found["c.jpg"].metadata is None
    assert [line.number for line in read(data)] == [2, 4, 5]


def test_ndjson() -> None:
    lines = [
        {"name": "a.jpg", "external_id": "1", "metadata": {"n": [1, None]}},
        {"name": "b.jpg"},
        {"name": "c.jpg", "external_id": None, "metadata": None},
    ]
    data = b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, lines)).encode()

    found = said(data)

    assert found["a.jpg"] == External("1", {"n": [1, None]})
    assert found["b.jpg"] == found["c.jpg"] == NOTHING


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"file,id\na.jpg,1\n", "there is no column 'name'"),
        (b"name,name\n", "each column needs a name of its own"),
        (b"name,\n", "each column needs a name of its own"),
        ("name,größer é\n".encode("latin-1"), "Line 1: it is not UTF-8"),
        ("name,id\n".encode("utf-16"), "Line 1: it is not UTF-8"),
        (b'"name\n', "Line 1"),
        (b"name" * MOST_LINE, "Line 1: it has more than 65,536 bytes"),
        (bytes(1000), "there is no column 'name'"),
        (b"\x89PNG\r\n\x1a\n", "Line 1: it is not UTF-8"),
    ],
)
def test_what_is_no_manifest_is_told_in_a_line(data: bytes, words: str) -> None:
    with pytest.raises(ManifestUnreadable) as caught:
        read(data)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spare", [0, 300_000])
def test_what_a_korean_excel_saves_is_read_right(spare: int) -> None:
    # The second name by itself is UTF-8 too
    names = ["폐렴/홍길동 1.jpg", "징.jpg", "똠방각하.jpg"]
    text = "name,나이\r\n" + "plain.jpg,\r\n" * (spare // 12)
    data = (text + "".join(f"{name},3\r\n" for name in names)).encode("cp949")

    found = said(data)

    assert [found[name].metadata for name in names] == [{"나이": "3"}] * 3
    assert said(
        b"".join(f'{{"name": "{name}"}}\n'.encode("cp949") for name in names)
    ).keys() == set(names)


def test_lines_of_two_encodings_are_told_by_their_numbers() -> None:
    good, bad = read("name\n폐렴.jpg\n".encode() + "폐렴.jpg\n".encode("cp949"))

    assert (good.name, good.problem) == ("폐렴.jpg", None)
    assert bad.problem == "Line 3 of the manifest: it is not UTF-8; save the manifest as UTF-8."


HEAD = b"name,external_id,metadata\n"
SECRET = "SECRET"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"SECRET.jpg\n", "it has 1 fields, and the first line 3"),
        (b"SECRET,SECRET,{},x\n", "it has 4 fields"),
        (b",SECRET,\n", "name is missing"),
        (b"SECRET.jpg," + b"x" * 201 + b",\n", "external_id has more than 200"),
        (b"SECRET.jpg,a\x01,\n", "control characters"),
        (b'SECRET.jpg,,"[""SECRET""]"\n', "metadata must be a JSON object"),
        (b"SECRET.jpg,," + b'"{""a"": ""' + b"x" * 101 + b'""}"\n', "more than 100 bytes"),
        ("SECRET Müller.jpg,,\n".encode("latin-1"), "it is not UTF-8"),
        (b"SECRET" * MOST_LINE + b",,\n", "it has more than 65,536 bytes"),
        (b"SECRET" * 200 + b",,\n", "name has more than 1,000"),
        (b'SEC"RET","x"y,\n', "it is no CSV"),
    ],
)
def test_a_bad_line_of_csv_fails_alone_without_an_echo(line: bytes, words: str) -> None:
    before, bad, after = read(HEAD + b"a.jpg,1,\n" + line + b"b.jpg,2,\n")

    assert (before.name, after.name, after.number) == ("a.jpg", "b.jpg", 4)
    assert (bad.number, bad.name, bad.external) == (3, "", NOTHING)
    assert bad.problem is not None
    assert bad.problem.startswith("Line 3 of the manifest: ")
    assert words in bad.problem
    assert SECRET not in bad.problem


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"name": "SECRET"', "it is no JSON"),
        (b"SECRET", "it is no JSON"),
        (b'["SECRET"]', "it is no JSON object"),
        (b'{"name": "SECRET", "patient": "SECRET"}', "it has members other than"),
        (b'{"name": 7}', "name is missing"),
        (b'{"name": "SECRET", "external_id": 7}', "external_id is no text"),
        (b'{"name": "SECRET", "metadata": "SECRET"}', "metadata must be a JSON object"),
        (b'{"name": "SECRET", "metadata": {"a": NaN}}', "metadata must be a JSON object"),
        (b'{"name": "SECRET", "metadata": ' + b"[" * 60_000 + b"}", "it is no JSON"),
        (b'{"name": "SECRET", "metadata": {"a": ' + b"9" * 5_000 + b"}}", "it is no JSON"),
        (b'{"name": "\xff"}', "it is not UTF-8"),
    ],
)
def test_a_bad_line_of_ndjson_fails_alone_without_an_echo(line: bytes, words: str) -> None:
    before, bad, after = read(b'{"name": "a"}\n' + line + b'\n{"name": "b"}')

    assert (before.name, after.name) == ("a", "b")
    assert bad.problem is not None
    assert bad.problem.startswith("Line 2 of the manifest: ")
    assert words in bad.problem
    assert SECRET not in bad.problem


def test_a_quote_that_is_never_closed_swallows_a_bounded_number_of_lines_and_says_which() -> None:
    lines = [f"{number}.jpg,{number},\n" for number in range(20_000)]
    found = read(HEAD + b'"open,1,\n' + "".join(lines).encode())

    problems = [line.problem for line in found if line.problem]
    assert len(problems) == 1
    assert problems[0].startswith("Line 2 to ")
    assert found[-1].name == "19999.jpg"
    assert len(found) > 10_000


@given(st.binary(max_size=300))
def test_any_bytes_end_in_lines_or_in_one_error(data: bytes) -> None:
    for head in (b"", HEAD, b'{"name": "a"}\n'):
        try:
            lines = read(head + data)
        except ManifestUnreadable:
            continue
        assert all(bool(line.name) != bool(line.problem) for line in lines)


@pytest.mark.parametrize("head", [HEAD, b""])
def test_reading_goes_on_behind_any_line(head: bytes) -> None:
    csv = [b'"a\n.jpg",1,\n', b"\n", b"bad\n", b"b.jpg,2,\n", b"c.jpg,3,"]
    ndjson = [b'{"name": "a"}\n', b"\n", b"{bad\n", b'{"name": "b"}\n', b'{"name": "c"}']
    data = head + b"".join(csv if head else ndjson)
    whole = read(data)

    assert len(whole) == 4
    for number, line in enumerate(whole[:-1], start=1):
        assert read(data, offset=line.offset, last=line.last) == whole[number:]


def test_names_that_people_take_for_the_same_have_one_key() -> None:
    composed = "흉부/é.jpg"
    decomposed = unicodedata.normalize("NFD", composed)

    assert (
        key_of(composed) == key_of(decomposed) == key_of("흉부\\é.jpg") == key_of("./" + composed)
    )
    assert key_of("a/b.jpg") != key_of("b.jpg")
    assert key_of("\ud800") == key_of("\ud800")

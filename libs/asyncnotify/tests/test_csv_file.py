import pytest
from asyncnotify.csv_file import BadFile, CsvFile

HEAD = "user_id,message\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text, columns=("user_id", "message", "channel"), **options):
        path = tmp_path / "people.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return CsvFile(path, ("user_id", "message"), columns, **options).read()

    return read_text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_right_behind_line_breaks_in_quotes(read, end):
    text = f'user_id,message{end}ada,"Dear Ada,{end}{end}yours"{end}{end}bob,hi,extra{end}'

    rows = read(text)

    assert [row.line for row in rows] == [2, 6]
    assert rows[0].cells["message"] == f"Dear Ada,{end}{end}yours"
    assert rows[1].fault


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_commas_semicolons_and_tabs_are_taken(read, delimiter, mark):
    text = mark + "user_id,message,channel\nada,hi,sms\n".replace(",", delimiter)

    assert read(text)[0].cells == {"user_id": "ada", "message": "hi", "channel": "sms"}


def test_rows_and_columns_without_anything_in_them_are_left_out(read):
    rows = read("user_id,message,,\nada,hi,,\n,,,\n\nbob,ho,,\n")

    assert [(row.line, row.cells["user_id"], row.fault) for row in rows] == [
        (2, "ada", None),
        (5, "bob", None),
    ]


OTHER_ENCODINGS = {
    "Windows": ("WINDOWS-1252", "Grüße".encode("cp1252")),
    "UTF-16, little end first": ("UTF-16", b"\xff\xfe" + HEAD.encode("utf-16-le")),
    "UTF-16, big end first": ("UTF-16", b"\xfe\xff" + HEAD.encode("utf-16-be")),
}


@pytest.mark.parametrize(("encoding", "text"), OTHER_ENCODINGS.values(), ids=OTHER_ENCODINGS.keys())
def test_a_file_that_is_not_utf_8_says_what_to_do(read, encoding, text):
    what = rf"people\.csv, line 1: not UTF-8.*CSV UTF-8.*iconv -f {encoding} "
    with pytest.raises(BadFile, match=what):
        read(text)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|", ":"])
@pytest.mark.parametrize("line", ["sep={}", '"sep={}"', "\ufeffSEP={}"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_delimiter_that_the_first_line_says_is_taken(read, delimiter, line, end):
    rows = ["user_id,message,channel", "ada,hi,sms", "bob,ho"]
    lines = [line.format(delimiter), *(row.replace(",", delimiter) for row in rows)]

    first, second = read(end.join(lines))

    assert first.cells == {"user_id": "ada", "message": "hi", "channel": "sms"}
    assert (first.line, first.fault) == (3, None)
    assert (second.line, second.fault) == (4, "has 2 cells, the first line has 3")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_column_names_are_taken_in_any_case_and_with_spaces_around_them(read, delimiter):
    plain = read("user_id,message,line\nada,hi,9\n")

    rows = read("User_ID, MESSAGE ,Line\nada,hi,9\n".replace(",", delimiter))

    assert rows == plain
    assert rows[0].cells == {"user_id": "ada", "message": "hi"}


UNCLOSED = {
    "to the end": ('ada,"hello\nbob,hi\ncleo,hi\n', [2], ["bob", "cleo"]),
    "to the next quote": ('ada,"hello\nbob,hi\ncleo,"hi"\n', [2], ["bob", "cleo"]),
    "to a stray quote": ('ada,"hello\nbob,hi\ncleo,17"\nzoe,hi\n', [2], ["zoe"]),
    "over empty cells": ('ada,"hello\nbob,""\ncleo,17"\n', [2], []),
    "to a cell that begins with a comma": (
        'ada,"hello\nbob,hi\ncleo,", and so on"\nzoe,hi\n',
        [2],
        ["zoe"],
    ),
    "over the last row": ('ada,"hello\nbob,17"\n', [2], []),
    "of the id": ('"ada,hello\nbob,hi\ncleo,17"\n', [2], []),
    "over very many lines": ('ada,"hello\n' + "Dear all, good day\n" * 101 + '"\n', [2], []),
    "in one line": ('ada,"say "hello" now"\nbob,hi\n', [2], ["bob"]),
    "of a letter with quotes in it": (
        'ada,"Dear Ada,\nhe said "no", and left\n3,50 EUR"\n\nbob,hi\n',
        [2, 3, 4],
        ["bob"],
    ),
}


@pytest.mark.parametrize(("rows", "bad", "good"), UNCLOSED.values(), ids=UNCLOSED.keys())
def test_an_unclosed_quote_never_makes_one_message_of_other_peoples_rows(read, rows, bad, good):
    found = read(HEAD + rows)

    assert [row.line for row in found if row.fault] == bad
    assert "a quote" in found[0].fault
    assert [row.cells["user_id"] for row in found if not row.fault] == good


def test_a_line_that_can_not_be_read_is_shown_as_it_is(read):
    bad, good = read(HEAD + 'ada,"say "hello" now"\nbob,hi\n')

    assert (bad.cells, good.line) == ({}, 3)
    assert bad.fault.endswith('ada,"say "hello" now"')


def test_a_quote_that_is_never_closed_is_kept_out_also_where_line_breaks_are_meant(read):
    bad, *good = read(HEAD + UNCLOSED["to the end"][0], multiline=True)

    assert "is never closed" in bad.fault
    assert [row.line for row in good] == [3, 4]


def test_a_first_line_that_can_not_be_read_stops_all(read):
    with pytest.raises(BadFile, match=r"people\.csv, line 1: a quote.*nothing was done"):
        read('user_id,"message\nada,hi\n')


LETTERS = {
    "with commas": "Dear Ada,\n\nthank you, really, for all.\n\nYours,\nBob",
    "with a comma in each line": "Hello, Ada\nthank you, really\nbye, Bob",
    "with quotes": 'She said: "hello, you"\nand left.',
}


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS.keys())
def test_letters_of_several_lines_pass(read, letter):
    quoted = letter.replace('"', '""')

    rows = read(f'{HEAD}ada,"{quoted}"\nbob,hi\n')

    assert [row.cells["message"] for row in rows] == [letter, "hi"]


def test_two_columns_of_one_name_are_refused(read):
    with pytest.raises(BadFile, match="two columns 'message'"):
        read("user_id,message,Message\nada,hi,ho\n")

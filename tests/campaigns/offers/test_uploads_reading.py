"""What the child process makes of files: the real mess, the wrong files, and the bombs."""

import codecs
import json
import os
import re
import subprocess
import sys
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.offers.drafts import SENTENCES
from campaigns.offers.uploads import child, plain, reading, workbook
from campaigns.offers.uploads.headings import HEADINGS
from campaigns.offers.uploads.table import MOST_BYTES, FileRow, Unreadable
from campaigns.offers.uploads.template import template_csv, template_xlsx
from campaigns.offers.uploads.words import REFUSALS
from smart.local.embedded import PROJECT
from tests.campaigns import files

REAL = PROJECT / "smart" / "local" / "data" / "offers.csv"
ARBAT = {
    "title_ru": "Скидка 30%",
    "text_ru": "Кофейня «Арбат»: -30%.",
    "category": "food",
    "towns": "Алматы",
    "valid_from": "2026-12-01",
    "valid_to": "2026-12-10",
    "discount": "30%",
    "channels": "sms",
}


def read(folder: Path, data: bytes | str, name: str = "offers.csv") -> list[FileRow]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return reading.read(path)


def read_in_child(folder: Path, data: bytes, **limits: int) -> list[FileRow]:
    path = folder / "offers"
    path.write_bytes(data)
    with child.reading(path, **limits) as (count, rows):
        read = list(rows)
    assert len(read) == count
    return read


def refusal(folder: Path, data: bytes | str) -> str:
    with pytest.raises(Unreadable) as refused:
        read(folder, data)
    return refused.value.code


def test_the_real_file_is_read_row_by_row() -> None:
    rows = reading.read(REAL)

    assert [row.number for row in rows] == list(range(1, 13))
    assert not any(row.wrong for row in rows)
    assert rows[3].given["text_ru"] == '=HYPERLINK("http://example.org";"Шины")', "literal, and no cell of its own"
    assert rows[3].given["valid_to"] == "2026-11-05"
    assert rows[6].given["text_ru"] == "Букеты -25% {{7*7}} {0.__class__}"
    assert "title_ru" not in rows[10].given


@pytest.mark.parametrize("separator", [";", ",", "\t"], ids=["semicolon", "comma", "tab"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("cp1251", b""),
    ],
    ids=["utf-8", "bom", "utf-16 le", "utf-16 be", "cp1251"],
)
def test_encodings_and_separators_are_found(tmp_path: Path, encoding: str, mark: bytes, separator: str) -> None:
    data = mark + files.text(files.ROW, separator=separator).encode(encoding)

    assert read(tmp_path, data) == [FileRow(1, ARBAT, {})]


def test_kazakh_letters_of_windows_are_read(tmp_path: Path) -> None:
    data = files.text(files.row(title_ru="Жеңілдік: Өскемен, Қарағанды")).encode("kz1048")

    assert read(tmp_path, data)[0].given["title_ru"] == "Жеңілдік: Өскемен, Қарағанды"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_line_ends_and_blank_lines(tmp_path: Path, end: str) -> None:
    data = files.text(files.ROW, ("",) * 8, files.ROW, ()).replace("\n", end)

    assert [row.number for row in read(tmp_path, data)] == [1, 3]


def test_headings_in_any_order_case_and_language(tmp_path: Path) -> None:
    headings = ("КАНАЛЫ", "действует до", "Действует с", "санат", " title_kk ", "Мәтін KK", "Скидка %")

    (row,) = read(tmp_path, files.text(("sms", "10.12.2026", "01.12.2026", "food", "А", "Ә", "5"), headings=headings))

    assert row.given == {"channels": "sms", "valid_to": "10.12.2026", "valid_from": "01.12.2026", "category": "food",
                         "title_kk": "А", "text_kk": "Ә", "discount": "5"}  # fmt: skip


def test_quotes_enclose_separators_quotes_and_lines(tmp_path: Path) -> None:
    data = files.text(files.row(towns='"Алматы;Астана"', text_ru='"Два ""экспрессо""\nза 500"', title_ru='19" диски'))

    (row,) = read(tmp_path, data)

    assert row.given["towns"] == "Алматы;Астана"
    assert row.given["text_ru"] == 'Два "экспрессо"\nза 500'
    assert row.given["title_ru"] == '19" диски'


def test_a_quote_that_is_never_closed_is_the_rows_error_alone(tmp_path: Path) -> None:
    broken, whole = read(tmp_path, files.text(files.row(title_ru='"Скидка'), files.ROW))

    assert broken.wrong == {"title_ru": "quotes"}
    assert broken.given["category"] == "food"
    assert whole == FileRow(2, ARBAT, {})


def test_more_cells_than_headings_are_told(tmp_path: Path) -> None:
    short, blank, long = read(tmp_path, files.text(files.ROW[:6], (*files.ROW, "", ""), (*files.ROW, "", "sms")))

    assert set(short.given) == set(ARBAT) - {"discount", "channels"}
    assert (blank.wrong, long.wrong) == ({}, {"": "stray_cell"})


def test_a_cell_too_long_is_not_kept(tmp_path: Path) -> None:
    (row,) = read(tmp_path, files.text(files.row(text_ru="я" * 4_001)))

    assert row.wrong == {"text_ru": "long_cell"}
    assert len(row.given["text_ru"]) < 100


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (files.text(), "no_rows"),
        (files.text(("",) * 8), "no_rows"),
        ("hello\nworld\n", "no_headings"),
        (files.text(files.ROW, headings=(*files.HEADINGS[:-1], "Chanels")), "unknown_headings"),
        (files.text((*files.ROW, "x"), headings=(*files.HEADINGS, "title ru")), "headings_twice"),
        (files.text(files.ROW[:-1], headings=files.HEADINGS[:-1]), "missing_headings"),
        (files.text(files.ROW[1:], headings=files.HEADINGS[1:]), "missing_headings"),
        (files.text(files.row(title_ru="a\x00b")), "no_text_file"),
        (files.text(files.ROW).encode("utf-16-le"), "no_text_file"),
        (codecs.BOM_UTF16_LE + files.text(files.ROW).encode("utf-16-le")[:-1], "bad_encoding"),
        (files.text(files.ROW).encode().replace("Кофейня".encode(), "Кофейня".encode()[:-1]), "bad_encoding"),
        (codecs.BOM_UTF8 + files.text(files.ROW).encode("cp1251"), "bad_encoding"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "bad_encoding"),
        (b"%PDF-1.7\n\x01\x02", "no_text_file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512, "old_excel"),
        (b"PK\x03\x04 and no more", "no_workbook"),
        (files.text(files.ROW, headings=files.HEADINGS) + ";" * 6_000_000, "too_large"),
        (";".join(["x"] * 1_001) + "\n", "too_many_columns"),
        (files.text(files.ROW) + "x;" * 1_000_000, "too_many_columns"),
        (files.text(*[("", "", "food")] * 5_001), "too_many_rows"),
    ],
    ids=[
        "empty", "blank", "only a mark", "only headings", "only blank rows", "no headings", "unknown heading",
        "heading twice", "no channels", "no title", "nul", "utf-16 without mark", "half a utf-16", "broken utf-8",
        "not what its mark says", "picture", "pdf", "old excel", "half a zip", "over 5 MB", "1,001 headings",
        "a million columns", "5,001 rows",
    ],
)  # fmt: skip
def test_what_is_no_file_of_offers_is_refused(tmp_path: Path, data: bytes | str, code: str) -> None:
    assert refusal(tmp_path, data) == code


def test_unknown_headings_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        read(tmp_path, files.text(files.ROW, headings=(*files.HEADINGS[:-2], "Скидочка", "Chanels")))

    assert refused.value.details == {"names": "Скидочка, Chanels"}


def test_5_000_rows_are_allowed(tmp_path: Path) -> None:
    assert len(read(tmp_path, files.text(*[("", "", "food")] * 5_000))) == 5_000


@pytest.mark.parametrize("name", ["offers.xlsx", "offers.csv"])
def test_a_workbook_is_one_by_its_content(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, files.workbook(files.ROW), name) == [FileRow(1, ARBAT, {})]
    assert read(tmp_path, files.text(files.ROW), name) == [FileRow(1, ARBAT, {})]


def test_dates_numbers_and_shares_of_a_workbook_are_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["", *files.HEADINGS, "Min age", "Phone"])
    sheet.append([])
    sheet.append([None, *files.ROW[:4], date(2026, 12, 1), datetime(2026, 12, 10, 23, 59), 0.3, "sms", 18, 77010000000])
    sheet["H3"].number_format = "0%"

    (row,) = read(tmp_path, files.saved(book))

    assert row == FileRow(2, {**ARBAT, "min_age": "18", "phone": "77010000000"}, {})


def test_a_formula_of_a_workbook_is_told_and_never_evaluated(tmp_path: Path) -> None:
    formula = '=HYPERLINK("http://example.org","Шины")'
    (row,) = read(tmp_path, files.workbook(files.row(text_ru=formula)))

    assert row.wrong == {"text_ru": "formula"}


def test_shared_strings_are_read(tmp_path: Path) -> None:
    cells = [b'<c t="s"><v>%d</v></c>' % number for number in range(16)]
    sheet = files.sheet(b"<row>" + b"".join(cells[:8]) + b"</row><row>" + b"".join(cells[8:]) + b"</row>")
    data = files.tampered(files.workbook(), sheet=sheet, strings=files.strings(*files.HEADINGS, *files.ROW))

    assert read(tmp_path, data) == [FileRow(1, ARBAT, {})]


def test_text_that_begins_with_an_equals_sign_is_text(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(BytesIO(files.workbook(files.ROW)))
    book.active["B2"].value = "=1+1"
    book.active["B2"].data_type = "s"

    (row,) = read(tmp_path, files.saved(book))

    assert (row.given["text_ru"], row.wrong) == ("=1+1", {})


def test_the_templates_are_read_back(tmp_path: Path) -> None:
    from_text, from_book = read(tmp_path, template_csv()), read(tmp_path, template_xlsx())

    assert from_text == from_book
    assert from_text[0].given["towns"] == "Алматы, Астана"
    assert template_csv().decode("utf-8-sig").splitlines()[0] == ";".join(names[0] for names in HEADINGS.values())


def test_every_heading_is_one_fields_alone() -> None:
    folded = [reading.headings.fold(name) for names in HEADINGS.values() for name in names]

    assert len(set(folded)) == len(folded)


WORKBOOK = files.workbook(files.ROW)
CELL = b"<c><v>1</v></c>"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: files.tampered(files.workbook(files.ROW), **{"xl/a.bin": b"\0" * (31 << 20)}), "too_large_unpacked"),
        (lambda: files.lying_zip(31 << 20), "no_workbook"),
        (lambda: files.tampered(files.workbook(), **{f"xl/{n}.xml": b"<a/>" for n in range(1_001)}),
         "too_large_unpacked"),
        (lambda: files.tampered(files.workbook(), sheet=files.sheet(b"<row>" + CELL * 1_000_000 + b"</row>")),
         "too_many_columns"),
        (lambda: files.tampered(files.workbook(), sheet=files.sheet(b'<row r="1"><c r="XFD1"/></row>')),
         "too_many_columns"),
        (lambda: files.tampered(files.workbook(), sheet=files.sheet(b'<row r="1000000000"><c/></row>')),
         "no_workbook"),
        (lambda: files.tampered(files.workbook(), sheet=files.sheet(b"<row><c></row>")), "no_workbook"),
        (lambda: files.tampered(files.workbook(), sheet=files.sheet(b'<row><c t="s"><v>99</v></c></row>')),
         "no_workbook"),
        (lambda: files.tampered(files.workbook(), **{"[Content_Types].xml": b"<Types/>"}), "no_workbook"),
    ],
    ids=["zip bomb", "zip bomb that lies", "1,001 parts", "a million cells", "column 16,384", "row 1,000,000,000",
         "broken xml", "string out of the table", "a zip of something else"],
)  # fmt: skip
def test_workbooks_are_weighed_before_they_are_parsed(tmp_path: Path, make: object, code: str) -> None:
    data = make()  # type: ignore[operator]

    assert len(data) < MOST_BYTES
    assert refusal(tmp_path, data) == code


def test_the_size_a_sheet_claims_fills_no_memory(tmp_path: Path) -> None:
    sheet = ZipFile(BytesIO(files.workbook(files.ROW))).read("xl/worksheets/sheet1.xml")
    claiming = sheet.replace(b'"A1:H2"', b'"A1:XFD1048576"')
    assert claiming != sheet

    data = files.tampered(files.workbook(files.ROW), sheet=claiming)

    assert read_in_child(tmp_path, data) == [FileRow(1, ARBAT, {})]


@pytest.mark.parametrize("part", ["strings", "sheet", "[Content_Types].xml", "docProps/core.xml"])
def test_an_entity_bomb_is_refused(tmp_path: Path, part: str) -> None:
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><sst>&a11;</sst>'.encode()

    with pytest.raises(Unreadable) as refused:
        read_in_child(tmp_path, files.tampered(files.workbook(files.ROW), **{part: bomb}))
    assert refused.value.code == "entities"


def test_an_external_entity_is_refused(tmp_path: Path) -> None:
    thief = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst><si><t>&e;</t></si></sst>'

    assert refusal(tmp_path, files.tampered(files.workbook(files.ROW), strings=thief)) == "entities"


def greedy() -> bytes:
    """Under every limit of size, and 600,000 strings when it is parsed."""
    return files.tampered(files.workbook(files.ROW), strings=files.strings(*[f"{n:06}" for n in range(600_000)]))


def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    data = greedy()
    assert len(data) < MOST_BYTES

    with pytest.raises(Unreadable) as refused:
        read_in_child(tmp_path, data, memory=64 << 20)
    assert refused.value.code == "too_much_memory"


def test_a_file_that_takes_too_much_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        read_in_child(tmp_path, greedy(), memory=4 << 30, seconds=1)
    assert refused.value.code == "too_slow"


def test_a_child_that_is_killed_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.dumps({"rows": 2}) + "\\n" + json.dumps([1, {}, {}])
    for before_it_dies in ("", f"print('{told}', flush=True);"):
        script = f"import os, signal; {before_it_dies} os.kill(os.getpid(), signal.SIGKILL)"
        monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", script))

        with pytest.raises(Unreadable) as refused:
            read_in_child(tmp_path, b"")
        assert refused.value.code == "reader_died"


def test_the_child_knows_no_django_and_none_of_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import sys, campaigns.offers.uploads.reading; sys.exit(any(name.startswith('django') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-E", "-c", script], cwd=PROJECT, check=False).returncode == 0
    monkeypatch.setenv("DATABASE_URL", "secret")
    tells = "import os, json; print(json.dumps({'refused': ' '.join(sorted(os.environ)), 'details': {}}))"
    monkeypatch.setattr(child, "COMMAND", (sys.executable, "-c", tells))

    with pytest.raises(Unreadable) as refused:
        read_in_child(tmp_path, b"")
    assert "PATH" in os.environ
    assert set(refused.value.code.split()) <= {"PATH", "LD_LIBRARY_PATH", "LC_CTYPE"}


@settings(deadline=None, database=None, max_examples=300)
@given(st.text(st.sampled_from('";,\t\n\r= (),aя0'), max_size=60), st.sampled_from(";,\t"))
def test_whatever_stands_below_the_headings_is_rows_or_a_refusal(text: str, separator: str) -> None:
    data = (separator.join(files.HEADINGS) + "\n" + text).encode()
    try:
        rows, code = list(reading.take(plain.rows(data))), ""
    except Unreadable as refused:
        rows, code = [], refused.code

    assert code in REFUSALS or rows
    assert all(set(row.given) <= set(HEADINGS) for row in rows)
    assert all(problem in SENTENCES for row in rows for problem in row.wrong.values())


@settings(deadline=None, database=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_workbook_is_rows_or_a_refusal(damages: list[tuple[int, int]]) -> None:
    data = bytearray(WORKBOOK)
    for place, byte in damages:
        data[place % len(data)] = byte

    try:
        rows, code = list(reading.take(workbook.rows(bytes(data)))), ""
    except Unreadable as refused:
        rows, code = [], refused.code

    assert code in REFUSALS or rows


def test_every_refusal_has_words() -> None:
    raised = {
        code
        for path in (PROJECT / "campaigns" / "offers" / "uploads").glob("*.py")
        for found in re.findall(r'Unreadable\("(\w+)"|"refused": "(\w+)"', path.read_text(encoding="utf-8"))
        for code in found
        if code
    }

    assert {"empty", "entities", "too_much_memory"} <= raised <= set(REFUSALS)


def test_a_lost_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable) as refused, child.reading(tmp_path / "gone"):
        pass
    assert refused.value.code == "lost"

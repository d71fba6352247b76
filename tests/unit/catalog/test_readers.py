from __future__ import annotations

import csv
import gzip
import json
import random
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricelm.catalog.readers import ReadLimits, read_chunks, read_listings
from pricelm.core.errors import ConfigError, DataError, LimitError, ReadError

CHINESE = "title,price\n纯棉短袖衬衫 男士,￥1299\n蓝牙耳机 降噪,￥89\n"
FRENCH = "title,price\nCafé moulu 250 g,4.50\nThéière bleue,19.00\n"


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rejected(frame: pd.DataFrame) -> list[tuple[int, str]]:
    return [(entry["row"], entry["reason"]) for entry in frame.attrs["rejected"]]


# --- CSV -------------------------------------------------------------------------------------------------


def test_text_stays_text_and_only_empty_fields_are_missing(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "id,title,price\n007,N/A,1e3\n8,,NA\n")
    frame = read_listings(path)
    assert frame.index.tolist() == [1, 2] and frame.index.name == "row"
    assert frame["id"].tolist() == ["007", "8"]
    assert frame["price"].tolist() == ["1e3", "NA"]
    assert frame["title"].iloc[0] == "N/A" and pd.isna(frame["title"].iloc[1])


def test_row_numbers_count_ragged_rows_but_not_blank_lines_across_chunks(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "a,b,c\n\n1,1,1\n2,2\n3,3,3\n\n4,4,4,4\n5,5,5\n6,6,6\n")
    chunks = list(read_chunks(path, chunk_rows=2))
    assert [chunk.index.tolist() for chunk in chunks] == [[1, 3], [5, 6]]
    assert [chunk["a"].tolist() for chunk in chunks] == [["1", "3"], ["5", "6"]]
    assert rejected(chunks[0]) == [(2, "too few fields: 2, expected 3")]
    assert rejected(chunks[1]) == [(4, "too many fields: 4, expected 3")]
    whole = read_listings(path)
    assert rejected(whole) == rejected(chunks[0]) + rejected(chunks[1])
    assert whole.attrs["rejected"][1] == {
        "row": 4,
        "column": "",
        "value": "4,4,4,4",
        "reason": "too many fields: 4, expected 3",
    }


def test_rejected_rows_survive_operations_on_the_frame(tmp_path: Path) -> None:
    frame = read_listings(put(tmp_path, "a.csv", "a,b\n1,1\n2\n"))
    assert rejected(frame[["a"]].copy()) == [(2, "too few fields: 1, expected 2")]


def test_one_trailing_delimiter_is_no_field(tmp_path: Path) -> None:
    frame = read_listings(put(tmp_path, "a.csv", "a,b\n1,2,\n3,4,\n"))
    assert frame.values.tolist() == [["1", "2"], ["3", "4"]] and rejected(frame) == []


def test_quoted_fields_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", 'a,b\r\n"x, ""y""\nz",1\r\n"",2\r\n')
    frame = read_listings(path)
    assert frame["a"].iloc[0] == 'x, "y"\nz' and frame.index.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ('24" monitor,5', '24" monitor'),
        ('"Brand new" shirt,5', "Brand new shirt"),
        ('"as is,5', '"as is'),
    ],
)
def test_a_stray_quote_costs_nothing(tmp_path: Path, line: str, title: str) -> None:
    frame = read_listings(put(tmp_path, "a.csv", f"title,price\nmug,4\n{line}\npan,6\n"))
    assert frame["title"].tolist() == ["mug", title, "pan"]
    assert frame["price"].tolist() == ["4", "5", "6"] and frame.index.tolist() == [1, 2, 3]


def test_an_unclosed_quote_does_not_swallow_the_file(tmp_path: Path) -> None:
    rows = [f"item {number},{number}\n" for number in range(1, 3001)]
    rows[99] = '"item, 100, never closed\n'
    path = put(tmp_path, "a.csv", "title,price\n" + "".join(rows))
    for limits in (ReadLimits(), ReadLimits(max_field_chars=5_000), ReadLimits(max_line_bytes=9_000)):
        frame = read_listings(path, limits=limits)
        assert len(frame) == 2999 and frame.loc[3000, "title"] == "item 3000"
        assert rejected(frame) == [(100, "too many fields: 3, expected 2")]


def test_after_a_stray_quote_the_next_record_may_span_lines(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", 'a,b\n1,"never closed\n2,"two\nlines"\n3,x\n')
    frame = read_listings(path)
    assert frame["a"].tolist() == ["1", "2", "3"]
    assert frame["b"].tolist() == ["never closed", "two\nlines", "x"]


def test_a_file_of_stray_quotes_is_read(tmp_path: Path) -> None:
    # Each line closes the quote of the line above and opens another one.
    path = put(tmp_path, "a.csv", "title,price\n" + 'a","b\n' * 40_000)
    # one record a line tried to the end of the file would take hours
    frame = read_listings(path)
    assert len(frame) == 40_000 and frame["title"].iloc[5] == 'a"'


def test_a_well_formed_ragged_line_among_stray_quotes_is_not_split_at_its_quotes(tmp_path: Path) -> None:
    # Seen from inside the open quote, the second line closes it and opens another; by itself it is fine.
    text = 'a,b,c\n"open,1,2\n""",""",3\n4,5,6\n7,8,9\n'
    frame = read_listings(put(tmp_path, "a.csv", text))
    assert frame["a"].tolist() == ['"open', "4", "7"]
    assert rejected(frame) == [(2, "too few fields: 2, expected 3")]


def test_duplicate_and_empty_column_names_become_unique(tmp_path: Path) -> None:
    frame = read_listings(put(tmp_path, "a.csv", "a,,a\n1,2,3\n"))
    assert frame.columns.tolist() == ["a", "unnamed_2", "a.1"]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.txt", "|"), ("b.tsv", ",")]
)
def test_the_delimiter_follows_the_content(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [["title", "price"], ["tea; green", "1,5"], ["mug", "2,25"]]
    with (tmp_path / name).open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    assert read_listings(tmp_path / name).values.tolist() == rows[1:]


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from('\n",;\t|'), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT.map(lambda text: "x" + text), TEXT), min_size=1, max_size=8))
def test_what_a_csv_writer_wrote_is_read_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "written.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("title", "price"), *rows])
    frame = read_listings(path)
    assert list(frame.fillna("").itertuples(index=False, name=None)) == rows
    assert rejected(frame) == []


# --- encodings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gbk", "gb18030"]
)
def test_chinese_text_in_every_usual_encoding(tmp_path: Path, codec: str) -> None:
    text = CHINESE.replace("￥", "") if codec == "gbk" else CHINESE
    frame = read_listings(put(tmp_path, "a.csv", text.encode(codec)))
    assert frame.columns.tolist() == ["title", "price"]
    assert frame["title"].tolist() == ["纯棉短袖衬衫 男士", "蓝牙耳机 降噪"]


@pytest.mark.parametrize("codec", ["utf-8", "cp1252", "utf-16-le"])
def test_western_text(tmp_path: Path, codec: str) -> None:
    frame = read_listings(put(tmp_path, "a.csv", FRENCH.encode(codec)))
    assert frame["title"].tolist() == ["Café moulu 250 g", "Théière bleue"]


@pytest.mark.parametrize(("line", "codec"), [("纯棉衬衫,9", "gb18030"), ("Théière,9", "cp1252")])
def test_lines_of_another_encoding_late_in_a_utf8_file(tmp_path: Path, line: str, codec: str) -> None:
    head = "title,price\n" + "Tée-shirt 纯棉,5\n" * 60_000
    path = put(tmp_path, "a.csv", head.encode() + line.encode(codec) + b"\n" + "茶,3\n".encode())
    frame = read_listings(path)
    assert frame["title"].iloc[[0, -2, -1]].tolist() == ["Tée-shirt 纯棉", line.split(",")[0], "茶"]
    assert frame.attrs["encoding"] == f"utf-8, some lines {codec}"


def test_utf16_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", CHINESE.encode("utf-16")[:-1])
    with pytest.raises(ReadError, match="UTF-16"):
        read_listings(path)


# --- hostile and broken files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("blank.csv", b"\n \n\n", "is empty"),
        ("header.csv", b"title,price\n", "is empty"),
        ("empty.csv.gz", gzip.compress(b""), "is empty"),
        ("empty.jsonl", b"\n", "is empty"),
        ("ragged.csv", b"title,price\n1,2,3\n4\n", "all 2 rows were rejected"),
    ],
)
def test_files_without_a_usable_row(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_listings(put(tmp_path, name, content))


@pytest.mark.parametrize("seed", [0, 1])
def test_binary_garbage_is_refused(tmp_path: Path, seed: int) -> None:
    for name in ("a.csv", "a.jsonl", "a.parquet", "a"):
        with pytest.raises(ReadError, match="binary"):
            read_listings(put(tmp_path, name, random.Random(seed).randbytes(50_000)))


def test_a_directory_a_missing_file_and_old_excel(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="directory"):
        read_listings(tmp_path)
    with pytest.raises(ReadError, match="no such file"):
        read_listings(tmp_path / "none.csv")
    with pytest.raises(ReadError, match=r"Save it as \.xlsx"):
        read_listings(put(tmp_path, "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)))


def test_a_description_of_one_megabyte_is_read_whole(tmp_path: Path) -> None:
    long = "word, " * 200_000
    frame = read_listings(put(tmp_path, "a.csv", f'title,description\nmug,"{long}"\npan,x\n'))
    assert frame["description"].tolist() == [long, "x"]
    assert csv.field_size_limit() < len(long)  # the process-wide limit was put back


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_field_beyond_the_limit(tmp_path: Path, name: str) -> None:
    long = "x" * 3_000
    text = json.dumps({"a": long, "b": "1"}) if name == "a.jsonl" else f'a,b\n"{long}",1'
    with pytest.raises(LimitError, match="max_field_chars"):
        read_listings(put(tmp_path, name, text + "\n"), limits=ReadLimits(max_field_chars=2_000))


def test_one_endless_line(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "title,price\n" + "x" * (5 << 20))
    with pytest.raises(LimitError, match="max_line_bytes"):
        read_listings(path, limits=ReadLimits(max_line_bytes=2 << 20))


@pytest.mark.parametrize("content", ["a," * 2_000_000 + "a\n1\n", "a,b\n" + "1," * 2_000_000 + "1\n"])
def test_millions_of_columns(tmp_path: Path, content: str) -> None:
    with pytest.raises(LimitError, match="columns"):
        read_listings(put(tmp_path, "a.csv", content))


def test_thousands_of_columns_in_a_short_header(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="2,000 columns"):
        read_listings(put(tmp_path, "a.csv", ",".join(map(str, range(3_000))) + "\n1\n"))


def test_a_gzip_bomb(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv.gz", gzip.compress(b"title,price\n" + (b"mug" * 10_000 + b",1\n") * 1_000))
    with pytest.raises(LimitError, match="decompression bomb"):
        for _ in read_chunks(path):
            pass


@pytest.mark.parametrize("first", ["", '"a quote that never closes,1\n'])
def test_truncated_gzip_gives_its_good_rows_first(tmp_path: Path, first: str) -> None:
    rows = "".join(f"item {random.Random(number).random()},1\n" for number in range(60_000))
    whole = gzip.compress(f"title,price\n{first}{rows}".encode())
    path = put(tmp_path, "a.csv.gz", whole[:-20_000])
    # Bounded memory: had either limit no effect, the open quote would read on to the broken end.
    limits = ReadLimits(max_field_chars=10**8, max_line_bytes=1 << 17)
    chunks = read_chunks(path, chunk_rows=1_000, limits=limits)
    assert len(next(chunks)) == 1_000
    with pytest.raises(ReadError, match="gzip"):
        for _ in chunks:
            pass


def test_files_beyond_max_file_bytes(tmp_path: Path) -> None:
    limits = ReadLimits(max_file_bytes=1_000)
    content = b"a,b\n" + b"1,2\n" * 500
    for name, data in (("a.csv", content), ("a.csv.gz", gzip.compress(content))):
        with pytest.raises(LimitError, match="max_file_bytes"):
            read_listings(put(tmp_path, name, data), limits=limits)


def test_chunk_rows_below_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chunk_rows"):
        next(read_chunks(put(tmp_path, "a.csv", FRENCH), chunk_rows=0))


# --- JSON Lines ------------------------------------------------------------------------------------------


def test_json_lines_keep_digits_and_reject_broken_lines(tmp_path: Path) -> None:
    lines = [
        '{"a": 1.50, "b": null}',
        "{broken",
        "",
        '["list"]',
        '{"a": true, "c": {"x": ["é"]}}',
        "[" * 100_000,
    ]
    frame = read_listings(put(tmp_path, "a.jsonl", "\n".join(lines)))
    assert frame.index.tolist() == [1, 4] and frame.columns.tolist() == ["a", "b", "c"]
    assert frame["a"].tolist() == ["1.50", "true"]
    assert frame["c"].iloc[1] == '{"x": ["é"]}' and frame["b"].isna().all()
    assert [row for row, _ in rejected(frame)] == [2, 3, 5]
    assert all(reason.startswith("not ") for _, reason in rejected(frame))


def test_json_lines_under_another_name_and_gzipped(tmp_path: Path) -> None:
    content = b'{"a": "x"}\n{"a": "y"}\n{"a": "z"}\n'
    assert [len(chunk) for chunk in read_chunks(put(tmp_path, "a.csv", content), chunk_rows=2)] == [2, 1]
    assert read_listings(put(tmp_path, "a.ndjson.gz", gzip.compress(content)))["a"].tolist() == [
        "x",
        "y",
        "z",
    ]


def test_a_json_array_and_too_many_keys(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="one object a line"):
        read_listings(put(tmp_path, "a.json", '[{"a": 1}]'))
    lines = "".join(json.dumps({f"key {number}": 1}) + "\n" for number in range(60))
    with pytest.raises(LimitError, match="columns"):
        read_listings(put(tmp_path, "a.jsonl", lines), limits=ReadLimits(max_columns=50))


# --- Parquet, Excel, SQL ---------------------------------------------------------------------------------


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "title": [f"item {number}" for number in range(25)],
            "price": np.arange(25) + 0.5,
            "kind": pd.Categorical(["a", "b", None, "a", "b"] * 5),
        }
    )


def test_parquet_keeps_types_whatever_its_name(tmp_path: Path, table: pd.DataFrame) -> None:
    path = tmp_path / "a.csv"
    table.to_parquet(path)
    chunks = list(read_chunks(path, chunk_rows=10))
    assert [chunk.index[0] for chunk in chunks] == [1, 11, 21]
    frame = read_listings(path)
    assert frame["price"].dtype == "float64" and frame["kind"].dtype == object
    assert frame.index.tolist() == list(range(1, 26)) and rejected(frame) == []


def test_truncated_parquet(tmp_path: Path, table: pd.DataFrame) -> None:
    table.to_parquet(tmp_path / "whole.parquet")
    data = (tmp_path / "whole.parquet").read_bytes()
    for cut in (data[:-20], data[: len(data) // 2], data[:6]):
        with pytest.raises(ReadError, match="truncated or damaged"):
            read_listings(put(tmp_path, "a.parquet", cut))


def test_parquet_without_rows_or_with_too_many_columns(tmp_path: Path, table: pd.DataFrame) -> None:
    table.iloc[:0].to_parquet(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="is empty"):
        read_listings(tmp_path / "none.parquet")
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(LimitError, match="columns"):
        read_listings(tmp_path / "a.parquet", limits=ReadLimits(max_columns=2))


def test_text_named_parquet_is_read_as_text(tmp_path: Path) -> None:
    assert len(read_listings(put(tmp_path, "a.parquet", FRENCH))) == 2


def test_excel_rows_types_and_ragged_rows(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [[], ["title", "price"], ["mug", 4.5], [], ["pot"], ["pan", 6, "more"], ["cup", 2]]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    frame = read_listings(tmp_path / "a.xlsx")
    assert frame["title"].to_dict() == {1: "mug", 2: "pot", 4: "cup"}
    assert frame["price"].iloc[0] == 4.5 and pd.isna(frame["price"].iloc[1])
    assert rejected(frame) == [(3, "too many fields: 3, expected 2")]


def test_broken_and_explosive_workbooks(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for number in range(200):
        book.active.append([f"title {number}", number])
    book.save(tmp_path / "whole.xlsx")
    data = (tmp_path / "whole.xlsx").read_bytes()
    with pytest.raises(ReadError, match="workbook"):
        read_listings(put(tmp_path, "a.xlsx", data[: len(data) // 2]))
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("readme.txt", "no workbook")
    with pytest.raises(ReadError, match="workbook"):
        read_listings(tmp_path / "other.xlsx")
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(40 << 20))
    with pytest.raises(LimitError, match="decompression bomb"):
        read_listings(tmp_path / "bomb.xlsx")


@pytest.fixture
def database(tmp_path: Path, table: pd.DataFrame) -> str:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        table.astype({"kind": object}).to_sql("listings", connection, index=False)
    return f"sqlite:///{path}"


def test_sql_rows_come_by_chunks_with_types(database: str) -> None:
    query = "SELECT title, price, ':x %' AS note FROM listings WHERE price < 12 ORDER BY price"
    chunks = list(read_chunks(database, query=query, chunk_rows=5))
    assert [len(chunk) for chunk in chunks] == [5, 5, 2] and chunks[2].index.tolist() == [11, 12]
    assert chunks[0]["price"].dtype == "float64" and chunks[0]["note"].iloc[0] == ":x %"


def test_sql_changes_nothing(database: str) -> None:
    with pytest.raises(ReadError, match="SELECT"):
        read_listings(database, query="DELETE FROM listings")
    assert read_listings(database, query="SELECT count(*) AS n FROM listings")["n"].iloc[0] == 25


@pytest.mark.parametrize(
    ("address", "query", "error", "message"),
    [
        ("{database}", "SELECT * FROM nothing", ReadError, "nothing"),
        ("{database}", "SELECT * FROM listings WHERE 0", DataError, "is empty"),
        ("{database}", None, ConfigError, "query"),
        ("sqlite:////nowhere/shop.db", "SELECT 1", ReadError, "no database file"),
        ("https://example.org/a.csv", "SELECT 1", ReadError, "Download"),
        ("listings.csv", "SELECT 1", ConfigError, "database address"),
    ],
)
def test_sql_mistakes(
    database: str, address: str, query: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_listings(address.format(database=database), query=query)


def test_no_password_in_messages() -> None:
    with pytest.raises(DataError) as caught:
        read_listings("nonsense://me:hunter2@host/shop", query="SELECT 1")
    assert "hunter2" not in str(caught.value)

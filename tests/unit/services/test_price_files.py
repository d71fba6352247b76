"""The formats of predicted prices hold the same values, and a draft goes on behind any of its chunks."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pricelm.core.errors import ConfigError, DataError, ReadError
from pricelm.services import price_files
from pricelm.services.price_files import SUFFIXES, PriceDraft, finish_draft, price_format, write_frame

FIRST = pd.DataFrame(
    {"sku": ["a/1", "é,2"], "stock": [1, 2], "predicted_price": [9.5, 0.1], "abstained": [False, False]}
)
SECOND = pd.DataFrame({"sku": [None], "stock": [np.nan], "predicted_price": [np.nan], "abstained": [True]})


def written(folder: Path, suffix: str, *frames: pd.DataFrame) -> Path:
    """Write frames as a run does; a draft that is there already is gone on with."""
    form = price_format(Path(f"prices{suffix}"))
    draft = PriceDraft(folder / "draft", form)
    sizes = [draft.append(frame) for frame in frames]
    draft.close()
    assert sizes == sorted(sizes) and sizes[-1] == (folder / "draft").stat().st_size
    return finish_draft(folder / "draft", form, folder / "whole")


def test_csv_has_one_header_and_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    lines = written(tmp_path, ".csv", FIRST, SECOND).read_text(encoding="utf-8").splitlines()
    assert lines == ["sku,stock,predicted_price,abstained", "a/1,1,9.5,False", '"é,2",2,0.1,False', ",,,True"]


def test_json_lines_are_plain_json(tmp_path: Path) -> None:
    lines = written(tmp_path, ".jsonl", FIRST, SECOND).read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"sku": "a/1", "stock": 1, "predicted_price": 9.5, "abstained": false}'
    assert json.loads(lines[1])["sku"] == "é,2" and "é" in lines[1]
    assert json.loads(lines[2]) == {"sku": None, "stock": None, "predicted_price": None, "abstained": True}


@pytest.mark.parametrize("kind", [".csv", ".jsonl"])
def test_what_is_zipped_is_the_same_text(tmp_path: Path, kind: str) -> None:
    plain = written(tmp_path, kind, FIRST, SECOND).read_bytes()
    (tmp_path / "draft").unlink()
    assert gzip.decompress(written(tmp_path, f"{kind}.gz", FIRST, SECOND).read_bytes()) == plain


def test_parquet_keeps_the_types_of_the_first_chunk(tmp_path: Path) -> None:
    table = pd.read_parquet(written(tmp_path, ".parquet", FIRST, SECOND), dtype_backend="numpy_nullable")
    assert table["stock"].tolist()[:2] == [1, 2] and pd.isna(table["stock"][2])
    assert str(table["stock"].dtype) == "Int64"
    assert table["abstained"].tolist() == [False, False, True]


def test_parquet_gathers_chunks_into_groups_of_some_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_files, "_ROW_GROUP_BYTES", 100)
    path = written(tmp_path, ".parquet", *[FIRST] * 7)
    assert 1 < pq.read_metadata(path).num_row_groups < 7
    assert pd.read_parquet(path)["sku"].tolist() == ["a/1", "é,2"] * 7


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_that_comes_up_later_is_not_lost_in_silence(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"'color'.*\.jsonl"):
        written(tmp_path, suffix, FIRST, SECOND.assign(color="red"))


def test_json_lines_take_a_column_that_comes_up_later(tmp_path: Path) -> None:
    lines = written(tmp_path, ".jsonl", FIRST, SECOND.assign(color="red")).read_text().splitlines()
    assert "color" not in json.loads(lines[0]) and json.loads(lines[2])["color"] == "red"


def test_parquet_refuses_a_column_that_changes_its_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'stock'.*\.csv or \.jsonl"):
        written(tmp_path, ".parquet", FIRST, SECOND.assign(stock=[0.5]))


def test_parquet_writes_what_has_no_type_of_its_own_as_text(tmp_path: Path) -> None:
    mixed = pd.DataFrame({"note": [1, "two", None]})
    assert pd.read_parquet(written(tmp_path, ".parquet", mixed))["note"].tolist() == ["1", "two", None]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_half_a_character_is_written_as_a_question_mark(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path, suffix, pd.DataFrame({"sku": ["a\ud83c"], "predicted_price": [1.0]}))
    text = path.read_bytes()
    if suffix == ".parquet":
        assert pd.read_parquet(path)["sku"].tolist() == ["a?"]
    else:
        assert b"a?" in (gzip.decompress(text) if suffix.endswith(".gz") else text)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_draft_that_was_cut_back_goes_on_to_the_same_file(tmp_path: Path, suffix: str) -> None:
    whole, other = tmp_path / "whole", tmp_path / "other"
    whole.mkdir()
    other.mkdir()
    expected = written(whole, suffix, FIRST, SECOND, FIRST).read_bytes()
    written(other, suffix, FIRST)
    size = (other / "draft").stat().st_size
    with (other / "draft").open("ab") as torn:
        torn.write(b"half of a ch")
    os.truncate(other / "draft", size)
    assert written(other, suffix, SECOND, FIRST).read_bytes() == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_table_is_written_as_chunks_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "table"
    write_frame(FIRST, path, price_format(Path(f"a{suffix}")))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == written(tmp_path, suffix, FIRST).read_bytes()


def test_what_is_no_draft_is_refused(tmp_path: Path) -> None:
    (tmp_path / "draft").write_bytes(b"\x07" * 400)
    for suffix in (".parquet", ".csv.gz"):
        with pytest.raises(ReadError, match="draft"):
            PriceDraft(tmp_path / "draft", price_format(Path(f"a{suffix}")))


def test_an_unknown_suffix_is_refused() -> None:
    assert price_format(Path("a.CSV")).kind == "csv"
    with pytest.raises(ConfigError, match=r"\.csv, \.csv\.gz, \.jsonl, \.jsonl\.gz, \.parquet"):
        price_format(Path("prices.xlsx"))

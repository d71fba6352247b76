"""The three formats of predicted prices hold the same values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import ConfigError, DataError
from pricelm.services.price_files import check_suffix, open_price_file

FIRST = pd.DataFrame(
    {"sku": ["a/1", "é,2"], "stock": [1, 2], "predicted_price": [9.5, 0.1], "abstained": [False, False]}
)
SECOND = pd.DataFrame({"sku": [None], "stock": [np.nan], "predicted_price": [np.nan], "abstained": [True]})


def written(tmp_path: Path, suffix: str, *frames: pd.DataFrame) -> Path:
    path = tmp_path / f"prices{suffix}"
    with open_price_file(path, suffix) as file:
        for frame in frames:
            file.append(frame)
    return path


def test_csv_has_one_header_and_empty_cells_for_what_is_missing(tmp_path: Path) -> None:
    lines = written(tmp_path, ".csv", FIRST, SECOND).read_text(encoding="utf-8").splitlines()
    assert lines == ["sku,stock,predicted_price,abstained", "a/1,1,9.5,False", '"é,2",2,0.1,False', ",,,True"]


def test_json_lines_are_plain_json(tmp_path: Path) -> None:
    lines = written(tmp_path, ".jsonl", FIRST, SECOND).read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"sku": "a/1", "stock": 1, "predicted_price": 9.5, "abstained": false}'
    assert json.loads(lines[1])["sku"] == "é,2" and "é" in lines[1]
    assert json.loads(lines[2]) == {"sku": None, "stock": None, "predicted_price": None, "abstained": True}


def test_parquet_keeps_the_types_of_the_first_chunk(tmp_path: Path) -> None:
    table = pd.read_parquet(written(tmp_path, ".parquet", FIRST, SECOND), dtype_backend="numpy_nullable")
    assert table["stock"].tolist()[:2] == [1, 2] and pd.isna(table["stock"][2])
    assert str(table["stock"].dtype) == "Int64"
    assert table["abstained"].tolist() == [False, False, True]


def test_parquet_refuses_a_column_that_changes_its_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'stock'.*\.csv or \.jsonl"):
        written(tmp_path, ".parquet", FIRST, SECOND.assign(stock=[0.5]))


def test_parquet_writes_what_has_no_type_of_its_own_as_text(tmp_path: Path) -> None:
    mixed = pd.DataFrame({"note": [1, "two", None]})
    assert pd.read_parquet(written(tmp_path, ".parquet", mixed))["note"].tolist() == ["1", "two", None]


def test_an_unknown_suffix_is_refused() -> None:
    check_suffix(Path("a.CSV"))
    with pytest.raises(ConfigError, match=r"\.csv, \.jsonl, \.parquet"):
        check_suffix(Path("prices.xlsx"))

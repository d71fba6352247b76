"""Pricing files: every row is answered for, chunks change nothing, and memory does not grow."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog import readers
from pricelm.core.errors import ConfigError, DataError, ReadError
from pricelm.models.bundle import load_model
from pricelm.services import predicting
from pricelm.services.predicting import PredictionRequest, predict_prices
from pricelm.services.pricing import PRICE_COLUMNS
from tests.generated_listings import listings_frame

NEW = listings_frame(40, seed=5).drop(columns="cost")


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    path = tmp_path / "new.csv"
    NEW.to_csv(path, index=False)
    return path


def test_prices_are_those_of_the_model_whatever_the_chunks(
    fast_bundle: Path, listings: Path, tmp_path: Path, notes: Any
) -> None:
    result = predict_prices(PredictionRequest(fast_bundle, listings, tmp_path / "a.csv", chunk_rows=7), notes)
    predict_prices(PredictionRequest(fast_bundle, listings, tmp_path / "b.csv"))
    table = pd.read_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "b.csv"))
    model = load_model(fast_bundle)
    raw = pd.read_csv(listings, dtype=str)
    np.testing.assert_allclose(table["predicted_price"], model.predict(raw), atol=1e-4)
    np.testing.assert_allclose(table[["price_lower", "price_upper"]], model.predict_interval(raw), atol=1e-4)
    assert table.columns.tolist() == ["sku", *PRICE_COLUMNS]
    assert table["sku"].tolist() == NEW["sku"].tolist()
    assert (result.rows, result.abstained, result.rejected) == (40, 0, None)
    assert notes.steps == 40


def test_without_an_identifier_the_row_number_stands_there(fast_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    NEW.drop(columns="sku").to_json(path, orient="records", lines=True)
    predict_prices(PredictionRequest(fast_bundle, path, tmp_path / "prices.csv"))
    assert pd.read_csv(tmp_path / "prices.csv")["row"].tolist() == list(range(1, 41))


def test_the_columns_are_carried_along_on_request(fast_bundle: Path, listings: Path, tmp_path: Path) -> None:
    predict_prices(PredictionRequest(fast_bundle, listings, tmp_path / "p.parquet", keep_columns=True))
    table = pd.read_parquet(tmp_path / "p.parquet")
    assert table.columns.tolist() == [*NEW.columns, *PRICE_COLUMNS]
    assert table["name"].tolist() == NEW["name"].tolist()


def test_rows_that_cannot_be_priced_are_answered_for(fast_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("sku,name,maker\nA,red wooden sofa,Acme\nB,,\nC,x\nD,blue cup,Borg\n")
    result = predict_prices(PredictionRequest(fast_bundle, path, tmp_path / "prices.csv"))
    table = pd.read_csv(tmp_path / "prices.csv").set_index("sku")
    assert table.index.tolist() == ["A", "B", "D"]
    assert table["abstained"].tolist() == [False, True, False]
    assert table.loc["B"].isna().tolist() == [True, True, True, False, False]
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected["row"].tolist() == [2, 3]
    assert rejected["reason"].tolist() == [table.loc["B", "reason"], "too few fields: 2, expected 3"]
    assert (result.rows, result.abstained, sum(result.rejected_counts.values())) == (3, 1, 2)


def test_a_source_that_breaks_off_leaves_nothing(fast_bundle: Path, listings: Path, tmp_path: Path) -> None:
    whole = tmp_path / "new.parquet"
    pd.read_csv(listings).to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(ReadError):
        predict_prices(PredictionRequest(fast_bundle, whole, tmp_path / "out" / "prices.csv"))
    assert list((tmp_path / "out").iterdir()) == []


def test_the_input_is_not_written_over(fast_bundle: Path, listings: Path) -> None:
    with pytest.raises(ConfigError, match="another file"):
        predict_prices(PredictionRequest(fast_bundle, listings, listings))


def test_a_file_of_other_columns_is_an_error(fast_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="name"):
        predict_prices(PredictionRequest(fast_bundle, tmp_path / "other.csv", tmp_path / "prices.csv"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_number_of_rows_is_guessed_for_the_progress(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new{suffix}"
    NEW.to_csv(path, index=False) if suffix == ".csv" else NEW.to_parquet(path)
    assert predicting._expected_rows(path) == 40
    assert predicting._expected_rows("sqlite://") == 0


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(
    fast_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak(rows: int) -> int:
        listings_frame(rows, seed=7).to_csv(tmp_path / "new.csv", index=False)
        tracemalloc.start()
        try:
            predict_prices(
                PredictionRequest(fast_bundle, tmp_path / "new.csv", tmp_path / "p.csv", chunk_rows=500)
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # blocks smaller than either file, so that reading is not what grows
    monkeypatch.setattr(readers, "byte_blocks", lambda path, limits: _small_blocks(path))
    peak(1_000)
    assert peak(8_000) < 1.3 * peak(2_000)


def _small_blocks(path: Path) -> Any:
    with path.open("rb") as file:
        while block := file.read(1 << 15):
            yield block

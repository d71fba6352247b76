"""The benchmark of the store runs, and its market is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.price_store import Market, main


def test_the_benchmark_prints_plans_and_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [
        "--observations",
        "3000",
        "--products",
        "300",
        "--times",
        "2",
        "--out",
        str(tmp_path / "out.json"),
    ]
    # whether bars are reached depends on what else the machine does
    assert main([*small, "--folder", str(tmp_path)]) in (0, 1)
    printed = capsys.readouterr().out
    # a history is one stretch of the table
    assert "SEARCH observations USING PRIMARY KEY (listing=? AND observed_at>? AND observed_at<?)" in printed
    assert "SEARCH market_prices USING PRIMARY KEY" in printed and "SCAN" not in printed
    document = json.loads(printed.splitlines()[-1])
    assert len(document["rows"]) == 6 and all(row["ours"] > 0 for row in document["rows"])


def test_no_observation_of_the_market_comes_twice() -> None:
    market = Market(900, products=100, sellers=3)
    seen = [one for chunk in market.chunks() for one in chunk]
    assert len({(one.sku, one.seller, one.observed_at) for one in seen}) == len(seen) == 900
    assert max(one.observed_at for one in seen) == market.end

"""The scores of the forecast benchmark, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.forecast import CHRISTMAS, OURS, Trial, rows_of, scores
from benchmarks.forecast_peers import Said
from benchmarks.grocery_sales import SalesSet


def trial(ours: float, theirs: float) -> Trial:
    """Return a series that moved by 2 a week, then sold 5 and 3, and two forecasters who said one number."""
    flat = {OURS: np.full((1, 2), ours), "ETS": np.full((1, 2), theirs)}
    said = {name: Said(units, units - 1, units + 1, units) for name, units in flat.items()}
    return Trial(np.array([[0.0, 3.0, 5.0]]), np.array([1]), np.array([[5.0, 3.0]]), said)


def test_scores_by_hand() -> None:
    found = scores([trial(4.0, 6.0)], "ETS")
    assert found["wape"] == pytest.approx((1 + 3) / 8)
    assert found["rmsse"] == pytest.approx(
        np.sqrt((1 + 9) / 2 / 4)
    )  # weeks before the first sale do not count
    low, middle, high = 0.05 * 0 + 0.95 * 2, 0.5 * 1 + 0.5 * 3, 0.05 * 2 + 0.05 * 4
    assert found["pinball"] == pytest.approx((low + middle + high) / 3 / 8)
    assert found["coverage_90"] == 0.5


def test_bars_ask_to_be_below_the_best_peer_and_weekly_intervals_to_hold() -> None:
    rows = {row.metric: row for row in rows_of("weekly", [trial(4.0, 6.0)])}
    assert rows["wape"].ok is True and rows["wape"].bar == "< 0.5"
    assert rows["coverage_90"].ok is False
    assert rows_of("weekly", [trial(9.0, 6.0)])[0].ok is False
    assert {row.metric: row for row in rows_of(CHRISTMAS, [trial(4.0, 6.0)])}["coverage_90"].ok is None


def test_a_set_is_cut_before_the_origin() -> None:
    keys = pd.DataFrame({"sku": ["a"], "store": ["s"], "category": ["tea"]})
    data = SalesSet("x", keys, np.array([[2.0, 0.0, 7.0]]), np.array([[1.0, 1.5, 9.0]]), "weekly")
    sales = data.checked(2).sales
    assert sales["units"].tolist() == [2.0] and sales["price"].tolist() == [1.0]
    assert data.path(2, 3)["price"].tolist() == [9.0]

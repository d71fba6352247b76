"""Levels of demand against pandas' own smoothing, and how long a stock lasts against drawn customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import DataError
from pricelm.decisions.forecasting import demand_levels
from pricelm.decisions.inventory import stock_cover


def test_levels_are_those_of_pandas_at_the_weight_that_missed_least() -> None:
    rng = np.random.default_rng(3)
    demand = rng.poisson(np.linspace(20, 60, 40), size=(25, 40)).astype(float)
    found = demand_levels(demand)
    for row, units, deviation, weight in zip(demand, found.units, found.deviation, found.weight, strict=True):
        missed = {}
        for one in (0.05, 0.1, 0.2, 0.3, 0.5):
            started = pd.Series([row[:4].mean(), *row[4:]])
            smooth = started.ewm(alpha=one, adjust=False).mean()
            missed[one] = float(((row[4:] - smooth[:-1]) ** 2).mean()), float(smooth.iloc[-1])
        best = min(missed, key=lambda one: missed[one][0])
        assert weight == best
        assert units == pytest.approx(missed[best][1])
        assert deviation == pytest.approx(max(missed[best][0] ** 0.5, units**0.5))


def test_gaps_are_passed_over_and_few_periods_say_nothing() -> None:
    rng = np.random.default_rng(4)
    dense = rng.poisson(30.0, 20).astype(float)
    sparse = np.full(40, np.nan)
    sparse[::2] = dense
    found = demand_levels(np.array([sparse, np.concatenate([np.full(20, np.nan), dense])]))
    assert found.units[0] == found.units[1] == demand_levels(dense[None]).units[0]
    few = np.full((1, 12), np.nan)
    few[0, :7] = 5.0
    assert np.isnan(demand_levels(few).units[0])


def test_a_sold_out_week_raises_a_level_and_never_lowers_it() -> None:
    flat = np.full((1, 12), 50.0)
    low, high = flat.copy(), flat.copy()
    low[0, -1], high[0, -1] = 10.0, 90.0
    sold_out = np.zeros((1, 12), dtype=bool)
    sold_out[0, -1] = True
    assert demand_levels(low).units[0] < 50
    assert demand_levels(low, sold_out).units[0] == 50
    assert demand_levels(high, sold_out).units[0] == demand_levels(high).units[0] > 50


def test_units_below_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="0 or more"):
        demand_levels(np.array([[1.0, -1.0]]))
    with pytest.raises(DataError, match="above 0"):
        stock_cover(10, units=0, deviation=1)


@settings(max_examples=40, deadline=None)
@given(stock=st.floats(0, 1e5), units=st.floats(0.01, 1e4), share=st.floats(0, 2), level=st.floats(0.5, 0.99))
def test_the_ends_of_a_cover_are_where_the_stock_meets_the_quantile(
    stock: float, units: float, share: float, level: float
) -> None:
    cover = stock_cover(stock, units, share * units, period_days=1.0, level=level)
    z = float(np.sqrt(2)) * _inverse_erf(level)
    assert cover.low * (1 - 1e-9) <= cover.days <= cover.high * (1 + 1e-9)
    for days, side in ((cover.low, 1), (cover.high, -1)):
        asked = units * days + side * z * share * units * days**0.5
        assert asked == pytest.approx(stock, rel=1e-6, abs=1e-6 * units)


def _inverse_erf(value: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(value))


def test_drawn_customers_empty_the_stock_within_the_interval_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    cover = stock_cover(400, units=10, deviation=10**0.5, period_days=1.0)
    gone = (rng.poisson(10.0, size=(4_000, 90)).cumsum(axis=1) >= 400).argmax(axis=1) + 1
    inside = ((gone >= cover.low) & (gone <= cover.high)).mean()
    assert inside == pytest.approx(0.9, abs=0.04)

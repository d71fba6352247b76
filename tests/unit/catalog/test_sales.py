"""Sales: which column is which, which rows are out, and the names of what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.sales import CheckedSales, check_sales, read_sales
from pricelm.catalog.sales_columns import infer_sales_columns
from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand.panel import weekly_panel


def checked(rows: list[dict[str, object]]) -> CheckedSales:
    base = {"sku": "a", "store": "s", "date": "2024-01-01", "price": 2.0, "units": 5}
    frame = pd.DataFrame([{**base, **row} for row in rows])
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return check_sales(frame, infer_sales_columns(frame))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"units": -1}, "negative units"),
        ({"units": "many"}, "units are not a number"),
        ({"units": 1e12}, "units are absurd"),
        ({"price": 0}, "price is zero"),
        ({"price": "free"}, "price is not a number"),
        ({"date": "soon"}, "not a date"),
        ({"sku": ""}, "no product"),
    ],
)
def test_rows_are_rejected_with_a_reason(row: dict[str, object], reason: str) -> None:
    weeks = [{"date": f"2024-01-{8 + 7 * number:02d}"} for number in range(3)]
    found = checked([*weeks, row])
    assert len(found.sales) == 3
    [rejected] = found.rejected.to_dict("records")
    assert rejected["row"] == 4
    assert rejected["reason"].startswith(reason)


def test_two_rows_for_one_week_are_both_out_and_a_repeated_row_only_once() -> None:
    found = checked([{"units": 5}, {"units": 6}, {"date": "2024-01-08"}, {"date": "2024-01-08"}])
    assert found.counts == {"duplicated week": 2, "repeated row": 1}
    assert found.sales["units"].tolist() == [5]


def test_purchases_of_customers_are_added_up_and_quiet_weeks_are_zero() -> None:
    rows = [
        {"customer": "x", "units": 2},
        {"customer": "y", "units": 3},
        {"customer": "x", "units": 1, "date": "2024-01-15"},
    ]
    panel = weekly_panel(checked(rows))
    assert panel.rows["units"].tolist() == [5, 0, 1]
    assert panel.rows["price"].tolist() == [2, 2, 2]


def test_a_missing_week_without_customers_stays_missing() -> None:
    panel = weekly_panel(checked([{}, {"date": "2024-01-15"}]))
    assert panel.rows["period"].diff().tolist()[1] == 2


def test_daily_rows_become_weeks_and_months_stay_months() -> None:
    days = weekly_panel(checked([{"date": f"2024-01-{day:02d}", "units": day} for day in range(1, 15)]))
    assert days.rows["units"].tolist() == [28, 77]
    months = weekly_panel(checked([{"date": f"2024-{month:02d}-01"} for month in range(1, 13)]))
    assert len(months.rows) == 12
    assert months.period_days == pytest.approx(30.4, abs=0.1)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("currency change", [{"currency": "EUR"}, {"currency": "EUR", "sku": "b"}, {"currency": "USD"}]),
        ("currency change", [{"price": "€2"}, {"price": "€2", "sku": "b"}, {"price": "$2"}]),
        ("unit change", [{"unit": "kg"}, {"unit": "kg"}, {"unit": "piece"}]),
        ("unit change", [{}, {}, {"price": 24}]),
    ],
)
def test_a_product_whose_prices_change_their_meaning_is_refused(
    name: str, rows: list[dict[str, object]]
) -> None:
    dates = ["2024-01-01", "2024-01-08", "2024-01-15"]
    found = checked([{**row, "date": date} for row, date in zip(rows, dates, strict=True)])
    assert found.refusals["a"].startswith(name)
    assert "b" not in found.refusals
    assert "a" not in set(weekly_panel(found).usable["sku"])


def test_costs_above_prices_are_told() -> None:
    found = checked([{"unit_cost": 3.0}, {"unit_cost": 1.0, "date": "2024-01-08"}])
    assert any("costs above prices" in warning for warning in found.warnings)


def test_flags_may_be_words_numbers_or_names() -> None:
    values = ["yes", "no", "", "front of store", "0.5", "0"]
    rows = [{"display": value, "date": f"2024-02-{day:02d}"} for day, value in enumerate(values, 1)]
    assert checked(rows).sales["display"].tolist() == [1, 0, 0, 1, 0.5, 0]


def test_stock_tells_sold_out_from_nothing_to_sell() -> None:
    rows = [{"on_hand": 5, "units": 5}, {"on_hand": 0, "units": 0}, {"on_hand": 9, "units": 5}]
    panel = weekly_panel(checked([{**row, "date": f"2024-01-{1 + 7 * n:02d}"} for n, row in enumerate(rows)]))
    assert panel.rows["sold_out"].tolist() == [True, False, False]
    assert panel.rows["stocked"].tolist() == [True, False, True]


def test_columns_are_found_in_two_languages_and_corrected() -> None:
    columns = infer_sales_columns(pd.DataFrame(columns=["货号", "日期", "售价", "销量", "促销", "成本"]))
    assert (columns.sku, columns.units, columns.unit_cost, columns.promotions) == (
        "货号",
        "销量",
        "成本",
        ("促销",),
    )
    frame = pd.DataFrame(columns=["sku", "date", "price", "units", "amount"])
    assert infer_sales_columns(frame, {"units": "amount"}).units == "amount"
    with pytest.raises(DataError, match="no column 'x'"):
        infer_sales_columns(frame, {"units": "x"})
    with pytest.raises(ConfigError, match="'color'"):
        infer_sales_columns(frame, {"color": "sku"})
    with pytest.raises(DataError, match="column of date and of units"):
        infer_sales_columns(pd.DataFrame(columns=["sku", "price"]))


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("sku,date,price,units\na,2024-01-01,2,-1\n")
    with pytest.raises(DataError, match="negative units"):
        read_sales(path)


def test_every_row_is_kept_or_rejected() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"sku": rng.choice(["a", "b", ""]), "units": int(rng.integers(-2, 9)), "date": f"2024-01-{d:02d}"}
        for d in rng.integers(1, 29, 80)
    ]
    found = checked(rows)
    assert sorted([*found.sales.index, *found.rejected["row"]]) == list(range(1, 81))

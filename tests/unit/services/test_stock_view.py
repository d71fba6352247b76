"""What the page of stock shows, against closed forms; and what it says where the store lacks something."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd
import pytest

from pricelm.services.demand_now import weekly_demand
from pricelm.services.first_plan import plan_from_source
from pricelm.services.known_products import KnownProducts, known_products
from pricelm.services.market_memory import LoadRequest, load_market
from pricelm.services.stock_view import StockOverview, StockView
from pricelm.services.stocking import StockTerms
from pricelm.services.stored_sales import Missing, StoredSales, stored_sales
from pricelm.services.worklist import WorkLists
from pricelm.storage.database import Store, open_store
from tests.store_samples import observe, write_products

TODAY = date(2026, 3, 3)
TEA = {
    "sku": "tea",
    "title": "green tea",
    "price": 5.0,
    "unit_cost": 2.0,
    "on_hand": 90,
    "lead_time_days": 14,
}
CUP = {"sku": "cup", "title": "red cup", "price": 9.0, "unit_cost": 4.0, "on_hand": 500, "lead_time_days": 7}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def load(url: str, folder: Path, kind: str, rows: list[dict[str, Any]]) -> None:
    file = folder / f"{kind}.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    load_market(url, LoadRequest(kind, file, folder=folder))


def weekly(sku: str, units: float, weeks: int = 20, **more: Any) -> list[dict[str, Any]]:
    days = [date(2026, 3, 1) - timedelta(weeks=back) for back in range(weeks)]
    return [{"sku": sku, "date": day, "price": 5.0, "units": units, **more} for day in days]


def overview(url: str, **terms: float) -> StockOverview | Missing:
    return StockView(WorkLists(open_store(url))).overview(StockTerms(**terms), TODAY)


def seen(url: str, **terms: float) -> dict[str, dict[str, Any]]:
    found = overview(url, **terms)
    assert isinstance(found, StockOverview)
    return {row["sku"]: row for row in found.rows}


def test_orders_are_those_of_the_newsvendor(url: str, tmp_path: Path) -> None:
    load(url, tmp_path, "listings", [TEA, CUP | {"on_order": 40}])
    load(url, tmp_path, "sales", weekly("tea", 50) + weekly("cup", 20))
    rows = seen(url, review_days=7.0, holding_rate=0.25)
    for known, units, position, periods in ((TEA, 50, 90, 3), (CUP, 20, 540, 2)):
        row = rows[str(known["sku"])]
        margin, cost = known["price"] - known["unit_cost"], known["unit_cost"]  # type: ignore[operator]
        ratio = margin / (margin + cost * 0.25 * 7 / 365.25)  # type: ignore[operator]
        # sales that never vary still come customer by customer
        level = units * periods + NormalDist().inv_cdf(ratio) * (units * periods) ** 0.5
        assert row["units"] == pytest.approx(units) and row["deviation"] == pytest.approx(units**0.5)
        assert row["point"] == row["up_to"] == pytest.approx(level)
        assert row["safety"] == pytest.approx(level - units * periods)
        assert row["cover"] == pytest.approx(known["on_hand"] / units * 7)  # type: ignore[operator]
        if position < level:
            assert (row["step"], row["date"]) == ("now", "2026-03-03")
            assert row["order"] == -(-(level - position) // 1)
            assert row["cost"] == pytest.approx(row["order"] * cost)
        else:
            days = -(-((position - level) / units * 7) // 1)
            assert (row["step"], row["order"]) == ("later", None)
            assert row["date"] == (TODAY + timedelta(days=days)).isoformat()
    assert rows["tea"]["step"] == "now" and rows["cup"]["step"] == "later"
    assert rows["tea"]["basis"] == "sales" and not rows["tea"]["planned"]


def test_the_sums_of_the_page_are_those_of_its_rows(url: str, tmp_path: Path) -> None:
    bare = {"sku": "pot", "title": "pot", "price": 3.0, "on_hand": 1, "lead_time_days": 7, "shortage": 1.0}
    listed = [
        TEA | {"order_cost": 30},
        CUP,
        bare | {"holding": 0.1},
        {"sku": "hat", "title": "hat", "price": 2},
    ]
    load(url, tmp_path, "listings", listed)
    load(url, tmp_path, "sales", [row for sku in ("tea", "cup", "pot", "hat") for row in weekly(sku, 40)])
    found = overview(url)
    assert isinstance(found, StockOverview)
    rows = {row["sku"]: row for row in found.rows}
    ordered = [row for row in found.rows if row["step"] == "now"]
    assert found.now == len(ordered) >= 2 and {"tea", "pot"} <= {row["sku"] for row in ordered}
    assert found.cost == pytest.approx(rows["tea"]["order"] * 2.0 + 30)
    assert rows["pot"]["cost"] is None and found.uncosted == 1, "without a unit cost no sum is known"
    assert (rows["hat"]["step"], rows["hat"]["why"]) == ("unknown", "no stock level")
    assert found.unknown == 1 and found.rows[-1]["sku"] == "hat"
    assert found.sold_until == date(2026, 3, 1)


def test_what_only_a_rival_sells_is_no_product(url: str, tmp_path: Path) -> None:
    observe(url, 6)
    assert overview(url) == Missing("products")
    load(url, tmp_path, "listings", [TEA])
    load(url, tmp_path, "sales", weekly("tea", 50))
    assert list(seen(url)) == ["tea"]


def test_what_is_missing_is_named(url: str, tmp_path: Path) -> None:
    without = {name: value for name, value in TEA.items() if name not in ("on_hand", "lead_time_days")}
    load(url, tmp_path, "listings", [without])
    assert overview(url) == Missing("stock")
    load(url, tmp_path, "listings", [without | {"Stock": 5}])
    assert overview(url) == Missing("lead times")
    load(url, tmp_path, "listings", [TEA, CUP | {"lead_time_days": None}])
    assert overview(url) == Missing("demand")
    load(url, tmp_path, "sales", weekly("tea", 50) + weekly("cup", 5, weeks=4))
    rows = seen(url)
    assert rows["tea"]["step"] == "now"
    assert (rows["cup"]["step"], rows["cup"]["why"]) == ("unknown", "no lead time")


def test_an_answer_is_remembered_until_something_is_loaded(url: str, tmp_path: Path) -> None:
    load(url, tmp_path, "listings", [TEA])
    load(url, tmp_path, "sales", weekly("tea", 50))
    view = StockView(WorkLists(open_store(url)))
    first = view.overview(StockTerms(), TODAY)
    assert view.overview(StockTerms(), TODAY) is first
    assert view.overview(StockTerms(review_days=14), TODAY) is not first
    load(url, tmp_path, "listings", [TEA | {"on_hand": 4}])
    second = view.overview(StockTerms(), TODAY)
    assert isinstance(second, StockOverview) and second.rows[0]["on_hand"] == 4
    load(url, tmp_path, "sales", weekly("tea", 60))
    third = view.overview(StockTerms(), TODAY)
    assert isinstance(third, StockOverview) and third.rows[0]["units"] == pytest.approx(60)


def test_products_of_a_plan_without_sales_sell_what_the_plan_expects(url: str, tmp_path: Path) -> None:
    products = write_products(tmp_path)
    frame = pd.read_csv(products)
    frame.assign(on_hand=10, lead_time_days=7).to_csv(products, index=False)
    plan_from_source(url, products, "test")
    rows = seen(url)
    assert len(rows) == 12 and all(row["basis"] == "plan" and row["units"] == 100 for row in rows.values())
    assert all(row["planned"] and row["step"] == "now" for row in rows.values())


def known(**columns: list[Any]) -> KnownProducts:
    table = pd.DataFrame({"planned": True, **columns}).set_index("sku")
    return KnownProducts(table, "EUR", 1)


def test_past_weeks_count_at_the_price_of_today(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    load(url, tmp_path, "sales", weekly("tea", 40))
    products = known(sku=["tea"], price=[4.0], own_price_elasticity=[-2.0], units=[7.0])
    found = weekly_demand(products, stored_sales(store, 52))
    assert found.loc["tea", "units"] == pytest.approx(40 * (4 / 5) ** -2)
    assert weekly_demand(products, StoredSales(None)).loc["tea", "units"] == 7.0


def test_promoted_weeks_and_weeks_without_a_sale(url: str, tmp_path: Path) -> None:
    store = open_store(url)
    calm, busy = weekly("tea", 40, weeks=24), weekly("tea", 400, weeks=24)
    mixed = [
        (loud if week % 4 == 1 else quiet) | {"promo": int(week % 4 == 1)}
        for week, (quiet, loud) in enumerate(zip(calm, busy, strict=True))
    ]
    # the sales never say 0, so that a week without a row sold nothing
    load(url, tmp_path, "sales", mixed + [row | {"sku": "cup", "promo": 0} for row in calm[::2]])
    products = known(
        sku=["cup", "tea"], price=[5.0, 5.0], own_price_elasticity=[-1.0, -1.0], units=[1.0, 1.0]
    )
    found = weekly_demand(products, stored_sales(store, 52))
    assert found.loc["tea", "units"] == pytest.approx(40)
    assert 10 < found.loc["cup", "units"] < 30


def test_prices_of_several_sources_are_read_in_order(url: str, tmp_path: Path) -> None:
    products = write_products(tmp_path)
    plan_from_source(url, products, "test")
    load(
        url,
        tmp_path,
        "listings",
        [{"sku": "p1", "title": "one", "price": 99.0, "Unit Cost": 1.5, "stock": 3}],
    )
    found = known_products(WorkLists(open_store(url))).table
    frame = pd.read_csv(products).set_index("sku")
    assert found.loc["p1", "price"] == frame.loc["p1", "price"], "a plan knows prices better than a listing"
    assert (found.loc["p1", "unit_cost"], found.loc["p1", "on_hand"], found.loc["p1", "title"]) == (
        1.5,
        3,
        "one",
    )
    assert found.loc["p2", "unit_cost"] == frame.loc["p2", "unit_cost"]


def test_stored_sales_take_a_cut_against_the_regular_price_as_a_promotion(url: str, tmp_path: Path) -> None:
    rows = weekly("tea", 40, regular_price=5.0)
    rows[2] |= {"price": 4.75}
    rows[3] |= {"price": 4.80}
    load(url, tmp_path, "sales", rows)
    store: Store = open_store(url)
    found = stored_sales(store, 52)
    assert found.checked is not None and found.flagged
    assert found.checked.sales.set_index("price")["promoted"].to_dict() == {5.0: 0.0, 4.75: 1.0, 4.8: 0.0}
    load(
        url, tmp_path, "sales", [row | {"sku": "cup", "price": 9.0, "units": 90} for row in weekly("cup", 1)]
    )
    top = stored_sales(store, 52, most_series=1)
    assert (top.products, top.left_out) == (1, 1) and top.checked is not None
    assert set(top.checked.sales["sku"]) == {"cup"}, "the one that took more money"
    assert stored_sales(store, 4).checked.sales["date"].min() == pd.Timestamp("2026-02-08")  # type: ignore[union-attr]

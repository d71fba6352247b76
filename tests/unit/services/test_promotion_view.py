"""What the page of promotions shows is what the decision layer says of the same sales without a store."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pricelm.catalog.sales import read_sales
from pricelm.core.errors import ConfigError
from pricelm.decisions.demand import weekly_panel
from pricelm.decisions.promotion import (
    CalendarLimits,
    CandidateConfig,
    candidates,
    measure_promotions,
    plan_calendar,
)
from pricelm.services.market_memory import LoadRequest, load_market
from pricelm.services.promotion_view import PromotionPlan, PromotionTerms, PromotionView
from pricelm.services.stored_sales import Missing
from pricelm.services.worklist import WorkLists
from pricelm.storage.database import open_store
from tests.unit.decisions.test_promotion import drawn_panel

TODAY = date(2024, 1, 1)
FIRST_WEEK = pd.Timestamp("2023-01-02")


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    rows = drawn_panel().rows
    dates = FIRST_WEEK + pd.to_timedelta(7 * rows["period"], unit="D")
    columns = ["sku", "store", "category", "price", "units", "promo", "unit_cost"]
    return rows.assign(date=dates)[["date", *columns]]


@pytest.fixture(scope="module")
def place(sales: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("promotions")
    url = f"sqlite:///{folder / 'store.db'}"
    # a title too: what has nothing but a sku and a category is no listing
    listings = (
        sales[["sku", "category"]].drop_duplicates("sku").assign(title=lambda one: "best " + one["sku"])
    )
    load(url, folder, "listings", listings)
    load(url, folder, "sales", sales)
    return url, folder


@pytest.fixture(scope="module")
def view(place: tuple[str, Path]) -> PromotionView:
    return PromotionView(WorkLists(open_store(place[0])))


def load(url: str, folder: Path, kind: str, rows: pd.DataFrame) -> None:
    file = folder / f"{kind}.csv"
    rows.to_csv(file, index=False)
    load_market(url, LoadRequest(kind, file, folder=folder))


def planned(view: PromotionView, **terms: Any) -> PromotionPlan:
    found = view.plan(PromotionTerms(**terms), TODAY)
    assert isinstance(found, PromotionPlan)
    return found


def test_the_calendar_is_that_of_the_sales_without_a_store(
    view: PromotionView, place: tuple[str, Path]
) -> None:
    panel = weekly_panel(read_sales(place[1] / "sales.csv"))
    known = candidates(panel, measure_promotions(panel), CandidateConfig(3, 5.0))
    wanted = plan_calendar(known, CalendarLimits(8, 900.0, 2, 1, 4))
    terms = {"budget": 900.0, "length": 3, "campaign_cost": 5.0, "most_a_week": 2}
    found = planned(view, **terms)
    assert wanted.campaigns, "nothing to compare"
    assert [(one.first, one.sku) for one in found.campaigns] == [
        (week, one.sku) for week, one in wanted.campaigns
    ]
    for one, (_, other) in zip(found.campaigns, wanted.campaigns, strict=True):
        assert (one.gain, one.spent) == (pytest.approx(other.gain), pytest.approx(other.spent))
        assert one.title == f"best {one.sku}" and one.category == one.sku[:2]
        assert (one.regular_price, one.price, one.weeks) == (3.0, 2.5, 3)
        assert one.depth == pytest.approx(1 / 6)
    assert found.gain == pytest.approx(sum(one.gain for one in found.campaigns))
    assert found.spent == pytest.approx(sum(one.spent for one in found.campaigns)) and found.spent <= 900
    assert (found.measured, found.products, found.unread) == (6, 12, 0)


def test_weeks_are_mondays_after_the_sales_and_after_today(view: PromotionView) -> None:
    found = planned(view, budget=500.0, weeks=3)
    # the last of 70 weeks begins on 2024-04-29
    assert found.mondays == [date(2024, 5, 6), date(2024, 5, 13), date(2024, 5, 20)]
    assert all(one.start == found.mondays[one.first] for one in found.campaigns)
    later = view.plan(PromotionTerms(budget=500.0, weeks=3), date(2026, 12, 2))
    assert isinstance(later, PromotionPlan) and later.mondays[0] == date(2026, 12, 7)


def test_more_money_never_earns_less_and_the_chosen_budget_is_on_the_line(view: PromotionView) -> None:
    found = planned(view, length=2)
    assert found.terms.budget is not None
    line = found.frontier
    assert line[0] == type(line[0])(0.0, 0.0, 0.0, 0)
    assert [one.budget for one in line] == sorted({one.budget for one in line}) and len(line) >= 5
    assert all(later.gain >= one.gain - 1e-6 for one, later in pairwise(line))
    assert all(one.spent <= one.budget + 1e-6 for one in line)
    [chosen] = [one for one in line if one.budget == found.terms.budget]
    assert (chosen.gain, chosen.campaigns) == (found.gain, len(found.campaigns))
    # without a word about it: half of what pays
    assert line[-1].spent / 2 <= found.terms.budget <= line[-1].spent / 2 * 1.1


def test_every_product_has_a_campaign_or_a_reason(view: PromotionView) -> None:
    poor = planned(view, budget=1.0, length=2)
    assert poor.campaigns == [] and poor.gain == 0
    reasons = {one.sku: one.reason for one in poor.left_out}
    assert len(reasons) == len(poor.left_out) == 12
    assert {reasons[f"c{one}p0"] for one in range(3)} == {"over budget"}
    assert all(one.uplift is not None and one.gain is not None for one in poor.left_out[:3])
    assert {reasons[f"c{one}p{other}"] for one in range(3) for other in (1, 2, 3)} == {"never promoted"}
    some = planned(view, budget=poor.left_out[0].spent, length=2, weeks=2)
    chosen = {one.sku for one in some.campaigns}
    assert len(chosen) == 1 and chosen.isdisjoint(one.sku for one in some.left_out)
    assert {one.reason for one in some.left_out} <= {"others earn more", "over budget", "never promoted"}


def test_a_discount_that_eats_the_margin_is_left_out_as_losing(view: PromotionView) -> None:
    dear = planned(view, campaign_cost=1e6, budget=1e9)
    assert dear.campaigns == [] and {one.reason for one in dear.left_out} == {"loses", "never promoted"}
    assert dear.frontier[-1].budget == 1e9


def test_what_is_missing_is_named(sales: pd.DataFrame, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    view = PromotionView(WorkLists(open_store(url)))

    def answer() -> Any:
        return view.plan(PromotionTerms(), TODAY)

    assert answer() == Missing("sales")
    load(url, tmp_path, "sales", sales.drop(columns=["promo", "unit_cost"]))
    assert answer() == Missing("flags")
    load(url, tmp_path, "sales", sales.drop(columns=["unit_cost"]))
    assert answer() == Missing("costs")
    costs = sales[["sku"]].drop_duplicates().assign(title="a thing", unit_cost=1.0)
    load(url, tmp_path, "listings", costs)
    found = answer()
    assert isinstance(found, PromotionPlan)
    weighed = {one.sku for one in found.left_out if one.gain is not None}
    assert weighed == {"c0p0", "c1p0", "c2p0"}, "costs of listings do where sales have none"
    assert answer() is found
    load(url, tmp_path, "sales", sales.assign(promo=0))
    assert answer() == Missing("campaigns")


@pytest.mark.parametrize(
    "wrong", [{"weeks": 0}, {"weeks": 27}, {"length": 9}, {"budget": -1.0}, {"budget": float("nan")}]
)
def test_terms_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        PromotionTerms(**wrong)

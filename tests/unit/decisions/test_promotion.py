"""Promotions against effects that were drawn in, and calendars against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand.panel import SalesPanel
from pricelm.decisions.promotion import (
    CalendarLimits,
    Candidate,
    PromotionConfig,
    PromotionStudy,
    candidates,
    find_campaigns,
    measure_promotions,
    plan_calendar,
    shortlist,
)


def drawn_panel(seed: int = 0, uplift: float = 0.8) -> SalesPanel:
    """Three categories in three stores; the first product of each is promoted in the first two stores."""
    rng = np.random.default_rng(seed)
    lines = []
    season = np.exp(0.3 * np.sin(np.arange(70) / 6) + 0.05 * rng.standard_normal(70))
    for category in range(3):
        starts = [20 + 5 * category, 45 + 5 * category]
        for store in range(3):
            for product in range(4):
                level = 60.0 * np.exp(0.3 * rng.standard_normal())
                mean = level * season
                ran = np.zeros(70)
                for start in starts if store < 2 else ():
                    during, after = slice(start, start + 2), slice(start + 2, start + 6)
                    if product == 0:
                        ran[during] = 1
                        mean[during] *= 1 + uplift
                        mean[after] *= 0.85
                    else:
                        mean[during] *= 0.8
                for week in range(70):
                    sold = float(rng.poisson(mean[week]))
                    series = (f"c{category}p{product}", f"s{store}", f"c{category}")
                    lines.append((*series, week, 3.0 - 0.5 * ran[week], sold, ran[week]))
    names = ["sku", "store", "category", "period", "price", "units", "promo"]
    rows = pd.DataFrame(lines, columns=names).sort_values(["sku", "store", "period"], ignore_index=True)
    rows = rows.assign(unit_cost=1.0, competitor_price=np.nan, sold_out=False, stocked=True)
    return SalesPanel(rows, ("promo",))


@pytest.fixture(scope="module")
def study() -> PromotionStudy:
    return measure_promotions(drawn_panel(), PromotionConfig(n_placebos=120))


def test_campaigns_are_found_across_stores() -> None:
    found = find_campaigns(drawn_panel())
    assert len(found) == 6
    assert (found[0].sku, found[0].stores, found[0].start, found[0].end) == ("c0p0", ("s0", "s1"), 20, 21)


def test_drawn_effects_are_found(study: PromotionStudy) -> None:
    true = {"uplift": 0.8, "pull_forward": -0.15, "cannibalization": -0.2, "halo": 0.0}
    for part, value in true.items():
        effects = [getattr(one, part) for one in study.effects]
        assert all(effects)
        assert np.mean([one.change for one in effects]) == pytest.approx(value, abs=0.12)
        assert sum(one.low <= value <= one.high for one in effects) >= 4
    assert all(one.uplift.low > 0 and one.uplift.p_value < 0.02 for one in study.effects if one.uplift)


def test_nothing_is_found_where_nothing_was_done() -> None:
    nothing = measure_promotions(drawn_panel(3, uplift=0.0), PromotionConfig(n_placebos=120))
    held = [one.uplift.low <= 0 <= one.uplift.high for one in nothing.effects if one.uplift]
    assert sum(held) >= 5
    assert 0.8 <= nothing.placebo_coverage["uplift"] <= 1.0


def test_what_cannot_be_measured_is_refused() -> None:
    panel = drawn_panel()
    with pytest.raises(DataError, match="no promotion flags"):
        measure_promotions(SalesPanel(panel.rows, ()))
    with pytest.raises(DataError, match="no campaign"):
        measure_promotions(SalesPanel(panel.rows.assign(promo=0.0), ("promo",)))
    with pytest.raises(ConfigError, match="placebos"):
        PromotionConfig(n_placebos=3)
    late = panel.rows[panel.rows["period"] >= 18]
    early = measure_promotions(SalesPanel(late, ("promo",)), PromotionConfig(n_placebos=30))
    assert early.effects[0].refusal.startswith("too early")


def test_candidates_weigh_margin_against_discount(study: PromotionStudy) -> None:
    panel = drawn_panel()
    found = candidates(panel, study)
    assert [one.sku for one in found] == ["c0p0", "c1p0", "c2p0"]
    one = found[0]
    assert one.price == 2.5
    rows = panel.rows[
        (panel.rows["sku"] == one.sku) & (panel.rows["promo"] == 0) & (panel.rows["period"] >= 57)
    ]
    weekly = rows.groupby("period")["units"].sum().mean()
    assert one.extra_units / weekly == pytest.approx(0.8, abs=0.15)
    assert one.spent == pytest.approx(0.5 * (weekly + one.extra_units))
    with pytest.raises(DataError, match="no unit cost"):
        candidates(SalesPanel(panel.rows.assign(unit_cost=np.nan), ("promo",)), study)


offers = st.lists(
    st.tuples(st.integers(-5, 30), st.integers(0, 12), st.integers(1, 2), st.sampled_from("ab")),
    min_size=1,
    max_size=3,
)


@given(offers, st.integers(0, 30), st.integers(1, 2), st.integers(0, 1))
@settings(max_examples=25, deadline=None)
def test_the_calendar_equals_brute_force(
    drawn: list[tuple[int, int, int, str]], budget: int, most: int, gap: int
) -> None:
    known = [
        Candidate(f"p{number}", category, length, float(gain), float(spent))
        for number, (gain, spent, length, category) in enumerate(drawn)
    ]
    limits = CalendarLimits(3, float(budget), most, 1, gap)
    choices = [(week, one) for one in known for week in range(3 - one.length + 1)]

    def allowed(plan: tuple[tuple[int, Candidate], ...]) -> bool:
        if sum(one.spent for _, one in plan) > budget:
            return False
        for week in range(3):
            runs = [one for start, one in plan if start <= week < start + one.length]
            if len(runs) > most or len({one.category for one in runs}) < len(runs):
                return False
        return all(
            one.sku != two.sku or abs(a - b) >= one.length + gap
            for (a, one), (b, two) in combinations(plan, 2)
        )

    best = max(
        sum(one.gain for _, one in plan)
        for size in range(len(choices) + 1)
        for plan in combinations(choices, size)
        if allowed(plan)
    )
    found = plan_calendar(known, limits)
    assert found.gain == pytest.approx(best)
    assert allowed(tuple(found.campaigns))
    assert found.bound >= found.gain


def test_a_shortlist_loses_next_to_nothing_whatever_the_budget() -> None:
    rng = np.random.default_rng(8)
    for length in (1, 2):
        many = [
            Candidate(f"p{one}", f"c{one % 4}", length, float(rng.normal(40, 60)), float(rng.lognormal(3, 1)))
            for one in range(60)
        ]
        room = {"weeks": 4, "most_a_week": 2, "gap_weeks": 1}
        full = plan_calendar(many, CalendarLimits(budget=1e6, **room))
        for share in (0.1, 0.3, 0.6, 1.0):
            limits = CalendarLimits(budget=full.spent * share, **room)
            kept = shortlist(many, limits)
            assert len(kept) < 30 and [one for one in many if one in kept] == kept
            best = plan_calendar(many, limits)
            assert plan_calendar(kept, limits).gain >= 0.98 * best.gain > 0


def test_a_shortlist_keeps_what_the_room_holds_and_nothing_that_loses() -> None:
    losing = [Candidate("a", "x", 1, -5.0, 1.0), Candidate("b", "x", 1, 0.0, 1.0)]
    assert shortlist(losing, CalendarLimits(weeks=4, budget=0.0)) == []
    few = [Candidate(f"p{one}", "x", 1, 1.0 + one, 2.0 + one) for one in range(5)]
    assert shortlist(losing + few, CalendarLimits(weeks=8, budget=0.0)) == few

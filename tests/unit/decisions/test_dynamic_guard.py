"""No policy ever asks a price that breaks a hard rule, the cool-down or the moves a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.core.errors import RuleError
from pricelm.decisions.dynamic import (
    POLICIES,
    Guard,
    GuardConfig,
    MarketConfig,
    RehearsalConfig,
    Shop,
    rehearse,
)
from pricelm.decisions.dynamic.guard import daily_facts
from pricelm.decisions.dynamic.market import MARKETS, market_kind
from pricelm.decisions.dynamic.registry import build_policy
from pricelm.decisions.dynamic.rehearsal import Course
from pricelm.decisions.optimization.grids import GridConfig, price_grid
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.kinds import rule_from
from pricelm.knowledge.rule import TOLERANCE
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.verdicts import judge_prices

TODAY = date(2026, 1, 5)
KINDS = [
    {"kind": "margin_floor", "margin_rate": 0.3},
    {"kind": "price_ceiling", "column": "cap"},
    {"kind": "price_floor", "amount": 7.2, "scope": {"sku": "p0"}},
    {"kind": "map_price", "column": "map_price"},
    {"kind": "maximum_step", "up": 0.06, "down": 0.1},
    {"kind": "price_ending", "endings": [0.49, 0.99]},
    {"kind": "no_touch", "start": "2026-01-10", "end": "2026-01-13"},
    {"kind": "prior_price", "minimum_reduction": 0.05},
    {"kind": "change_frequency", "min_days": 4, "scope": {"where": {"group": "g1"}}},
    {"kind": "change_count", "at_most": 1},
    {"kind": "ladder", "order": ["p0", "p1"], "min_step": 0.02},
    {"kind": "key_value_item", "max_increase": 0.05, "scope": {"sku": "p2"}},
]


def shop_of(book: RuleBook = RuleBook(), products: int = 3) -> Shop:
    frame = pd.DataFrame(
        {
            "sku": [f"p{at}" for at in range(products)],
            "price": [8.99, 9.99, 12.49][:products],
            "unit_cost": [5.0, 6.0, 7.0][:products],
            "cap": [10.0, np.nan, 14.0][:products],
            "map_price": [np.nan, 9.0, np.nan][:products],
            "group": ["g1", "g1", "g2"][:products],
            "last_changed_at": ["2026-01-03", "", "2025-11-01"][:products],
        }
    )
    facts = ProductFacts(frame, TODAY)
    unknown = np.full(products, np.nan)
    prices = price_grid(daily_facts(facts), book, (unknown, unknown), GridConfig(9, 0.3)).prices
    known = np.ones(products)
    return Shop(facts, prices, 20 * known, -2.2 * known, 0.6 * known)


def run(book: RuleBook, guard: GuardConfig, policy: str, market: str, seed: int = 0) -> tuple[Shop, Course]:
    shop = shop_of(book)
    config = RehearsalConfig(2, MarketConfig(14), seed)
    course = rehearse(
        Guard(shop, book, guard),
        market_kind(market),
        [lambda scene: build_policy(policy, scene)],
        config,
        keep_log=True,
    )[0]
    return shop, course


def broken_moves(shop: Shop, course: Course, book: RuleBook, guard: GuardConfig) -> list[str]:
    """Judge every day of every shop with the rules themselves, from facts made by hand."""
    found = []
    products = len(shop.facts)
    for copy in range(course.column.shape[1] // products):
        rows = np.arange(copy * products, (copy + 1) * products)
        standing, changed = shop.start.copy(), [date(2026, 1, 3), date(2015, 1, 1), date(2025, 11, 1)]
        past = [shop.facts.price] * 30
        for day, column in enumerate(course.column[:, rows]):
            today = TODAY + timedelta(days=day)
            price = shop.prices[np.arange(products), standing]
            asked = shop.prices[np.arange(products), column]
            frame = shop.facts.frame.assign(
                price=price,
                last_changed_at=pd.to_datetime(changed),
                lowest_price_30d=np.min(past[-30:], axis=0),
                units=shop.units,
                competitor_price=np.nan_to_num(course.rival[day, rows], nan=1.0),
            )
            facts = ProductFacts(frame, today)
            moved = np.flatnonzero(column != standing)
            verdicts = judge_prices(book, facts, asked)
            for product in moved:
                found += [
                    f"day {day} {shop.facts.skus[product]}: {one.message}"
                    for one in verdicts[product]
                    if not one.satisfied and one.kind != "ladder"
                ]
                if (today - changed[product]).days < guard.cool_down_days:
                    found.append(f"day {day}: cool-down")
                changed[product] = today
            for rule in book.coupling_rules:
                for tie in rule.inequalities(facts):
                    if tie.slack(asked) < min(0.0, tie.slack(price)) - TOLERANCE:
                        found.append(f"day {day}: {tie.text}")
            limits = [rule.limit for rule in book.portfolio_rules if rule.kind == "change_count"]
            if guard.max_moves_a_day is not None:
                limits.append(guard.max_moves_a_day)
            if limits and len(moved) > min(limits):
                found.append(f"day {day}: {len(moved)} moves")
            standing = column.astype(int)
            past.append(asked)
    return found


@settings(max_examples=25, deadline=None)
@given(
    chosen=st.lists(st.sampled_from(range(len(KINDS))), unique=True, max_size=5),
    policy=st.sampled_from(sorted(POLICIES)),
    market=st.sampled_from(sorted(MARKETS)),
    cool_down=st.sampled_from([1, 2, 5]),
    moves=st.sampled_from([None, 0, 1, 2]),
    seed=st.integers(0, 1000),
)
def test_no_policy_breaks_a_hard_rule_the_cool_down_or_the_moves(
    chosen: list[int], policy: str, market: str, cool_down: int, moves: int | None, seed: int
) -> None:
    book = RuleBook(tuple(rule_from({"id": f"r{at}", **KINDS[at]}) for at in chosen))
    guard = GuardConfig(cool_down, moves)
    shop, course = run(book, guard, policy, market, seed)
    assert broken_moves(shop, course, book, guard) == []
    # what is logged is what was possible
    assert (course.propensity > 0).all() and course.probabilities is not None
    assert np.allclose(course.probabilities.sum(axis=2), 1, atol=1e-5)


def test_the_judge_of_the_property_sees_what_is_wrong() -> None:
    book = RuleBook((rule_from({"id": "s", "kind": "maximum_step", "up": 0.01, "down": 0.01}),))
    shop, course = run(RuleBook(), GuardConfig(1), "thompson", "stationary")
    found = broken_moves(shop, course, book, GuardConfig(9, 0))
    assert any("maximum step" in one for one in found)
    assert any("cool-down" in one for one in found) and any("moves" in one for one in found)


def test_tables_of_steady_rules_say_what_the_rules_say_day_by_day() -> None:
    book = RuleBook(tuple(rule_from({"id": f"r{at}", **KINDS[at]}) for at in range(6)))
    guard = Guard(shop_of(book), book)
    asked_daily = Guard(shop_of(book), book)
    asked_daily._asked = asked_daily._price_rules
    asked_daily._steady_kept = np.repeat(guard.shop.fresh[:, None, :], 9, axis=1)
    asked_daily._steady_kept[:, np.arange(9), np.arange(9)] = True
    rng = np.random.default_rng(3)
    first = guard._first_day()
    for _ in range(20):
        state = replace(first, day=5, current=rng.integers(0, 9, 3), changed=rng.integers(-9, 5, 3))
        assert np.array_equal(guard.verdicts(state)[0], asked_daily.verdicts(state)[0])


def test_soft_rules_cost_and_do_not_forbid() -> None:
    soft = RuleBook((rule_from({"id": "f", "kind": "price_floor", "amount": 9.5, "penalty": 3.0}),))
    guard = Guard(shop_of(), soft, GuardConfig(1))
    allowed, penalty = guard.allowed(guard._first_day())
    assert allowed[1, 0] and penalty[1, 0] == pytest.approx(-3 * (9.5 - guard.shop.prices[1, 0]))


def test_a_price_that_no_rule_allows_stands_and_is_counted() -> None:
    book = RuleBook((rule_from({"id": "f", "kind": "price_floor", "amount": 50}),))
    _, course = run(book, GuardConfig(1), "thompson", "stationary")
    assert course.stuck == course.units.size and course.moves.sum() == 0


def test_a_rule_on_a_column_that_is_not_there_is_refused() -> None:
    book = RuleBook((rule_from({"id": "c", "kind": "price_ceiling", "column": "no_such"}),))
    with pytest.raises(RuleError, match="no_such"):
        Guard(shop_of(), book)


def test_a_competitor_rule_holds_where_there_is_a_competitor() -> None:
    book = RuleBook((rule_from({"id": "c", "kind": "competitor_position", "at_most": 1.02}),))
    shop, course = run(book, GuardConfig(1), "thompson", "competitor")
    assert broken_moves(shop, course, book, GuardConfig(1)) == [] and course.moves.sum() > 0


def test_a_competitor_rule_leaves_free_where_there_is_none() -> None:
    book = RuleBook((rule_from({"id": "c", "kind": "competitor_position", "at_most": 0.5}),))
    _, course = run(book, GuardConfig(1), "thompson", "stationary")
    assert course.stuck == 0 and course.moves.sum() > 0

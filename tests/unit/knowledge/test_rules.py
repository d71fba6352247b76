"""Rules: everything registered behaves alike, each says what it should, and files are not trusted."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import DataError, LimitError, PricelmError, ReadError, RuleError
from pricelm.knowledge.facts import ProductFacts, Scope
from pricelm.knowledge.kinds import KINDS, describe_kind, example_of, rule_from
from pricelm.knowledge.rule import CouplingRule, PortfolioRule, PriceRule
from pricelm.knowledge.rule_files import MAX_BYTES, load_rules, parse_rules
from pricelm.knowledge.verdicts import judge_prices, judge_totals

TODAY = date(2026, 12, 24)


def shop() -> ProductFacts:
    """Return four products with every column that the examples of the kinds name."""
    frame = pd.DataFrame(
        {
            "sku": ["s", "m", "l", "pack"],
            "price": [4.0, 6.0, 9.0, 11.0],
            "unit_cost": [2.0, 3.0, 6.0, 7.0],
            "units": [100.0, 50.0, 20.0, 10.0],
            "category": ["Home/Kitchen", "Home", "Homeware", "Home/Bath"],
            "brand": ["Acme", "Acme", "Zed", "Zed"],
            "price_ceiling": [5.0, np.nan, 10.0, 12.0],
            "map_price": [np.nan, 5.5, np.nan, np.nan],
            "last_changed_at": ["2026-12-20", "2026-01-01", None, None],
            "lowest_price_30d": [3.5, 6.0, 9.0, np.nan],
            "competitor_price": [4.2, 5.0, np.nan, 12.0],
            "observed_at": ["2026-12-23", "2026-10-01", None, "2026-12-24"],
            "key_value_item": ["yes", "no", "", "1"],
            "stock": [700.0, 10.0, 0.0, 5.0],
            "family": ["f", "f", "f", ""],
            "style": ["x", "x", "", ""],
            "size": [1.0, 2.0, 4.0, 1.0],
            "pack_of": ["", "", "", "s"],
            "pack_count": [np.nan, np.nan, np.nan, 3.0],
        }
    )
    return ProductFacts(frame, TODAY, "EUR")


def rule(kind: str, **settings: Any) -> Any:
    return rule_from({"id": "r", "kind": kind, **settings})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_that_reads_and_works(kind: str) -> None:
    [made] = parse_rules(f"version: 1\nrules:\n{example_of(kind)}").rules
    facts = shop()
    prices = facts.price[:, None] * np.linspace(0.7, 1.3, 7)
    units = np.full(prices.shape, 10.0)
    if isinstance(made, PriceRule):
        slack = made.slack(facts, prices, units)
        assert slack.shape == prices.shape and not np.isnan(slack).any()
        assert (slack < 0).any() or np.isinf(slack).all() or kind == "markdown_exit"
        low, high = made.bounds(facts)
        assert (low <= high).all()
        inside = (prices >= low[:, None] - 1e-9) & (prices <= high[:, None] + 1e-9)
        assert inside[slack >= 0].all(), "bounds never exclude a price that keeps the rule"
    elif isinstance(made, PortfolioRule):
        assert made.usage(facts, prices, units).shape == prices.shape
        assert np.isfinite(made.limit)
    else:
        assert isinstance(made, CouplingRule) and made.inequalities(facts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_minds_its_scope_and_says_what_it_is(kind: str) -> None:
    [made] = parse_rules(f"version: 1\nrules:\n{example_of(kind)}\n  scope: {{sku: nobody}}").rules
    facts, prices = shop(), shop().price[:, None]
    if isinstance(made, PriceRule):
        assert np.isinf(made.slack(facts, prices, prices)).all()
    elif isinstance(made, PortfolioRule):
        assert not made.usage(facts, prices, prices).any()
    elif kind != "pack_price":
        assert made.inequalities(facts) == []
    told = describe_kind(kind)
    assert told["summary"].endswith(".") and told["settings"] and told["version"] >= 1


@pytest.mark.parametrize(
    ("kind", "settings", "kept", "broken"),
    [
        ("margin_floor", {"margin_rate": 0.5}, {"s": 4.0}, {"s": 3.99}),
        ("margin_floor", {"unit_margin": 2.5}, {"s": 4.5}, {"s": 4.49}),
        ("price_floor", {"amount": 3}, {"s": 3.0}, {"s": 2.99}),
        ("price_ceiling", {"column": "price_ceiling"}, {"s": 5.0, "m": 99.0}, {"s": 5.01}),
        ("map_price", {}, {"m": 5.5, "s": 0.5}, {"m": 5.49}),
        ("maximum_step", {"up": 0.1, "down": 0.25}, {"s": 4.4, "m": 4.5}, {"s": 4.41, "m": 4.49}),
        ("change_frequency", {"min_days": 5}, {"s": 4.0, "m": 9.0}, {"s": 4.1}),
        ("change_frequency", {"min_days": 4}, {"s": 9.0}, {}),
        ("no_touch", {"start": "2026-12-20", "end": "2026-12-24"}, {"s": 4.0}, {"s": 4.2, "m": 5.0}),
        ("no_touch", {"start": "2026-12-25", "end": "2026-12-26"}, {"s": 9.0}, {}),
        ("price_ending", {"endings": [0.49, 0.99]}, {"s": 3.99, "m": 6.49}, {"s": 4.0}),
        ("price_ending", {"endings": [9.99], "every": 10}, {"l": 19.99}, {"l": 9.49}),
        (
            "competitor_position",
            {"at_most": 1.1, "at_least": 0.9},
            {"s": 4.62, "l": 99.0},
            {"s": 4.63, "m": 4.4},
        ),
        (
            "competitor_position",
            {"at_most": 1.0, "observed_column": "observed_at", "max_age_days": 7},
            {"m": 9.0},
            {"s": 4.3},
        ),
        ("key_value_item", {"flag_column": "key_value_item"}, {"s": 4.0, "m": 9.0}, {"s": 4.1, "pack": 11.5}),
        (
            "key_value_item",
            {"competitor_column": "competitor_price", "max_increase": 1},
            {"s": 4.2},
            {"s": 4.21, "m": 5.5},
        ),
        # 5.00 would be a cut from 6, but no cut from the lowest price of 30 days
        ("prior_price", {"minimum_reduction": 0.1}, {"m": 5.4, "s": 4.0, "pack": 1.0}, {"m": 5.5, "s": 3.6}),
    ],
)
def test_what_a_rule_on_a_price_allows(
    kind: str, settings: dict[str, Any], kept: dict[str, float], broken: dict[str, float]
) -> None:
    facts = shop()
    for prices, expected in ((kept, True), (broken, False)):
        for sku, price in prices.items():
            row = facts.positions[sku]
            asked = facts.price.copy()
            asked[row] = price
            slack = rule(kind, **settings).slack(facts, asked[:, None])[row, 0]
            assert (slack >= -1e-9) is expected or bool(slack >= -1e-9) is expected, (sku, price, slack)


def test_a_markdown_counts_what_is_sold_until_the_exit() -> None:
    exit_rule = rule("markdown_exit", exit_date="2027-01-07", sell_through=0.9)
    facts, units = shop(), np.array([[315.0], [1.0], [1.0], [1.0]])
    slack = exit_rule.slack(facts, facts.price[:, None], units)[:, 0]
    # two weeks, 0.9 of the stock
    assert slack == pytest.approx([2 * 315 - 630, 2 - 9, 2, 2 - 4.5])
    assert np.isinf(exit_rule.slack(facts, facts.price[:, None])).all()


@pytest.mark.parametrize(
    ("kind", "settings", "prices", "slacks"),
    [
        ("ladder", {"group_by": "family", "order_by": "size", "min_step": 0.5}, [4, 6, 9, 11], [0, 0]),
        ("ladder", {"order": ["s", "l"], "min_step_amount": 1}, [4, 6, 9, 11], [4]),
        (
            "ladder",
            {"group_by": "family", "order_by": "size", "cheaper_per_size": True},
            [4, 6, 9, 11],
            [2, 2, 3, 3],
        ),
        ("family", {"group_by": "style"}, [4, 6, 9, 11], [-2, 2]),
        ("family", {"skus": ["s", "m"], "tolerance": 0.5}, [4, 6, 9, 11], [0, 5]),
        ("pack_price", {"pack_of_column": "pack_of"}, [4, 6, 9, 11], [1]),
        ("pack_price", {"pack": "pack", "parts": {"s": 1, "m": 1}, "discount": 0.1}, [4, 6, 9, 11], [-2]),
    ],
)
def test_what_a_rule_between_prices_asks(
    kind: str, settings: dict[str, Any], prices: list[float], slacks: list[float]
) -> None:
    found = rule(kind, **settings).inequalities(shop())
    assert [one.slack(np.array(prices, float)) for one in found] == pytest.approx(slacks)


@pytest.mark.parametrize(
    ("kind", "settings", "used"),
    [
        ("budget", {"amount": 9}, 1 * 10.0),
        (
            "average_margin",
            {"margin_rate": 0.5},
            sum((0.5 * p - (p - c)) * 10 for p, c in ((3, 2), (6, 3), (9, 6), (12, 7))),
        ),
        ("total_floor", {"measure": "units", "amount": 9}, -40.0),
        ("total_floor", {"measure": "revenue", "share_of_current": 1}, -300.0 + 400 + 300 + 180 + 110),
        ("price_index", {"at_most": 1}, 100 * (3 / 4.2 - 1) + 50 * (6 / 5 - 1)),
        ("change_count", {"at_most": 3}, 2.0),
    ],
)
def test_what_a_rule_on_a_sum_counts(kind: str, settings: dict[str, Any], used: float) -> None:
    prices = np.array([3.0, 6.0, 9.0, 12.0])[:, None]
    assert rule(kind, **settings).usage(shop(), prices, np.full((4, 1), 10.0)).sum() == pytest.approx(used)


def test_scopes() -> None:
    facts = shop()
    assert facts.selected(Scope(category=("Home",))).tolist() == [True, True, False, True]
    assert facts.selected(Scope(category=("Home/Kitchen",), brand=("Acme",))).tolist() == [
        True,
        False,
        False,
        False,
    ]
    assert facts.selected(Scope(where={"family": ("f",)})).sum() == 3


def test_verdicts_tell_limit_slack_and_breach() -> None:
    book = parse_rules(
        "version: 1\nrules:\n- {id: low, kind: price_floor, amount: 4}\n- {id: b, kind: budget, amount: 5}\n"
        "- {id: steps, kind: ladder, order: [s, m]}"
    )
    facts, prices = shop(), np.array([4.0, 3.0, 9.0, 11.0])
    verdicts = judge_prices(book, facts, prices)
    assert [(one.satisfied, one.bound) for one in verdicts[0]] == [(True, True), (False, False)]
    assert verdicts[1][0].slack == pytest.approx(-1) and "expected at least 4.00" in verdicts[1][0].message
    assert not verdicts[2][0].bound
    [total] = judge_totals(book, facts, prices, np.full(4, 10.0))
    assert not total.satisfied and total.slack == pytest.approx(5 - 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nrules:\n- {id: a, kind: margn_floor}", "did you mean 'margin_floor'"),
        (
            "version: 1\nrules:\n- {id: a, kind: margin_floor, margin: 1}",
            "did you mean 'unit_margin'|margin_rate",
        ),
        ("version: 1\nrules:\n- {id: a, kind: margin_floor, margin_rate: 1.5}", "from 0 to 0.99"),
        ("version: 1\nrules:\n- {id: a, kind: margin_floor, margin_rate: .nan}", "from 0 to 0.99"),
        ("version: 1\nrules:\n- {id: a, kind: margin_floor}", "margin_rate, unit_margin"),
        ("version: 1\nrules:\n- {kind: budget, amount: 1}", "the key id"),
        ("version: 1\nrules:\n- {id: a, kind: budget, amount: 1, hard: false}", "penalty"),
        ("version: 1\nrules:\n- {id: a, kind: budget, amount: 1, version: 2}", "version 1"),
        ("version: 1\nrules:\n- {id: a, kind: budget, amount: 1, scope: {brnd: x}}", "did you mean 'brand'"),
        ("version: 1\nrules:\n- {id: a, kind: ladder, order: [x, y, x]}", "circle"),
        (
            "version: 1\nrules:\n- {id: a, kind: budget, amount: 1}\n- {id: a, kind: budget, amount: 1}",
            "twice",
        ),
        ("version: 1\nrules:\n- {id: a, id: b, kind: budget, amount: 1}", "'id' twice"),
        ("version: 2\nrules: []", "version: 1"),
        ("version: 1\nrule: []", "did you mean 'rules'"),
        ("version: 1\nrules:\n- 3", "a mapping with id"),
        ("[]", "a mapping"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rules(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: &a [x]\nb: *a", LimitError),
        ("[" * 40 + "]" * 40, LimitError),
        ("a: [", ReadError),
        ("a: !!python/object/apply:os.system [ls]", ReadError),
        ("a: \x00", ReadError),
        ("version: 1\nrules: [" + "{id: a, kind: budget, amount: 1}," * 2001 + "]", LimitError),
        ("? [1, 2]\n: 3", PricelmError),
        ("version: 1\nrules:\n- {id: a, kind: budget, amount: " + "9" * 5000 + "}", PricelmError),
    ],
)
def test_a_hostile_file_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_rules(text)


def test_files_that_are_no_rules(tmp_path: Any) -> None:
    with pytest.raises(ReadError, match="no such file"):
        load_rules(tmp_path / "none.yaml")
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError, match="UTF-8"):
        load_rules(tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(LimitError, match="Split"):
        load_rules(tmp_path / "r.yaml")


def test_a_rule_that_names_a_missing_column_names_the_nearest() -> None:
    facts = shop()
    with pytest.raises(RuleError, match="did you mean 'competitor_price'"):
        rule("competitor_position", at_most=1, column="competitors_price").slack(facts, facts.price[:, None])
    with pytest.raises(RuleError, match="did you mean 'brand'"):
        facts.selected(Scope(where={"brnad": ("x",)}), "rule")
    with pytest.raises(RuleError, match="numbers in the column 'family'"):
        rule("price_floor", column="family").slack(facts, facts.price[:, None])


def test_another_currency_is_refused() -> None:
    with pytest.raises(RuleError, match=r"EUR.*USD"):
        parse_rules("version: 1\ncurrency: EUR\nrules: []").in_currency("USD")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"sku": ["a", "a"], "price": [1.0, 2.0]}, "every sku once"),
        ({"sku": ["a"], "price": [np.nan]}, "above zero"),
        ({"sku": ["a"], "price": [-1.0]}, "above zero"),
        ({"sku": ["a"]}, "'price'"),
    ],
)
def test_facts_that_cannot_be(frame: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ProductFacts(pd.DataFrame(frame))

"""Lint: it finds what no price can keep, names the smallest set, and is silent otherwise."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.lint import lint_rules, smallest_conflict
from pricelm.knowledge.rule_files import RuleBook, parse_rules


def book(*rules: str) -> RuleBook:
    return parse_rules("version: 1\nrules:\n" + "\n".join(f"- {{{rule}}}" for rule in rules))


def products(**columns: list[object]) -> ProductFacts:
    return ProductFacts(pd.DataFrame(columns), date(2026, 11, 23))


SHOP = products(
    sku=["a", "b", "c"], price=[4.0, 6.0, 9.0], unit_cost=[2.0, 3.0, 8.0], size=[1, 2, 3], f=["x"] * 3
)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            ["id: low, kind: price_floor, amount: 9", "id: high, kind: price_ceiling, amount: 5"],
            {("low", "high")},
        ),
        (
            ["id: l1, kind: ladder, order: [a, b], min_step: 0.1", "id: l2, kind: ladder, order: [b, c, a]"],
            {("l1", "l2")},
        ),
        (["id: l1, kind: ladder, order: [a, b]", "id: l2, kind: ladder, order: [b, a]"], set()),
        (
            [
                "id: low, kind: price_floor, amount: 3.2",
                "id: high, kind: price_ceiling, amount: 3.4",
                "id: end, kind: price_ending, endings: [0.99]",
            ],
            {("low", "high", "end")},
        ),
        (["id: low, kind: price_floor, amount: 3", "id: high, kind: price_ceiling, amount: 5"], set()),
    ],
)
def test_rules_alone(rules: list[str], expected: set[tuple[str, ...]]) -> None:
    assert {finding.rules for finding in lint_rules(book(*rules))} == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["id: m, kind: margin_floor, margin_rate: 0.5", "id: s, kind: maximum_step, up: 0.1"], {("m", "s")}),
        (
            ["id: e, kind: price_ending, endings: [0.5]", "id: s, kind: maximum_step, up: 0.01, down: 0.01"],
            {("e", "s")},
        ),
        (
            ["id: e, kind: price_ending, endings: [0.99]", "id: s, kind: maximum_step, up: 0.1, down: 0.1"],
            set(),
        ),
        # the middle product has to cost at least 8 and the last one at most 6
        (
            [
                "id: steps, kind: ladder, group_by: f, order_by: size",
                "id: low, kind: price_floor, amount: 8, scope: {sku: b}",
                "id: high, kind: price_ceiling, amount: 6, scope: {sku: c}",
            ],
            {("steps", "low", "high")},
        ),
        (["id: n, kind: price_floor, amount: 1, scope: {sku: z}"], {("n",)}),
        (
            ["id: p, kind: price_floor, amount: 99, penalty: 1", "id: s, kind: price_ceiling, amount: 5"],
            set(),
        ),
    ],
)
def test_rules_with_products(rules: list[str], expected: set[tuple[str, ...]]) -> None:
    found = {tuple(sorted(finding.rules)) for finding in lint_rules(book(*rules), SHOP)}
    assert found == {tuple(sorted(ids)) for ids in expected}


def test_a_finding_counts_products_and_says_what_each_rule_asks() -> None:
    rules = book("id: m, kind: margin_floor, margin_rate: 0.5", "id: s, kind: maximum_step, up: 0.1")
    [finding] = [one for one in lint_rules(rules, SHOP) if one.level == "error"]
    assert finding.products == 1 and finding.examples == ("c",)
    assert "at least 16.00" in finding.message and "at most 9.90" in finding.message


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_lint_agrees_with_trying_every_cent(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = np.round(rng.uniform(1, 4, 2), 2)
    step = round(float(rng.uniform(0, 0.3)), 2)
    rules = book(
        f"id: low, kind: price_floor, amount: {low}",
        f"id: high, kind: price_ceiling, amount: {high}",
        f"id: end, kind: price_ending, endings: [{rng.integers(0, 100) / 100}]",
        f"id: step, kind: maximum_step, up: {step}, down: {step}",
    )
    facts = products(sku=["a"], price=[round(float(rng.uniform(1, 4)), 2)])
    cents = np.arange(1, 1000)[None, :] / 100
    kept = np.stack([rule.slack(facts, cents)[0] >= -1e-6 for rule in rules.price_rules])
    errors = [finding for finding in lint_rules(rules, facts) if finding.level == "error"]
    assert bool(errors) is not bool(kept.all(axis=0).any())
    if errors:
        ids = [rule.id for rule in rules]
        chosen = [ids.index(name) for name in errors[0].rules]
        assert not kept[chosen].all(axis=0).any()
        for fewer in combinations(range(4), len(chosen) - 1):
            assert kept[list(fewer)].all(axis=0).any()


def test_the_smallest_conflict_may_be_one_rule() -> None:
    assert smallest_conflict(np.array([[True, False], [True, False]])) == (1,)

"""Reasons in the language of the visitor."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pricelm.core.nouns import PriceEstimate, PriceInterval, Quote
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.kinds import KINDS, rule_from
from pricelm.knowledge.rule import PriceRule
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.verdicts import judge_prices
from pricelm.models.scoring import QuoteWriter
from pricelm.services.console_users import LANGUAGES
from pricelm.services.review_reasons import why_review
from pricelm.services.rule_limits import limit_of
from pricelm.web.console.reasons import reason, review_reason, rule_name, verdict_text
from pricelm.web.console.words import read_words

FACTS = ProductFacts(
    pd.DataFrame(
        {
            "sku": ["a"], "price": [10.0], "unit_cost": [6.0], "stock": [30.0], "units": [9.0],
            "competitor_price": [9.5], "map_price": [8.0], "lowest_price_30d": [9.0],
            "last_change": ["2026-01-01"],
        }
    ),
    date(2026, 2, 1),
    "EUR",
)  # fmt: skip
RULES = [
    {"kind": "margin_floor", "margin_rate": 0.2},
    {"kind": "price_floor", "amount": 11},
    {"kind": "price_ceiling", "amount": 9},
    {"kind": "maximum_step", "up": 0.1, "down": 0.1},
    {"kind": "price_ending", "endings": [0.99]},
    {"kind": "competitor_position", "at_most": 1.1},
    {"kind": "prior_price", "minimum_reduction": 0.1},
    {"kind": "markdown_exit", "exit_date": "2026-02-15", "sell_through": 0.5},
    {"kind": "no_touch", "start": "2026-01-15", "end": "2026-03-01"},
]
ROW = {
    "action": "raise", "change": 0.1, "gain": 12.5, "low": 10.5, "high": 11.0, "broken": [],
    "holding": {"kind": "margin_floor", "rule_id": "least", "cost": 3.0},
}  # fmt: skip


def test_every_kind_of_rule_has_a_name_in_every_language() -> None:
    for language in LANGUAGES:
        words = read_words(language)
        for kind in KINDS:
            assert f"kind.{kind}" in words.texts, (language, kind)


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one["kind"])
def test_the_numbers_are_those_of_the_rule_s_own_words(rule: dict[str, object]) -> None:
    made = rule_from({"id": "r"} | rule)
    assert isinstance(made, PriceRule)
    [[verdict]] = judge_prices(RuleBook((made,)), FACTS, np.array([10.0]), np.array([9.0]))
    english, chinese = (
        verdict_text(verdict, limit_of(made, FACTS), "", read_words(language)) for language in ("en", "zh")
    )
    [asked] = made.demand_texts(FACTS)
    assert asked in english and ("breaks" in english) == (not verdict.satisfied)
    assert ("违反" in chinese) == (not verdict.satisfied)
    assert not any(word in chinese for word in ("at least", "at most", "breaks", "keeps"))


def test_why_a_price_is_proposed() -> None:
    english, chinese = read_words("en"), read_words("zh")
    said = reason(ROW, "EUR", english)
    assert said == (
        "+10.0% earns €12.50 more a period; €10.50 to €11.00 is nearly as good; "
        "held by margin floor “least”, which costs €3.00 a period"
    )
    assert reason(ROW, "EUR", chinese).startswith("+10.0%，每周期多赚 €12.50；")
    assert "gives way on budget “cap”" in reason(
        ROW | {"holding": None, "broken": [{"kind": "budget", "rule_id": "cap"}]}, "EUR", english
    )
    assert reason(ROW, "EUR", english, brief=True) == said.partition("; ")[2]
    alone = ROW | {"low": 11.0, "holding": None}
    assert reason(alone, "EUR", english, brief=True) == "the best price looked at; no rule holds it"
    assert "less" in reason(ROW | {"gain": -2.0}, "EUR", english)
    assert reason(ROW | {"action": "test first"}, "EUR", english).startswith("test first: +10.0%")
    assert "sure enough" in reason(ROW | {"action": "hold", "low": 1.0, "high": 1.0}, "EUR", english)
    stuck = ROW | {"action": "review", "broken": [{"kind": "ladder", "rule_id": "x"}]}
    assert "no price keeps price ladder “x”" in reason(stuck, "EUR", english)
    assert "all rules" in reason(ROW | {"action": "review"}, "EUR", english)


def test_a_rule_of_an_unknown_kind_keeps_its_name() -> None:
    assert "later kind" in rule_name({"kind": "later_kind", "rule_id": "x"}, read_words("zh"))


def test_why_a_listing_is_looked_at_is_said_in_every_language() -> None:
    sure = Quote("", PriceEstimate(10.0, PriceInterval(8.0, 1_200.5, 0.9)), {"lexical": 1.0, "tabular": 9.0})
    unsure = QuoteWriter(0.9, "EUR", 4.0, None).estimate(10.0, 1.0, 50.0)
    found = [
        why_review(sure, asked=30_000.0),
        why_review(sure, asked=0.5),
        why_review(sure, {"lexical": 0.5, "tabular": 0.5}),
        why_review(Quote("", unsure)),
    ]
    for one in found:
        assert one is not None
        assert review_reason(one[1], read_words("en")) == one[1]
        told = review_reason(one[1], read_words("zh"))
        # the numbers stay, the words do not
        numbers = re.findall(r"[0-9][0-9.,]*", one[1])
        assert [number.strip(",.") for number in re.findall(r"[0-9][0-9.,]*", told)] == [
            number.strip(",.") for number in numbers
        ]
        assert not re.search(r"\b(the|interval|price)\b", told)
    assert review_reason("<b>something else</b>", read_words("zh")) == "<b>something else</b>"

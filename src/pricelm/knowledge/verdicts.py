"""Verdicts: what the rules say about prices that stand."""

from __future__ import annotations

import math

import numpy as np

from pricelm.core.nouns import Verdict
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import TOLERANCE, Inequality, PriceRule
from pricelm.knowledge.rule_files import RuleBook


def judge_prices(
    book: RuleBook, facts: ProductFacts, prices: np.ndarray, units: np.ndarray | None = None
) -> list[list[Verdict]]:
    """Say for each product what the rules on it make of a price.

    Parameters
    ----------
    book : RuleBook
        The rules; those on sums are left to :func:`judge_totals`.
    facts : ProductFacts
        n products.
    prices : numpy.ndarray
        A price each, shape (n,).
    units : numpy.ndarray, optional
        Expected units a period at them, shape (n,).

    Returns
    -------
    list of list of Verdict
        For each product, only rules that say something about it.

    Examples
    --------
    >>> import pandas as pd
    >>> from pricelm.knowledge.rule_files import parse_rules
    >>> book = parse_rules("version: 1\\nrules:\\n- {id: low, kind: price_floor, amount: 3}")
    >>> facts = ProductFacts(pd.DataFrame({"sku": ["a"], "price": [4.0]}))
    >>> judge_prices(book, facts, np.array([2.5]))[0][0].message
    "breaks price floor 'low': 2.50, expected at least 3.00"
    """
    judged: list[list[Verdict]] = [[] for _ in range(len(facts))]
    sold = None if units is None else units[:, None]
    for rule in book.price_rules:
        slack = rule.slack(facts, prices[:, None], sold)[:, 0]
        rows = np.flatnonzero(np.isfinite(slack))
        asked = rule.demand_texts(facts.take(rows)) if len(rows) else []
        name = rule.name
        for row, text in zip(rows.tolist(), asked, strict=True):
            judged[row].append(_price_verdict(rule, (name, text), float(prices[row]), float(slack[row])))
    for coupling in book.coupling_rules:
        for inequality in coupling.inequalities(facts):
            verdict = _coupling_verdict(coupling.id, coupling.kind, coupling.name, inequality, prices)
            for member in inequality.rows:
                judged[member].append(verdict)
    return judged


def judge_candidates(
    book: RuleBook, facts: ProductFacts, prices: np.ndarray, units: np.ndarray
) -> list[list[Verdict]]:
    """Say for each of several prices of one product what the rules on single prices make of it.

    Parameters
    ----------
    book : RuleBook
        The rules; those that tie products to each other are left out.
    facts : ProductFacts
        One product.
    prices, units : numpy.ndarray
        Candidate prices and expected units a period at them, shape (m,).

    Returns
    -------
    list of list of Verdict
        For each price.
    """
    judged: list[list[Verdict]] = [[] for _ in range(len(prices))]
    for rule in book.price_rules:
        slack = rule.slack(facts, prices[None], units[None])[0]
        says = np.flatnonzero(np.isfinite(slack)).tolist()
        asked = rule.demand_texts(facts)[0] if says else ""
        for at in says:
            judged[at].append(_price_verdict(rule, (rule.name, asked), float(prices[at]), float(slack[at])))
    return judged


def _price_verdict(rule: PriceRule, said: tuple[str, str], price: float, slack: float) -> Verdict:
    """Say what a rule of a name, which asks for something, makes of a price."""
    name, asked = said
    kept, bound = slack >= -TOLERANCE, rule.touches(slack)
    if not kept:
        message = f"breaks {name}: {price:,.2f}, expected {asked}"
    else:
        message = f"{'at the limit of' if bound else 'keeps'} {name}: {asked}"
    return Verdict(rule.id, rule.kind, kept, bound, slack, message)


def _coupling_verdict(
    rule_id: str, kind: str, name: str, inequality: Inequality, prices: np.ndarray
) -> Verdict:
    slack = inequality.slack(prices)
    kept, bound = slack >= -TOLERANCE, -TOLERANCE <= slack < 0.01
    word = "breaks" if not kept else "at the limit of" if bound else "keeps"
    return Verdict(rule_id, kind, kept, bound, slack, f"{word} {name}: {inequality.text}")


def judge_totals(book: RuleBook, facts: ProductFacts, prices: np.ndarray, units: np.ndarray) -> list[Verdict]:
    """Say what the rules on sums make of prices and expected units, shape (n,) each."""
    judged = []
    for rule in book.portfolio_rules:
        used = float(rule.usage(facts, prices[:, None], units[:, None]).sum())
        slack = rule.limit - used
        scale = max(1.0, abs(rule.limit), abs(used))
        kept = slack >= -1e-6 * scale
        bound = kept and slack < 1e-3 * scale
        amount = f"{abs(slack):,.2f}" if math.isfinite(slack) else "?"
        word = "to spare" if kept else "missing"
        message = f"{'keeps' if kept else 'breaks'} {rule.name}: {amount} {word}"
        judged.append(Verdict(rule.id, rule.kind, kept, bound, slack, message))
    return judged

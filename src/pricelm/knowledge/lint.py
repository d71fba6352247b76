"""Lint: rules that no price can keep together, and which ones it takes to see that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.joint_lint import joint_conflicts
from pricelm.knowledge.rule import TOLERANCE, PriceRule
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.static_lint import ladder_cycles, literal_conflicts

_EXAMPLES = 3
_MOST_SINGLE_SETS = 12


@dataclass(frozen=True)
class Finding:
    """Something wrong with rules.

    Parameters
    ----------
    level : str
        ``"error"`` where no price can keep the rules, ``"warning"`` for what is only odd.
    rules : tuple of str
        Ids of the smallest set of rules that is wrong by itself.
    message : str
        What is wrong and what to do.
    products : int, default 0
        How many products it is about.
    examples : tuple of str, default ()
        Some of their skus.
    """

    level: str
    rules: tuple[str, ...]
    message: str
    products: int = 0
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-ready values."""
        return asdict(self)


def lint_rules(book: RuleBook, facts: ProductFacts | None = None) -> list[Finding]:
    """Find contradictions among hard rules.

    Parameters
    ----------
    book : RuleBook
        The rules.
    facts : ProductFacts, optional
        The products they are for; without them only what the rules alone tell is found.

    Returns
    -------
    list of Finding
        Errors first; empty when all is well.

    Raises
    ------
    RuleError
        If a rule names a column that is not there.

    Examples
    --------
    >>> from pricelm.knowledge.rule_files import parse_rules
    >>> book = parse_rules('''
    ... version: 1
    ... rules:
    ... - {id: low, kind: price_floor, amount: 9}
    ... - {id: high, kind: price_ceiling, amount: 5}
    ... ''')
    >>> lint_rules(book)[0].rules
    ('low', 'high')
    """
    findings = [Finding("error", ids, message) for ids, message in ladder_cycles(book)]
    if facts is None:
        findings += [Finding("error", ids, message) for ids, message in literal_conflicts(book)]
        return findings
    cycles = {finding.rules for finding in findings}
    findings += single_conflicts(book, facts)
    settled = {sku for finding in findings for sku in finding.examples}
    for ids, rows in joint_conflicts(book, facts):
        skus = tuple(str(facts.skus[row]) for row in rows)
        if len(ids) > 1 and ids not in cycles and not (settled & set(skus)):
            message = f"no prices of {', '.join(skus[:_EXAMPLES])} keep these rules together; relax one"
            findings.append(Finding("error", ids, message, len(rows), skus[:_EXAMPLES]))
        elif len(ids) == 1 and not (settled & set(skus)):
            message = f"no prices of {', '.join(skus[:_EXAMPLES])} can keep this rule by itself; change it"
            findings.append(Finding("error", ids, message, len(rows), skus[:_EXAMPLES]))
    return findings + _unused(book, facts)


def single_conflicts(book: RuleBook, facts: ProductFacts) -> list[Finding]:
    """Find products whose own rules leave no price, with the smallest contradicting set of each."""
    rules = [rule for rule in book.price_rules if rule.hard]
    if not rules or not len(facts):
        return []
    kept = kept_at_landmarks(rules, facts)
    stuck = np.flatnonzero(~np.any(np.all(kept, axis=0), axis=1))
    found: dict[tuple[str, ...], list[int]] = {}
    known: dict[bytes, tuple[int, ...]] = {}
    for row in stuck:
        pattern = np.unique(kept[:, row, :].T, axis=0)
        key = pattern.tobytes()
        if key not in known:
            known[key] = smallest_conflict(pattern)
        found.setdefault(tuple(rules[place].id for place in known[key]), []).append(int(row))
    by_id = {rule.id: rule for rule in rules}
    findings = []
    for ids, rows in found.items():
        first = facts.take(np.array(rows[:1]))
        asked = "; ".join(f"{by_id[one].name} asks {by_id[one].demand_texts(first)[0]}" for one in ids)
        message = f"no price of {facts.skus[rows[0]]} keeps them together: {asked}. Relax one of them"
        examples = tuple(str(facts.skus[row]) for row in rows[:_EXAMPLES])
        findings.append(Finding("error", ids, message, len(rows), examples))
    return sorted(findings, key=lambda finding: -finding.products)


def kept_at_landmarks(rules: Sequence[PriceRule], facts: ProductFacts) -> np.ndarray:
    """Tell which rule is kept at each price that can matter, bool of shape (rules, n, landmarks).

    A set of intervals, endings and fixed prices that has a common price has one at an end of an interval, or
    next to one with a good ending; so nothing else needs to be looked at.
    """
    marks = [facts.price]
    for rule in rules:
        marks += rule.landmarks(facts)
    base = np.stack(marks, axis=1)
    prices = [base, np.floor(base * 100 + 1e-6) / 100, np.ceil(base * 100 - 1e-6) / 100]
    lattices = [rule for rule in rules if hasattr(rule, "rounded")]
    prices += [rule.rounded(base, up=up) for rule in lattices for up in (True, False)]
    asked = np.concatenate(prices, axis=1)
    usable = np.isfinite(asked) & (asked > 0)
    asked = np.where(usable, asked, facts.price[:, None])
    return np.stack([rule.slack(facts, asked) >= -TOLERANCE for rule in rules])


def smallest_conflict(pattern: np.ndarray) -> tuple[int, ...]:
    """Return the smallest set of rules that no candidate keeps together.

    Parameters
    ----------
    pattern : numpy.ndarray
        Whether a rule is kept, bool of shape (candidates, rules); no row is all true.

    Examples
    --------
    >>> smallest_conflict(np.array([[True, False, True], [False, True, True]]))
    (0, 1)
    """
    broken = [place for place in range(pattern.shape[1]) if not pattern[:, place].all()]
    for size in range(1, min(len(broken), _MOST_SINGLE_SETS) + 1):
        for chosen in combinations(broken, size):
            if not bool(np.any(np.all(pattern[:, list(chosen)], axis=1))):
                return chosen
    return tuple(broken)


def _unused(book: RuleBook, facts: ProductFacts) -> list[Finding]:
    return [
        Finding("warning", (rule.id,), f"{rule.name} is about no product: {rule.scope.describe()}")
        for rule in book
        if len(facts) and not facts.selected(rule.scope, rule.name).any()
    ]

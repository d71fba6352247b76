"""Contradictions between products: ladders, families and packs against the bounds of single prices."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule import Inequality
from pricelm.knowledge.rule_files import RuleBook

_MOST_EXPLAINED = 50
_SMALLEST_PRICE = 0.01


def joint_conflicts(book: RuleBook, facts: ProductFacts) -> list[tuple[tuple[str, ...], list[int]]]:
    """Find groups of products whose coupling rules and bounds leave no prices.

    Endings and other gaps between allowed prices are not looked at, so what is found is impossible even for
    prices to a fraction of a cent.

    Parameters
    ----------
    book : RuleBook
        The rules; hard ones count.
    facts : ProductFacts
        n products.

    Returns
    -------
    list of (tuple of str, list of int)
        Ids of an irreducible contradicting set, and positions of the products; at most 50 of different sets.
    """
    couplings = [
        (rule.id, one) for rule in book.coupling_rules if rule.hard for one in rule.inequalities(facts)
    ]
    if not couplings:
        return []
    bounds = {rule.id: np.stack(rule.bounds(facts), axis=1) for rule in book.price_rules if rule.hard}
    found: dict[tuple[str, ...], list[int]] = {}
    for rows, own in _components(couplings, len(facts)):
        inside = {name: ends[rows] for name, ends in bounds.items()}
        ids = list(dict.fromkeys([*inside, *(name for name, _ in own)]))
        if _possible(ids, rows, own, inside):
            continue
        found.setdefault(_irreducible(ids, rows, own, inside), rows.tolist())
        if len(found) >= _MOST_EXPLAINED:
            break
    return list(found.items())


def _components(
    couplings: list[tuple[str, Inequality]], n: int
) -> list[tuple[np.ndarray, list[tuple[str, Inequality]]]]:
    ties = [(one.rows[0], other) for _, one in couplings for other in one.rows[1:]]
    left, right = np.array(ties).T
    graph = coo_matrix((np.ones(len(ties)), (left, right)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    by_label: dict[int, list[tuple[str, Inequality]]] = {}
    for name, one in couplings:
        by_label.setdefault(int(label[one.rows[0]]), []).append((name, one))
    order = np.argsort(label, kind="stable")
    members = dict(zip(*_split(label[order], order), strict=True))
    return [(members[key], own) for key, own in by_label.items()]


def _split(labels: np.ndarray, rows: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    return labels[starts].tolist(), np.split(rows, starts[1:])


def _possible(
    ids: list[str], rows: np.ndarray, own: list[tuple[str, Inequality]], bounds: dict[str, np.ndarray]
) -> bool:
    """Tell whether prices, to any fraction, keep the rules named."""
    low, high = np.full(len(rows), _SMALLEST_PRICE), np.full(len(rows), np.inf)
    for name in ids:
        if name in bounds:
            low, high = np.maximum(low, bounds[name][:, 0]), np.minimum(high, bounds[name][:, 1])
    if (low > high + 1e-6).any():
        return False
    place = {int(row): at for at, row in enumerate(rows)}
    active = [one for name, one in own if name in ids]
    if not active:
        return True
    matrix = np.zeros((len(active), len(rows)))
    for line, one in enumerate(active):
        for row, factor in zip(one.rows, one.coefficients, strict=True):
            matrix[line, place[row]] -= factor
    limits = -np.array([one.at_least for one in active])
    ends = np.stack([low, np.maximum(high, low)], axis=1)
    result = linprog(np.zeros(len(rows)), A_ub=matrix, b_ub=limits + 1e-6, bounds=ends, method="highs")
    return bool(result.status != 2)


def _irreducible(
    ids: list[str], rows: np.ndarray, own: list[tuple[str, Inequality]], bounds: dict[str, np.ndarray]
) -> tuple[str, ...]:
    """Drop rules one by one as long as the rest still contradicts itself."""
    kept = list(ids)
    for name in ids:
        fewer = [one for one in kept if one != name]
        if not _possible(fewer, rows, own, bounds):
            kept = fewer
    return tuple(kept)

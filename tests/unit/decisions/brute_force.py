"""Small random pricing problems, and the answer by trying every choice."""

from __future__ import annotations

from itertools import product

import numpy as np

from pricelm.decisions.optimization.problem import CrossGroup, Link, PricingProblem
from pricelm.knowledge.rule import Inequality


def random_problem(seed: int, *, links: bool = True, groups: bool = True) -> PricingProblem:
    """Return a problem of two to four products and two to four prices, often hard, sometimes impossible."""
    rng = np.random.default_rng(seed)
    n, m, rules = int(rng.integers(2, 5)), int(rng.integers(2, 5)), int(rng.integers(0, 4))
    prices = np.sort(np.round(rng.uniform(1, 10, (n, m)), 2), axis=1)
    value = np.round(rng.normal(5, 4, (n, m)), 2)
    allowed = rng.random((n, m)) > rng.choice([0.0, 0.3, 0.6])
    if rng.random() < 0.9:
        allowed[np.arange(n), rng.integers(0, m, n)] = True
    usage = np.round(rng.normal(rng.choice([0, 2]), 2, (rules, n, m)), 2)
    span = usage.max(axis=2).sum(axis=1) - usage.min(axis=2).sum(axis=1)
    limits = usage.min(axis=2).sum(axis=1) + span * rng.choice([0.02, 0.3, 0.6], rules)
    caps = np.where(rng.random(rules) < 0.3, np.round(rng.uniform(0, 3, rules), 1), np.inf)
    made_links = _links(rng, n) if links and rng.random() < 0.6 else []
    made_groups = [_group(rng, n, m, usage)] if groups and rng.random() < 0.4 else []
    ids = [f"sum {k}" for k in range(rules)]
    return PricingProblem(
        prices, value, allowed, usage, limits, caps, made_links, made_groups, ids, {"own": ~allowed}
    )


def _links(rng: np.random.Generator, n: int) -> list[Link]:
    made = []
    for number in range(int(rng.integers(1, 4))):
        low, high = (int(row) for row in rng.choice(n, 2, replace=False))
        penalty = float(rng.uniform(0, 3)) if rng.random() < 0.3 else None
        kind = rng.integers(3)
        if kind == 0:
            one = Inequality(
                (low, high), (-1.0 - float(rng.choice([0, 0.2])), 1.0), float(rng.choice([0, 1])), ""
            )
        elif kind == 1:
            one = Inequality((low, high), (float(rng.uniform(1, 3)), -1.0), 0.0, "")
        else:
            rest = [row for row in range(n) if row not in (low, high)]
            rows = (low, *rest[:1], high)
            one = Inequality(rows, (*(1.0 for _ in rows[:-1]), -1.0), 0.0, "")
        made.append(Link(f"link {number}", one, penalty))
    return made


def _group(rng: np.random.Generator, n: int, m: int, usage: np.ndarray) -> CrossGroup:
    g = int(rng.integers(2, min(n, 3) + 1))
    rows = np.sort(rng.choice(n, g, replace=False))
    factor = rng.normal(0, 0.2, (g, g, m))
    factor[np.arange(g), np.arange(g)] = 0.0
    return CrossGroup(
        rows,
        rng.uniform(0.5, 3, (g, m)),
        factor,
        np.zeros((g, m)),
        rng.normal(2, 2, (g, m)),
        usage[:, rows] / 2,
        usage[:, rows] / 4,
    )


def best_by_trying(problem: PricingProblem) -> float:
    """Return the best score over every choice; minus infinity when none keeps the hard rules."""
    n, m = problem.prices.shape
    return max(problem.score(np.array(choice)) for choice in product(range(m), repeat=n))

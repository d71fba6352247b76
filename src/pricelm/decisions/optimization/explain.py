"""Why nothing fits: the smallest set of rules whose relaxation makes prices possible."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_matrix

from pricelm.decisions.optimization.parts import tied_groups
from pricelm.decisions.optimization.problem import PricingProblem

_MOST_CELLS = 40_000
_MOST_NAMED = 5


def explain_infeasible(problem: PricingProblem) -> tuple[tuple[str, ...], str]:
    """Find the rules to relax.

    Parameters
    ----------
    problem : PricingProblem
        One that has no choice which keeps its hard rules.

    Returns
    -------
    relax : tuple of str
        Ids of the smallest set of rules to relax; among sets of one size the least important. For large
        problems the set is irreducible for sums, and the smallest of each product for its own rules.
    reason : str
        In words.
    """
    stuck = np.flatnonzero(~problem.allowed.any(axis=1))
    if len(stuck) and problem.prices.size > _MOST_CELLS:
        return _stuck_products(problem, stuck)
    if problem.prices.size <= _MOST_CELLS:
        relax = _smallest_set(problem)
    else:
        relax = _contradicting_sums(problem)
    if not relax:
        return (), "no prices were found that keep all rules, and no set of rules to relax could be proven"
    return relax, f"no prices keep all rules together; it takes relaxing {_listed(relax)}"


def _listed(ids: tuple[str, ...]) -> str:
    shown = ", ".join(repr(one) for one in ids[:_MOST_NAMED])
    return shown + (f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else "")


def _stuck_products(problem: PricingProblem, stuck: np.ndarray) -> tuple[tuple[str, ...], str]:
    names = list(problem.broken)
    masks = np.stack([problem.broken[name][stuck] for name in names])
    weight = np.array([1 + problem.priorities.get(name, 50) / 1e4 for name in names])
    cheapest = np.tensordot(weight, masks, axes=1).argmin(axis=1)
    sets = Counter(
        tuple(names[at] for at in np.flatnonzero(masks[:, row, column]))
        for row, column in enumerate(cheapest)
    )
    relax = tuple(dict.fromkeys(name for ids, _ in sets.most_common() for name in ids))
    return relax, f"{len(stuck):,} products have no price that keeps their own rules: relax {_listed(relax)}"


def _smallest_set(problem: PricingProblem) -> tuple[str, ...]:
    """Solve for the cheapest set of rules to relax: a switch a rule, which opens whatever the rule closes."""
    n, m = problem.prices.shape
    link_ids = list(dict.fromkeys(link.rule_id for link in problem.links if link.penalty is None))
    sums = [k for k in range(len(problem.limits)) if np.isinf(problem.caps[k])]
    sum_ids = [problem.portfolio_ids[k] if problem.portfolio_ids else f"sum {k}" for k in sums]
    names = list(dict.fromkeys([*problem.broken, *link_ids, *sum_ids]))
    if not names or any(len(group.rows) > 1 for group in problem.groups):
        return _contradicting_sums(problem)
    switch = {name: n * m + at for at, name in enumerate(names)}
    closed = ~problem.allowed
    for mask in problem.broken.values():
        closed &= ~mask
    lines: list[tuple[np.ndarray, np.ndarray, float, float]] = []
    cell = np.arange(n * m).reshape(n, m)
    lines += [(cell[row], np.ones(m), 1.0, 1.0) for row in range(n)]
    for name, mask in problem.broken.items():
        for row in np.flatnonzero(mask.any(axis=1)):
            used = np.append(cell[row, mask[row]], switch[name])
            lines.append((used, np.append(np.ones(len(used) - 1), -1.0), -np.inf, 0.0))
    for link in problem.links:
        if link.penalty is None:
            one = link.inequality
            used = np.concatenate([cell[row] for row in one.rows])
            entries = np.concatenate(
                [factor * problem.prices[row] for row, factor in zip(one.rows, one.coefficients, strict=True)]
            )
            open_wide = one.at_least + sum(
                float(np.abs(factor * problem.prices[row]).max())
                for row, factor in zip(one.rows, one.coefficients, strict=True)
            )
            lines.append(
                (
                    np.append(used, switch[link.rule_id]),
                    np.append(entries, open_wide),
                    one.at_least - 1e-7,
                    np.inf,
                )
            )
    for k, name in zip(sums, sum_ids, strict=True):
        usage = problem.usage[k].ravel()
        scale = max(float(np.abs(usage).max(initial=0.0)), abs(float(problem.limits[k])), 1e-9)
        most = float(problem.usage[k].max(axis=1).sum()) - float(problem.limits[k])
        entries = np.append(usage, -max(most, 0.0)) / scale
        lines.append(
            (np.append(cell.ravel(), switch[name]), entries, -np.inf, float(problem.limits[k]) / scale)
        )
    width = n * m + len(names)
    row_of = np.repeat(np.arange(len(lines)), [len(line[0]) for line in lines])
    matrix = coo_matrix(
        (np.concatenate([line[1] for line in lines]), (row_of, np.concatenate([line[0] for line in lines]))),
        shape=(len(lines), width),
    ).tocsc()
    weight = [1 + problem.priorities.get(name, 50) / 1e4 for name in names]
    result = milp(
        np.concatenate([np.zeros(n * m), weight]),
        constraints=LinearConstraint(
            matrix, np.array([line[2] for line in lines]), np.array([line[3] for line in lines])
        ),
        bounds=Bounds(np.zeros(width), np.concatenate([1.0 - closed.ravel(), np.ones(len(names))])),
        integrality=np.ones(width),
        options={"time_limit": 30.0},
    )
    if result.x is None:
        return ()
    return tuple(name for name in names if result.x[switch[name]] > 0.5)


def _contradicting_sums(problem: PricingProblem) -> tuple[str, ...]:
    """Return sums that contradict each other even for mixtures of prices, thinned out one by one."""
    hard = [k for k in range(len(problem.limits)) if np.isinf(problem.caps[k])]
    free, _ = tied_groups(problem)
    if len(free) < len(problem.prices):
        return ()
    names = problem.portfolio_ids or [f"sum {k}" for k in range(len(problem.limits))]
    relaxed: list[int] = []
    while not _mixture_exists(problem, hard):
        kept = list(hard)
        for k in hard:
            fewer = [one for one in kept if one != k]
            if not _mixture_exists(problem, fewer):
                kept = fewer
        relaxed.append(min(kept, key=lambda k: problem.priorities.get(names[k], 50)))
        hard.remove(relaxed[-1])
    return tuple(names[k] for k in relaxed)


def _mixture_exists(problem: PricingProblem, rules: list[int]) -> bool:
    """Tell whether a mixture of choices keeps some sums: no weighting of them is always passed."""
    if not rules:
        return True
    size = np.maximum(np.abs(problem.usage[rules]).max(axis=(1, 2)), 1e-9) * len(problem.prices)
    at = np.arange(len(problem.prices))
    points = [np.eye(len(rules))[one] for one in range(len(rules))] + [np.full(len(rules), 1 / len(rules))]
    vertices: list[np.ndarray] = []
    for _ in range(100):
        weights = points.pop()
        mixed = np.tensordot(weights / size, problem.usage[rules], axes=1)
        column = np.where(problem.allowed, mixed, np.inf).argmin(axis=1)
        excess = (problem.usage[rules][:, at, column].sum(axis=1) - problem.limits[rules]) / size
        if float(weights @ excess) > 1e-9:
            return False
        vertices.append(excess)
        if not points:
            table = np.array(vertices)
            # the weighting that hurts most: maximize the least excess over the choices seen
            found = linprog(
                np.r_[np.zeros(len(rules)), -1.0],
                A_ub=np.column_stack([-table, np.ones(len(table))]),
                b_ub=np.zeros(len(table)),
                A_eq=[np.r_[np.ones(len(rules)), 0.0]],
                b_eq=[1.0],
                bounds=[(0, 1)] * len(rules) + [(None, None)],
                method="highs",
            )
            if found.x is None or -float(found.fun) <= 1e-9:
                return True
            points.append(found.x[: len(rules)])
    return True

"""The efficient frontier: how much of one thing has to be given up for how much of another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.decisions.optimization.build import Assortment
from pricelm.decisions.optimization.objective import MEASURES
from pricelm.decisions.optimization.problem import CrossGroup
from pricelm.decisions.optimization.propose import joint_units
from pricelm.decisions.optimization.solve import SolverConfig, solve
from pricelm.knowledge.settings import nearest


@dataclass(frozen=True)
class FrontierPoint:
    """Totals a period of one efficient plan.

    Parameters
    ----------
    weight : float
        Share of the second measure in the mix that was optimized, 0 to 1.
    units, revenue, margin : float
        Totals; money in currency.
    """

    weight: float
    units: float
    revenue: float
    margin: float


def efficient_frontier(
    assortment: Assortment,
    *,
    against: str = "revenue",
    points: int = 9,
    solver: SolverConfig = SolverConfig(),
) -> list[FrontierPoint]:
    """Return plans of which none earns more margin without less of another measure.

    Mixes of both are optimized under all rules, so that only corners of the frontier's hull are found.

    Parameters
    ----------
    assortment : Assortment
        What is priced; expected demand counts, its risk setting does not.
    against : {"revenue", "units"}
        What margin is weighed against.
    points : int, default 9
        Mixes to try; fewer points come out where mixes agree.
    solver : SolverConfig
        Tolerance and time.

    Returns
    -------
    list of FrontierPoint
        From most margin to most of the other; empty where the rules cannot be kept.

    Raises
    ------
    ConfigError
        If ``against`` is no such measure or there are fewer than two points.
    """
    others = tuple(name for name in MEASURES if name != "margin")
    if against not in others:
        raise ConfigError(f"expected {' or '.join(others)}, got {against!r}{nearest(against, others)}")
    if not 2 <= points <= 101:
        raise ConfigError(f"expected 2 to 101 points, got {points}")
    prices, units, costs = assortment.grid.prices, assortment.units, np.nan_to_num(assortment.costs)
    each = {"margin": prices - costs, "revenue": prices, "units": np.ones_like(prices)}
    current = np.arange(len(prices)), assortment.grid.current
    scale = {name: max(float(np.abs((one * units)[current].sum())), 1e-9) for name, one in each.items()}
    found: list[FrontierPoint] = []
    for weight in np.linspace(0.0, 1.0, points):
        per_unit = (1 - weight) * each["margin"] + weight * scale["margin"] / scale[against] * each[against]
        groups = [_with_worth(group, per_unit) for group in assortment.problem.groups]
        problem = replace(assortment.problem, value=per_unit * units, groups=groups)
        solution = solve(problem, solver)
        if solution.status == "infeasible":
            return []
        price = prices[current[0], solution.choice]
        sold = joint_units(problem, solution.choice, units)
        margin = float(((price - costs[:, 0]) * sold).sum())
        found.append(FrontierPoint(float(weight), float(sold.sum()), float((price * sold).sum()), margin))
    return _efficient(found, against)


def _with_worth(group: CrossGroup, per_unit: np.ndarray) -> CrossGroup:
    return replace(group, value_fixed=np.zeros_like(group.value_fixed), value_per_unit=per_unit[group.rows])


def _efficient(points: list[FrontierPoint], against: str) -> list[FrontierPoint]:
    """Keep what no other point beats in both, each once, from most margin on."""
    ordered = sorted(points, key=lambda one: (-one.margin, -getattr(one, against)))
    kept: list[FrontierPoint] = []
    for one in ordered:
        if not kept or getattr(one, against) > getattr(kept[-1], against) * (1 + 1e-9):
            kept.append(one)
    return kept

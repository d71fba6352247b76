"""Mixed-integer programs by HiGHS: one column of each unit, under links between prices and limits on sums."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix, csc_matrix

from pricelm.decisions.optimization.problem import Link

_STATUS_INFEASIBLE = 2


@dataclass(eq=False)
class Columns:
    """Columns to choose from, one of each unit.

    Parameters
    ----------
    unit : numpy.ndarray
        The unit of each column, 0 to units - 1, shape (c,).
    value : numpy.ndarray
        Worth, shape (c,).
    usage : numpy.ndarray
        What it adds to the sums, shape (rules, c).
    price : numpy.ndarray
        Price of each column, for units that links speak of, shape (c,).
    """

    unit: np.ndarray
    value: np.ndarray
    usage: np.ndarray
    price: np.ndarray


@dataclass(frozen=True, eq=False)
class Selected:
    """The outcome: a column of each unit (None when there is none), its worth, and a bound on any."""

    picked: np.ndarray | None
    value: float
    bound: float
    infeasible: bool


@dataclass
class _Rows:
    """Rows of constraints while they are collected: entries, lower and upper ends."""

    line: list[np.ndarray] = field(default_factory=list)
    column: list[np.ndarray] = field(default_factory=list)
    entry: list[np.ndarray] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def add(self, columns: np.ndarray, entries: np.ndarray, low: float, high: float) -> None:
        self.line.append(np.full(len(columns), len(self.low)))
        self.column.append(columns)
        self.entry.append(entries)
        self.low.append(low)
        self.high.append(high)

    def matrix(self, width: int) -> csc_matrix:
        parts = [np.concatenate(part) for part in (self.entry, self.line, self.column)]
        return coo_matrix((parts[0], (parts[1], parts[2])), shape=(len(self.low), width)).tocsc()


def select_columns(
    columns: Columns,
    limits: np.ndarray,
    caps: np.ndarray,
    links: list[tuple[Link, tuple[int, ...]]],
    *,
    relative_gap: float = 1e-9,
    seconds: float = 60.0,
) -> Selected:
    """Choose the best column of each unit.

    Parameters
    ----------
    columns : Columns
        What to choose from.
    limits, caps : numpy.ndarray
        Limits of the sums and the cost of passing them, infinite for hard ones, shape (rules,).
    links : list of (Link, units)
        Links with the unit of each of their rows.
    relative_gap : float, default 1e-9
        Where to stop.
    seconds : float, default 60
        Time limit.

    Returns
    -------
    Selected
        Exact to the gap when the time sufficed; the bound holds anyway.
    """
    c = len(columns.value)
    soft_sums = [k for k in range(len(limits)) if np.isfinite(caps[k])]
    soft_links = [at for at, (link, _) in enumerate(links) if link.penalty is not None]
    width = c + len(soft_sums) + len(soft_links)
    rows = _Rows()
    for unit in _members(columns.unit):
        rows.add(unit, np.ones(len(unit)), 1.0, 1.0)
    for k in range(len(limits)):
        scale = max(abs(limits[k]), float(np.abs(columns.usage[k]).max(initial=0.0)), 1e-9)
        used, entries = np.arange(c), columns.usage[k] / scale
        if k in soft_sums:
            used = np.append(used, c + soft_sums.index(k))
            entries = np.append(entries, -1.0 / scale)
        # HiGHS takes a row as kept up to 1e-6; the verdict afterwards is stricter
        rows.add(used, entries, -np.inf, limits[k] / scale)
    members = dict(enumerate(_members(columns.unit)))
    for at, (link, units) in enumerate(links):
        extra = c + len(soft_sums) + soft_links.index(at) if link.penalty is not None else None
        _add_link(rows, columns, link, [members[unit] for unit in units], extra)
    cost = np.concatenate(
        [
            -columns.value,
            [caps[k] for k in soft_sums],
            [links[at][0].penalty or 0.0 for at in soft_links],
        ]
    )
    upper = np.concatenate([np.ones(c), np.full(width - c, np.inf)])
    integral = np.concatenate([np.ones(c), np.zeros(width - c)])
    result = milp(
        cost,
        constraints=LinearConstraint(rows.matrix(width), np.array(rows.low), np.array(rows.high)),
        bounds=Bounds(np.zeros(width), upper),
        integrality=integral,
        options={"mip_rel_gap": relative_gap, "time_limit": seconds},
    )
    if result.status == _STATUS_INFEASIBLE:
        return Selected(None, -np.inf, -np.inf, True)
    bound = -float(result.mip_dual_bound) if result.mip_dual_bound is not None else np.inf
    if result.x is None:
        return Selected(None, -np.inf, bound, False)
    chosen = np.array([unit[np.argmax(result.x[unit])] for unit in members.values()])
    return Selected(chosen, -float(result.fun), bound, False)


def _members(unit: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(unit, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)


def _add_link(
    rows: _Rows, columns: Columns, link: Link, members: list[np.ndarray], extra: int | None
) -> None:
    one = link.inequality
    factors = one.coefficients
    if extra is None and len(members) == 2 and factors[0] * factors[1] < 0:
        high, low = (0, 1) if factors[0] > 0 else (1, 0)
        _add_steps(rows, columns, (members[low], members[high]), (-factors[low], factors[high]), one.at_least)
        return
    used = np.concatenate(members)
    entries = np.concatenate(
        [factor * columns.price[unit] for factor, unit in zip(factors, members, strict=True)]
    )
    if extra is not None:
        used, entries = np.append(used, extra), np.append(entries, 1.0)
    rows.add(used, entries, one.at_least - 1e-7, np.inf)


def _add_steps(
    rows: _Rows,
    columns: Columns,
    members: tuple[np.ndarray, np.ndarray],
    factors: tuple[float, float],
    at_least: float,
) -> None:
    """Say ``factor_high * high >= factor_low * low + at_least`` a price at a time.

    If the low product costs t or more, the high one costs what t asks for. Relaxed to fractions, these rows
    have whole solutions where each product is linked like this, so that HiGHS rarely needs to branch.
    """
    low, high = members
    for price in np.unique(columns.price[low]):
        at_or_above = low[columns.price[low] >= price]
        enough = high[factors[1] * columns.price[high] >= at_least + factors[0] * price - 1e-6]
        used = np.concatenate([at_or_above, enough])
        entries = np.concatenate([np.ones(len(at_or_above)), -np.ones(len(enough))])
        rows.add(used, entries, -np.inf, 0.0)

"""Parts of a problem that only portfolio rules tie together; each answers which choice is best at given
shadow prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from pricelm.decisions.optimization.problem import CrossGroup, Link, PricingProblem

MOST_CONFIGURATIONS = 20_000
_MOST_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Response:
    """The best choice of a part at shadow prices.

    Parameters
    ----------
    bound : float
        What the part can be worth at most, shadow prices taken off.
    value : float
        What the choice is worth, without shadow prices.
    usage : numpy.ndarray
        What it adds to the sums, shape (rules,).
    choice : numpy.ndarray
        Columns of the part's rows.
    """

    bound: float
    value: float
    usage: np.ndarray
    choice: np.ndarray


class Part(Protocol):
    """A part of a problem."""

    rows: np.ndarray

    def respond(self, multipliers: np.ndarray) -> Response:
        """Return the best choice at shadow prices, shape (rules,)."""
        ...


class DensePart:
    """Products that are tied to nothing: the best price each, all at once."""

    def __init__(self, problem: PricingProblem, rows: np.ndarray) -> None:
        everything = len(rows) == len(problem.prices)
        self.rows = rows
        self.value = np.where(problem.allowed, problem.value, -np.inf)
        self.usage = problem.usage
        if not everything:
            self.value, self.usage = self.value[rows], problem.usage[:, rows]

    def reduced(self, multipliers: np.ndarray) -> np.ndarray:
        """Return values with shadow prices taken off, shape (rows, m)."""
        active = np.flatnonzero(multipliers)
        if not len(active):
            return self.value
        reduced = self.value - multipliers[active[0]] * self.usage[active[0]]
        for rule in active[1:]:
            reduced -= multipliers[rule] * self.usage[rule]
        return reduced

    def respond(self, multipliers: np.ndarray) -> Response:
        """Return the best column of each row."""
        reduced = self.reduced(multipliers)
        choice = reduced.argmax(axis=1)
        at = np.arange(len(choice))
        usage = self.usage[:, at, choice].sum(axis=1)
        value = float(self.value[at, choice].sum())
        return Response(value - float(multipliers @ usage), value, usage, choice)


class JointPart:
    """Small groups of tied products: all their joint choices that keep the rules between them, written out.

    Parameters
    ----------
    groups : sequence of tuple
        For each group: rows, joint choices (configurations, g), values, usages (rules, configurations).
    """

    def __init__(self, groups: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> None:
        self.rows = np.concatenate([group[0] for group in groups])
        self.choices = [group[1] for group in groups]
        self.value = np.concatenate([group[2] for group in groups])
        self.usage = np.concatenate([group[3] for group in groups], axis=1)
        sizes = [len(group[2]) for group in groups]
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self.segment = np.repeat(np.arange(len(groups)), sizes)

    def respond(self, multipliers: np.ndarray) -> Response:
        """Return the best joint choice of each group."""
        reduced = self.value - multipliers @ self.usage
        best = np.maximum.reduceat(reduced, self.starts)
        hits = np.flatnonzero(reduced == best[self.segment])
        _, first = np.unique(self.segment[hits], return_index=True)
        picked = hits[first]
        usage = self.usage[:, picked].sum(axis=1)
        value = float(self.value[picked].sum())
        return Response(value - float(multipliers @ usage), value, usage, self.columns(picked))

    def columns(self, picked: np.ndarray) -> np.ndarray:
        """Return the columns of all rows for one configuration of each group."""
        local = picked - self.starts
        return np.concatenate([table[at] for table, at in zip(self.choices, local, strict=True)])


@dataclass(frozen=True, eq=False)
class Tied:
    """A group of products that links or cross effects tie together."""

    rows: np.ndarray
    links: list[Link]
    groups: list[CrossGroup]


def tied_groups(problem: PricingProblem) -> tuple[np.ndarray, list[Tied]]:
    """Return the rows that are tied to nothing, and the groups of the others."""
    n = len(problem.prices)
    pairs = [(link.inequality.rows[0], other) for link in problem.links for other in link.inequality.rows[1:]]
    pairs += [(int(group.rows[0]), int(other)) for group in problem.groups for other in group.rows[1:]]
    if not pairs:
        return np.arange(n), []
    left, right = np.array(pairs).T
    _, label = connected_components(
        coo_matrix((np.ones(len(pairs)), (left, right)), shape=(n, n)), directed=False
    )
    members: dict[int, Tied] = {}
    sizes = np.bincount(label)
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(sizes)
    for key in np.flatnonzero(sizes > 1):
        members[int(key)] = Tied(np.sort(order[ends[key] - sizes[key] : ends[key]]), [], [])
    for link in problem.links:
        members[int(label[link.inequality.rows[0]])].links.append(link)
    for group in problem.groups:
        if len(group.rows) > 1:
            members[int(label[group.rows[0]])].groups.append(group)
    return np.flatnonzero(sizes[label] == 1), list(members.values())


def configurations(problem: PricingProblem, tied: Tied) -> int:
    """Return how many joint choices a group has, before the rules between its products."""
    return int(np.prod(problem.allowed[tied.rows].sum(axis=1).astype(np.float64)))


def write_out(
    problem: PricingProblem, tied: Tied, *, keep_broken: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the joint choices of a group that keep its hard links.

    Parameters
    ----------
    problem : PricingProblem
        The whole problem.
    tied : Tied
        The group.
    keep_broken : bool, default False
        Keep joint choices that break hard links, too.

    Returns
    -------
    tuple of numpy.ndarray
        Rows (g,), choices (configurations, g), values (configurations,), usages (rules, configurations).
    """
    rows = tied.rows
    columns = [np.flatnonzero(problem.allowed[row]) for row in rows]
    grid = np.stack(np.meshgrid(*columns, indexing="ij"), axis=-1).reshape(-1, len(rows))
    place = {int(row): at for at, row in enumerate(rows)}
    kept = np.ones(len(grid), dtype=bool)
    penalty = np.zeros(len(grid))
    for link in tied.links:
        one = link.inequality
        slack = np.full(len(grid), -one.at_least)
        for row, factor in zip(one.rows, one.coefficients, strict=True):
            slack += factor * problem.prices[row, grid[:, place[row]]]
        if link.penalty is not None:
            penalty -= link.penalty * np.minimum(slack, 0.0)
        elif not keep_broken:
            kept &= slack >= -1e-6
    grid, penalty = grid[kept], penalty[kept]
    value, usage = _worth(problem, tied, grid, place)
    return rows, grid, value - penalty, usage


def _worth(
    problem: PricingProblem, tied: Tied, grid: np.ndarray, place: dict[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    value, usage = np.zeros(len(grid)), np.zeros((len(problem.limits), len(grid)))
    crossed: set[int] = set()
    for group in tied.groups:
        one, use = group.worth(grid[:, [place[int(row)] for row in group.rows]])
        value, usage = value + one, usage + use
        crossed |= {int(row) for row in group.rows}
    for row, at in place.items():
        if row not in crossed:
            value += problem.value[row, grid[:, at]]
            usage += problem.usage[:, row, grid[:, at]]
    return value, usage


def small_enough(problem: PricingProblem, tied: list[Tied]) -> list[bool]:
    """Tell which groups can be written out: none with too many joint choices, nor too many in all."""
    sizes = [configurations(problem, one) for one in tied]
    chosen, cells = [], 0
    for size, one in zip(sizes, tied, strict=True):
        cells += size * len(one.rows) if size <= MOST_CONFIGURATIONS else 0
        chosen.append(size <= MOST_CONFIGURATIONS and cells <= _MOST_CELLS)
    return chosen

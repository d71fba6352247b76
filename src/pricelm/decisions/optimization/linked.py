"""Parts with too many joint choices to write them out: linked products by HiGHS, cross effects by ascent."""

from __future__ import annotations

import numpy as np

from pricelm.decisions.optimization.parts import Response, Tied
from pricelm.decisions.optimization.problem import Link, PricingProblem
from pricelm.decisions.optimization.selection import Columns, select_columns

_STARTS = 4
_SWEEPS = 50


class LinkedPart:
    """Products tied by links only, all such groups at once.

    Raises
    ------
    Unfulfillable
        On the first response, if no prices keep the links.
    """

    def __init__(self, problem: PricingProblem, tied: list[Tied]) -> None:
        self.rows = np.concatenate([one.rows for one in tied])
        place = {int(row): at for at, row in enumerate(self.rows)}
        self.unit, self.column = np.nonzero(problem.allowed[self.rows])
        at = self.rows[self.unit]
        self.value, self.price = problem.value[at, self.column], problem.prices[at, self.column]
        self.usage = problem.usage[:, at, self.column]
        self.links: list[tuple[Link, tuple[int, ...]]] = [
            (link, tuple(place[row] for row in link.inequality.rows)) for one in tied for link in one.links
        ]

    def respond(self, multipliers: np.ndarray) -> Response:
        """Return the best prices of all linked products."""
        reduced = Columns(self.unit, self.value - multipliers @ self.usage, self.usage[:0], self.price)
        found = select_columns(reduced, np.zeros(0), np.zeros(0), self.links)
        if found.picked is None:
            raise Unfulfillable
        usage = self.usage[:, found.picked].sum(axis=1)
        paid = float(reduced.value[found.picked].sum()) - found.value
        value = float(self.value[found.picked].sum()) - paid
        return Response(max(found.bound, found.value), value, usage, self.column[found.picked])


class Unfulfillable(Exception):
    """No prices keep the links of a part."""


class CrossPart:
    """A large group with cross effects: coordinate ascent from several starts, under a bound that holds.

    The bound lets every product meet those prices of the others that suit it best, each for itself. Links
    inside the group are kept by only taking steps that keep them.
    """

    def __init__(self, problem: PricingProblem, tied: Tied, seed: int = 0) -> None:
        self.rows, self._problem, self._tied, self._seed = tied.rows, problem, tied, seed
        self._place = {int(row): at for at, row in enumerate(self.rows)}
        self._allowed = problem.allowed[self.rows]

    def respond(self, multipliers: np.ndarray) -> Response:
        """Return the best choice that ascent finds, and the bound."""
        starts = self._starts(multipliers)
        best, best_worth = None, -np.inf
        for start in starts:
            choice, worth = self._climb(start, multipliers)
            if best is None or worth > best_worth:
                best, best_worth = choice, worth
        assert best is not None
        value, usage = self._worth(best[None, :])
        return Response(self._bound(multipliers), float(value[0]), usage[:, 0], best)

    def _starts(self, multipliers: np.ndarray) -> list[np.ndarray]:
        rng = np.random.default_rng(self._seed)
        alone = self._problem.value[self.rows] - np.tensordot(
            multipliers, self._problem.usage[:, self.rows], axes=1
        )
        first = np.where(self._allowed, alone, -np.inf).argmax(axis=1)
        drawn = [
            np.array([rng.choice(np.flatnonzero(row)) for row in self._allowed]) for _ in range(_STARTS - 1)
        ]
        return [first, *drawn]

    def _climb(self, choice: np.ndarray, multipliers: np.ndarray) -> tuple[np.ndarray, float]:
        worth = self._joint(choice[None, :], multipliers)[0]
        for _ in range(_SWEEPS):
            before = worth
            for row in range(len(self.rows)):
                columns = np.flatnonzero(self._allowed[row])
                tried = np.repeat(choice[None, :], len(columns), axis=0)
                tried[:, row] = columns
                all_worth = self._joint(tried, multipliers)
                best = int(all_worth.argmax())
                if all_worth[best] > worth:
                    choice, worth = tried[best], float(all_worth[best])
            if worth <= before + 1e-12 * max(abs(before), 1.0):
                break
        return choice, float(worth)

    def _joint(self, choices: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        value, usage = self._worth(choices)
        return value - multipliers @ usage

    def _worth(self, choices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, usage = np.zeros(len(choices)), np.zeros((len(self._problem.limits), len(choices)))
        crossed: set[int] = set()
        for group in self._tied.groups:
            own = [self._place[int(row)] for row in group.rows]
            one, use = group.worth(choices[:, own])
            value, usage = value + one, usage + use
            crossed |= set(own)
        for at, row in enumerate(self.rows):
            if at not in crossed:
                value = value + self._problem.value[row, choices[:, at]]
                usage = usage + self._problem.usage[:, row, choices[:, at]]
        for link in self._tied.links:
            one_link = link.inequality
            slack = np.full(len(choices), -one_link.at_least)
            for row, factor in zip(one_link.rows, one_link.coefficients, strict=True):
                slack += factor * self._problem.prices[row, choices[:, self._place[row]]]
            # a hard link is a high wall and not an infinite one, so that ascent finds its way from outside
            wall = 1e12 if link.penalty is None else link.penalty
            value = value + wall * np.minimum(slack + 1e-9, 0.0)
        return value, usage

    def _bound(self, multipliers: np.ndarray) -> float:
        total = 0.0
        crossed: set[int] = set()
        for group in self._tied.groups:
            own = np.array([self._place[int(row)] for row in group.rows])
            crossed |= set(own.tolist())
            masked = np.where(self._allowed[own][None], group.log_factor, np.nan)
            low, high = (
                np.nansum(np.nanmin(masked, axis=2), axis=1),
                np.nansum(np.nanmax(masked, axis=2), axis=1),
            )
            fixed = group.value_fixed - np.tensordot(multipliers, group.usage_fixed, axes=1)
            each = group.value_per_unit - np.tensordot(multipliers, group.usage_per_unit, axes=1)
            ends = [fixed + each * group.own_units * np.exp(end)[:, None] for end in (low, high)]
            best = np.where(self._allowed[own], np.maximum(*ends), -np.inf)
            total += float(best.max(axis=1).sum())
        for at, row in enumerate(self.rows):
            if at not in crossed:
                alone = self._problem.value[row] - multipliers @ self._problem.usage[:, row]
                total += float(alone[self._allowed[at]].max())
        return total

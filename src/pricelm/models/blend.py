"""Blending: non-negative weights on out-of-fold log prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

_PULL_TO_EQUAL_WEIGHTS = 0.002
_SMALLEST_WEIGHT = 0.02


@dataclass(frozen=True)
class Blend:
    """A weighted sum of members' log prices.

    Parameters
    ----------
    weights : dict of str to float
        Weight of every member, none negative.
    intercept : float
        Added to the weighted sum, in log price.
    without : dict of str to Blend
        For each member, the blend that the same out-of-fold predictions give without it; it
        answers what the member is worth, and prices the rows of which the member says nothing.
    smearing : float or None
        Mean of exp(true - predicted log price) on held-out rows: what the median of 1 + price is multiplied
        with to become its mean. None if it is not known.

    References
    ----------
    Breiman, L. (1996). Stacked regressions. Machine Learning 24, 49-64.
    Duan, N. (1983). Smearing estimate: a nonparametric retransformation method. Journal of the American
    Statistical Association 78, 605-610.
    """

    weights: dict[str, float]
    intercept: float
    without: dict[str, Blend]
    smearing: float | None = None

    def predict(self, members: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return blended log prices, shape (n,), of each member's (n,).

        A row of which a member says nothing (NaN) is blended as if there were no such member.
        """
        parts = [weight * members[name] for name, weight in self.weights.items()]
        out = np.asarray(np.sum(parts, axis=0) + self.intercept)
        for name, rest in self.without.items():
            silent = np.isnan(members[name])
            if silent.any():
                out[silent] = rest.predict({other: members[other][silent] for other in rest.weights})
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the blend as JSON-ready values."""
        return {
            "weights": self.weights,
            "intercept": self.intercept,
            "smearing": self.smearing,
            "without": {name: blend.to_dict() for name, blend in self.without.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Blend:
        """Rebuild a blend from `to_dict`."""
        without = {name: cls.from_dict(blend) for name, blend in values["without"].items()}
        return cls(dict(values["weights"]), float(values["intercept"]), without, values.get("smearing"))


def fit_blend(members: Mapping[str, np.ndarray], target: np.ndarray) -> Blend:
    """Find the weights that predict held-out log prices best.

    Parameters
    ----------
    members : mapping of str to ndarray of shape (n,)
        Out-of-fold log prices of each member; NaN where a member says nothing of a row. The
        weights of a blend are found on the rows of which all of its members say something.
    target : ndarray of shape (n,)
        True log prices.

    Returns
    -------
    Blend
        Least-squares weights under the constraint that none is negative, pulled slightly to equal
        weights so that a few hundred rows do not decide between two members that say the same.
        Weights below 0.02 are dropped; if all are, the member that misses least is taken as it is.

    Examples
    --------
    >>> truth = np.arange(50.0)
    >>> blend = fit_blend({"good": truth, "noise": np.tile([1.0, -1.0], 25)}, truth)
    >>> round(blend.weights["good"], 2)
    1.0
    """
    names = list(members)
    without = {}
    if len(names) > 1:
        without = {
            name: _solve_spoken({other: members[other] for other in names if other != name}, target)
            for name in names
        }
    best = _solve_spoken(members, target)
    return Blend(best.weights, best.intercept, without)


def cross_fitted_predictions(
    members: Mapping[str, np.ndarray], target: np.ndarray, *, seed: int
) -> np.ndarray:
    """Blend every row with weights that were found on other rows, shape (n,).

    What these predictions miss by is what the blend will miss by on new listings; calibration
    learns from them.
    """
    half = np.random.default_rng(seed).permutation(len(target)) % 2 == 0
    if half.all():  # a single row: there are no others
        return _solve_spoken(members, target).predict(members)
    out = np.empty(len(target))
    for rows, others in ((half, ~half), (~half, half)):
        blend = _solve_spoken({name: values[others] for name, values in members.items()}, target[others])
        out[rows] = blend.predict({name: values[rows] for name, values in members.items()})
    return out


def _solve_spoken(members: Mapping[str, np.ndarray], target: np.ndarray) -> Blend:
    """Solve on the rows of which all speak, and once more without each member that is silent at times."""
    silent = {name: np.isnan(values) for name, values in members.items()}
    at_times = [name for name, rows in silent.items() if rows.any()]
    if not at_times:
        return _solve(members, target)
    spoken = ~np.any(list(silent.values()), axis=0)
    best = _solve({name: values[spoken] for name, values in members.items()}, target[spoken])
    without = {
        name: _solve_spoken({other: members[other] for other in members if other != name}, target)
        for name in at_times
        if len(members) > 1
    }
    return Blend(best.weights, best.intercept, without)


def _solve(members: Mapping[str, np.ndarray], target: np.ndarray) -> Blend:
    names = list(members)
    matrix = np.column_stack([members[name] for name in names])
    centers, middle = matrix.mean(axis=0), float(target.mean())
    spread = float(target.std()) or 1.0
    pull = np.sqrt(_PULL_TO_EQUAL_WEIGHTS * len(target)) * spread
    rows = np.vstack([matrix - centers, pull * np.eye(len(names))])
    goal = np.concatenate([target - middle, np.full(len(names), pull / len(names))])
    weights, _ = nnls(rows, goal)
    weights[weights < _SMALLEST_WEIGHT] = 0.0
    if not weights.any():
        misses = matrix - centers - (target - middle)[:, None]
        weights[int(np.argmin(np.mean(misses**2, axis=0)))] = 1.0
    intercept = middle - float(centers @ weights)
    return Blend(dict(zip(names, map(float, weights), strict=True)), intercept, {})

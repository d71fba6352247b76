"""The gate: a member that is dear to keep stays only if it lowers the error of the blend for certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pricelm.models.blend import cross_fitted_predictions

_FEWEST_GROUPS = 30
_ONE_SIDED_97_5 = 1.96


@dataclass(frozen=True)
class Verdict:
    """Whether a member stays, and the figures.

    Parameters
    ----------
    kept : bool
        Whether it stays.
    reason : str
        The figures, for people.
    """

    kept: bool
    reason: str


def judge_member(
    name: str,
    predictions: Mapping[str, np.ndarray],
    target: np.ndarray,
    groups: np.ndarray,
    *,
    seed: int,
) -> Verdict:
    """Decide whether the out-of-fold error of the blend falls with a member.

    Two blends are compared on the rows of which the member says something, one with and one without
    it, both with weights that were found on other rows. The member stays if the decrease of the mean
    squared error of the log price is above 0 at its lower 95 % limit. Near-duplicates miss together,
    therefore the limit counts groups and not rows.

    Parameters
    ----------
    name : str
        The member on trial.
    predictions : mapping of str to ndarray of shape (n,)
        Out-of-fold log prices of all members; NaN where one says nothing.
    target : ndarray of shape (n,)
        True log prices.
    groups : ndarray of shape (n,)
        Near-duplicate group of every row.
    seed : int
        Seed of the halves on which the weights are found.

    Returns
    -------
    Verdict
        Whether it stays; fewer than 30 groups with something to say are too few to tell.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> truth = random.normal(size=200)
    >>> said = {"text": truth + random.normal(size=200), "image": truth + random.normal(size=200)}
    >>> judge_member("image", said, truth, np.arange(200), seed=0).kept
    True
    """
    rows = ~np.isnan(predictions[name])
    n_groups = len(np.unique(groups[rows]))
    if n_groups < _FEWEST_GROUPS:
        return Verdict(False, f"only {n_groups} held-out listings have one, {_FEWEST_GROUPS} are needed")
    known = {other: values[rows] for other, values in predictions.items()}
    others = {other: values for other, values in known.items() if other != name}
    truth = target[rows]
    if not others:
        return Verdict(True, "there is no other member")
    without = (cross_fitted_predictions(others, truth, seed=seed) - truth) ** 2
    with_it = (cross_fitted_predictions(known, truth, seed=seed) - truth) ** 2
    _, group = np.unique(groups[rows], return_inverse=True)
    decrease = without - with_it
    mean = float(decrease.mean())
    sums = np.bincount(group, weights=decrease - mean)
    error = float(np.sqrt(np.sum(sums**2) * n_groups / (n_groups - 1)) / len(truth))
    kept = mean - _ONE_SIDED_97_5 * error > 0
    figures = (
        f"out-of-fold RMSLE {np.sqrt(with_it.mean()):.4f} with it, {np.sqrt(without.mean()):.4f} without it, "
        f"on {len(truth):,} listings"
    )
    return Verdict(kept, figures if kept else f"the error does not fall for certain: {figures}")

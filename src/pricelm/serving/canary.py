"""Canary: when is it certain that a new model prices worse than the present one?

Whoever looks at a running comparison every minute will see a difference sooner or later, also where
there is none. The test here may be looked at after every single outcome: the chance that it ever
stops a model that is as good as the present one stays below ``alpha``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_BETS = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8])


@dataclass(frozen=True)
class CanaryVerdict:
    """What the outcomes say of a new model against the present one.

    Parameters
    ----------
    outcomes : int
        Listings whose price became known and which both have priced.
    error_ratio : float
        Mean absolute log error of the new model over that of the present one; NaN without outcomes.
    coverage, coverage_of_active : float
        Share of prices inside the intervals of each; NaN without outcomes.
    worse : str
        Why the new model should stop, or an empty string.
    """

    outcomes: int
    error_ratio: float
    coverage: float
    coverage_of_active: float
    worse: str = ""


def ever_worse(differences: np.ndarray, *, alpha: float = 0.01) -> bool:
    """Tell whether differences that should be 0 or less on average are certainly above.

    Parameters
    ----------
    differences : ndarray of shape (n,)
        One number an outcome, in order; above 0 where the new model is worse. Clipped to -1 .. 1.
    alpha : float, default 0.01
        Chance of ever saying yes if the mean is 0 or less, whatever the distribution and however
        often one looks.

    Returns
    -------
    bool
        True if at any time so far the evidence was strong enough.

    Notes
    -----
    A gambler who bets a fixed share of his wealth on "worse" before every outcome cannot expect to
    gain if the mean is not above 0, so that his wealth reaches 1/alpha with a chance of at most alpha
    (Ville's inequality). The mean wealth of several gamblers, bold and careful, is such a wealth too.

    References
    ----------
    Waudby-Smith, I. and Ramdas, A. (2024). Estimating means of bounded random variables by betting.
    JRSS-B 86(1).

    Examples
    --------
    >>> ever_worse(np.full(100, 0.3)), ever_worse(np.tile([0.3, -0.3], 500))
    (True, False)
    """
    if len(differences) == 0:
        return False
    steps = np.log1p(np.outer(_BETS, np.clip(differences, -1.0, 1.0)))
    log_wealth = np.logaddexp.reduce(np.cumsum(steps, axis=1), axis=0) - np.log(len(_BETS))
    return bool(log_wealth.max() >= -np.log(alpha))


def judge_canary(
    pairs: list[tuple[float, float, bool, bool]], *, alpha: float = 0.01, least_outcomes: int = 30
) -> CanaryVerdict:
    """Compare a new model with the present one on the same outcomes.

    Parameters
    ----------
    pairs : list of tuple
        For each outcome in order: log error of the new model, log error of the present one, and
        whether the interval of each held the price.
    alpha : float, default 0.01
        Chance that a model as good as the present one is ever stopped, for the error and for the
        coverage each.
    least_outcomes : int, default 30
        Nothing is said before so many outcomes.

    Returns
    -------
    CanaryVerdict
        ``worse`` says which of the two grew worse.

    Examples
    --------
    >>> judge_canary([(0.5, 0.1, True, True)] * 60).worse
    'error 5.00 times that of the active model on 60 outcomes'
    >>> judge_canary([(0.1, 0.1, True, True)] * 60).worse
    ''
    """
    if not pairs:
        return CanaryVerdict(0, float("nan"), float("nan"), float("nan"))
    errors = np.abs(np.array([pair[:2] for pair in pairs], dtype=float))
    held = np.array([pair[2:] for pair in pairs], dtype=float)
    mine, active = errors.mean(axis=0)
    ratio = float(mine / active) if active > 0 else float("inf") if mine > 0 else 1.0
    coverage, coverage_of_active = (float(value) for value in held.mean(axis=0))
    worse = ""
    if len(pairs) >= least_outcomes:
        if ever_worse(errors[:, 0] - errors[:, 1], alpha=alpha):
            worse = f"error {ratio:.2f} times that of the active model on {len(pairs)} outcomes"
        elif ever_worse(held[:, 1] - held[:, 0], alpha=alpha):
            worse = (
                f"coverage {coverage:.1%} against {coverage_of_active:.1%} of the active model on "
                f"{len(pairs)} outcomes"
            )
    return CanaryVerdict(len(pairs), ratio, coverage, coverage_of_active, worse)

"""A warning when prices look like collusion, which a learning policy can drift into without being told to.

High prices alone are no proof. What tells collusion from a good season is that a price cut is punished: the
others answer with cuts of their own, deeper than their best answer needs, and then all climb back to the high
level together (Calvano et al., 2020). A warning needs both, unless prices are high only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import ConfigError, DataError

NONE, ELEVATED, COLLUSION = "none", "prices elevated", "punishment pattern"


@dataclass(frozen=True)
class CollusionConfig:
    """When to warn.

    Parameters
    ----------
    elevated : float, default 0.25
        Share of the way from competitive to joint prices above which prices count as elevated.
    persistent : float, default 0.8
        Share of the periods in which they have to be.
    cut : float, default 0.05
        Share of the distance between competitive and joint price that a price has to fall to be a cut.
    answer_periods, return_periods : int, default 2 and 15
        In how many periods rivals answer a cut, and prices return to their level.
    punished : float, default 0.5
        Share of the cuts that have to be punished, of at least ``fewest_cuts``.
    fewest_cuts : int, default 1
        Cuts that have to be seen.

    Raises
    ------
    ConfigError
        If a share is not between 0 and 1, or a number is below 1.
    """

    elevated: float = 0.25
    persistent: float = 0.8
    cut: float = 0.05
    answer_periods: int = 2
    return_periods: int = 15
    punished: float = 0.5
    fewest_cuts: int = 1

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in (self.elevated, self.persistent, self.cut, self.punished)):
            raise ConfigError(
                "expected shares above 0 and up to 1 for elevated, persistent, cut and punished"
            )
        if min(self.answer_periods, self.return_periods, self.fewest_cuts) < 1:
            raise ConfigError("expected at least 1 answer period, return period and cut")


@dataclass(frozen=True)
class CollusionWarning:
    """What a path of prices looks like.

    Parameters
    ----------
    level : {"none", "prices elevated", "punishment pattern"}
        The last one is the warning.
    elevation : float
        Mean way from the competitive (0) to the joint (1) level.
    persistence : float
        Share of periods with elevated prices.
    cuts, punished : int
        Cuts by one seller, and those that were answered and from which prices returned.
    """

    level: str
    elevation: float
    persistence: float
    cuts: int
    punished: int

    @property
    def warned(self) -> bool:
        """Whether the pattern of collusion is there."""
        return self.level == COLLUSION


def watch_collusion(
    prices: np.ndarray,
    competitive: np.ndarray,
    joint: np.ndarray,
    config: CollusionConfig = CollusionConfig(),
) -> CollusionWarning:
    """Look for collusion in a path of prices.

    Parameters
    ----------
    prices : numpy.ndarray
        Shape (n_periods, n_sellers): two sellers or more, ten periods or more.
    competitive, joint : numpy.ndarray
        Price of each seller at the Bertrand equilibrium, and if all were one seller; shape (n_sellers,).
    config : CollusionConfig
        When to warn.

    Returns
    -------
    CollusionWarning
        A level and what it rests on.

    Raises
    ------
    DataError
        If the path is too short, or the joint level is not above the competitive one.

    Examples
    --------
    >>> path = np.full((40, 2), 1.9)
    >>> path[20, 0], path[21:23] = 1.6, 1.5
    >>> watch_collusion(path, np.array([1.5, 1.5]), np.array([2.0, 2.0])).level
    'punishment pattern'
    """
    prices = np.asarray(prices, dtype=np.float64)
    if prices.ndim != 2 or prices.shape[1] < 2 or len(prices) < 10:
        raise DataError(f"expected prices of 2 sellers or more in 10 periods or more, got {prices.shape}")
    if not (joint > competitive).all():
        raise DataError("expected joint prices above the competitive ones; check costs and demand")
    height = (prices - competitive) / (joint - competitive)
    elevation = height.mean(axis=1)
    persistence = float((elevation > config.elevated).mean())
    cuts, punished = _answered_cuts(height, config)
    level = NONE
    if persistence >= config.persistent:
        level = ELEVATED
        if cuts >= config.fewest_cuts and punished >= config.punished * cuts:
            level = COLLUSION
    return CollusionWarning(level, float(elevation.mean()), persistence, cuts, punished)


def judge_probes(
    calm: np.ndarray,
    probed: Sequence[np.ndarray],
    levels: tuple[np.ndarray, np.ndarray],
    config: CollusionConfig = CollusionConfig(),
) -> CollusionWarning:
    """Judge policies by what forced price cuts change, cycles of their own left out.

    One cut may be answered by chance, so several should be tried: by each seller, of several depths.

    Parameters
    ----------
    calm : numpy.ndarray
        Prices without a cut, shape (n_periods, n_sellers).
    probed : sequence of numpy.ndarray
        Prices with a cut by one seller each, of the same shape and equal until the cut; a path that does not
        differ says nothing.
    levels : tuple of numpy.ndarray
        Competitive and joint prices, shape (n_sellers,) each.
    config : CollusionConfig
        When to warn.

    Returns
    -------
    CollusionWarning
        As of :func:`watch_collusion`. A cut is punished when the rivals' mean price falls below where it
        would have been, and the mean price of all comes back.

    Raises
    ------
    DataError
        If the paths have different shapes.

    Examples
    --------
    >>> calm = np.tile([[1.9, 1.8], [1.8, 1.9]], (20, 1))
    >>> probed = calm.copy()
    >>> probed[10, 0], probed[11:13] = 1.6, 1.55
    >>> judge_probes(calm, [probed], (np.full(2, 1.5), np.full(2, 2.0))).punished
    1
    """
    if any(path.shape != calm.shape for path in probed):
        raise DataError(
            f"expected probed paths of the shape {calm.shape}, got {[one.shape for one in probed]}"
        )
    competitive, joint = levels
    elevation = ((calm - competitive) / (joint - competitive)).mean(axis=1)
    persistence = float((elevation > config.elevated).mean())
    changes = [(path - calm) / (joint - competitive) for path in probed]
    changes = [change for change in changes if (change != 0).any()]
    punished = sum(_punished(change, config) for change in changes)
    level = NONE
    if persistence >= config.persistent:
        enough = len(changes) >= config.fewest_cuts and punished > config.punished * len(changes)
        level = COLLUSION if enough else ELEVATED
    return CollusionWarning(level, float(elevation.mean()), persistence, len(changes), punished)


def _punished(change: np.ndarray, config: CollusionConfig) -> bool:
    """Tell whether rivals answered a cut, and prices came back, from the change that it made."""
    at = int(np.flatnonzero((change != 0).any(axis=1))[0])
    rivals = change[at] == 0
    if not rivals.any():
        return False
    answer = change[at + 1 : at + 1 + config.answer_periods][:, rivals].mean(axis=1)
    later = change[at + 1 + config.answer_periods :]
    return bool(len(later) and answer.min() < -config.cut and later.mean() >= -config.cut)


def _answered_cuts(height: np.ndarray, config: CollusionConfig) -> tuple[int, int]:
    """Count cuts by one seller alone out of a calm, and those with the pattern of punishment."""
    cuts = punished = 0
    period = 1
    while period < len(height) - config.answer_periods:
        before = height[period - 1]
        change = height[period] - before
        cutters = change < -config.cut
        calm = (np.abs(np.delete(change, np.argmin(change))) <= config.cut).all()
        if cutters.sum() != 1 or not calm or before.mean() <= config.elevated:
            period += 1
            continue
        cuts += 1
        rivals = ~cutters
        answer = height[period + 1 : period + 1 + config.answer_periods]
        later = height[period + 1 : period + 1 + config.return_periods]
        answered = (answer[:, rivals].min(axis=0) < before[rivals] - config.cut).all()
        lowest = int(np.argmin(later.mean(axis=1)))
        returned = later[lowest:].mean(axis=1).max() >= before.mean() - config.cut
        punished += bool(answered and returned)
        period += 1 + lowest + 1
    return cuts, punished

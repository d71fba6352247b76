"""Off-policy evaluation: what another policy would earn, from the log of the one that was at work.

Every decision is weighted by how much more often the new policy would have taken it. That is unbiased when
the old one could have taken whatever the new one would take, and it is refused otherwise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from scipy import stats

from pricelm.core.errors import ConfigError, SupportError
from pricelm.decisions.dynamic.decision_log import DecisionLog

_RIDGE = 1e-3


class Target(Protocol):
    """A policy to judge: what it would do in every row of a log."""

    def probabilities(self, log: DecisionLog) -> np.ndarray:
        """Return the probability of each price, shape (n, K), 0 for prices that are not on the menu."""
        ...


@dataclass(frozen=True)
class PriceTarget:
    """Always asks one price for each product, or the price on the menu that is nearest to it.

    Parameters
    ----------
    prices : dict of str to float
        By sku; ``""`` stands for all others.
    """

    prices: dict[str, float]

    def probabilities(self, log: DecisionLog) -> np.ndarray:
        """Put all weight on the price nearest to the one wanted, of those that the rules allowed."""
        wanted = np.array(
            [self.prices.get(sku, self.prices.get("", np.nan)) for sku in log.frame["sku"]], dtype=np.float64
        )
        if not np.isfinite(wanted).all():
            sku = log.frame["sku"].iloc[int(np.flatnonzero(~np.isfinite(wanted))[0])]
            raise ConfigError(f"expected a price for every product of the log, got none for {sku!r}")
        distance = np.where(np.isfinite(log.prices), np.abs(log.prices - wanted[:, None]), np.inf)
        return np.eye(log.prices.shape[1])[distance.argmin(axis=1)]


@dataclass(frozen=True)
class OffPolicyConfig:
    """When an answer is given.

    Parameters
    ----------
    confidence_level : float, default 0.95
        Of the intervals.
    least_effective : float, default 50
        Fewest decisions that the answer may rest on, after weighting.
    most_missing : float, default 0.01
        Largest share of the new policy's decisions that the old one could never have taken.
    folds : int, default 5
        Blocks of days that the model of profit is cross-fitted over.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    confidence_level: float = 0.95
    least_effective: float = 50.0
    most_missing: float = 0.01
    folds: int = 5

    def __post_init__(self) -> None:
        fine = 0 < self.confidence_level < 1 and self.least_effective >= 2 and 0 <= self.most_missing < 1
        if not (fine and 2 <= self.folds <= 50):
            raise ConfigError(
                "expected a level between 0 and 1, 2 effective decisions or more, a missing share from 0 "
                "to below 1 "
                f"and 2 to 50 folds, got {self}"
            )


@dataclass(frozen=True)
class Value:
    """An estimate of profit a day and product, with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class OffPolicyResult:
    """What the new policy would earn on the days on which there was a choice.

    Parameters
    ----------
    ips, snips, doubly_robust : Value
        Weighted profit; the same over the sum of the weights; and the one with a model of profit, which is
        the one to read.
    logged : Value
        What the old policy earned on the same days.
    effective_decisions : float
        Equally weighted decisions that the answer is worth.
    decisions, forced : int
        Days with a choice, and days left aside because rules left no choice.
    largest_weight, mean_weight : float
        How much one decision counts at most, and on average; the latter is near 1 where the log can tell.
    missing : float
        Share of the new policy's decisions that the old one could never have taken.
    """

    ips: Value
    snips: Value
    doubly_robust: Value
    logged: Value
    effective_decisions: float
    decisions: int
    forced: int
    largest_weight: float
    mean_weight: float
    missing: float

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return asdict(self)


def evaluate_target(
    log: DecisionLog, target: Target, config: OffPolicyConfig = OffPolicyConfig()
) -> OffPolicyResult:
    """Judge a policy by the log of another.

    Parameters
    ----------
    log : DecisionLog
        With the probabilities of all prices.
    target : Target
        The policy to judge. It must not have learned from the rows that it is judged by.
    config : OffPolicyConfig
        Level and limits.

    Returns
    -------
    OffPolicyResult
        Profit a day and product.

    Raises
    ------
    SupportError
        If the old policy could not have done what the new one would do, or did it too rarely.
    """
    whole = len(log)
    log = log.take(np.flatnonzero(log.free))
    if not len(log):
        raise SupportError(
            f"expected decisions with a choice in the log, and in all {whole:,} only one price was "
            f"possible. A "
            "policy that does not explore says nothing about another; log one that does"
        )
    wanted = np.where(np.isfinite(log.prices), target.probabilities(log), 0.0)
    missing = float(np.where(log.propensities > 0, 0.0, wanted).sum() / wanted.sum())
    if missing > config.most_missing:
        raise SupportError(
            f"expected the old policy to have tried what the new one does, but {missing:.0%} of the new "
            f"one's "
            "decisions had no chance in the log: the rules forbade those prices, or nothing explored "
            "them. Test "
            "first: let the old policy explore them, or judge a policy nearer to it"
        )
    at = np.arange(len(log))
    weights = wanted[at, log.column] / log.propensities[at, log.column]
    effective = float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300))
    if effective < config.least_effective:
        raise SupportError(
            f"expected an effective sample of {config.least_effective:g} decisions or more, got "
            f"{effective:.1f} of {len(log):,}: the old policy too rarely did what the new one does. Log for "
            "longer, or explore more"
        )
    model = profit_model(log, config.folds)
    return estimates(log, wanted, weights, model, config, whole - len(log), missing)


def estimates(
    log: DecisionLog,
    wanted: np.ndarray,
    weights: np.ndarray,
    model: np.ndarray,
    config: OffPolicyConfig,
    forced: int = 0,
    missing: float = 0.0,
) -> OffPolicyResult:
    """Return all estimators for weights and a model of profit that are known, shapes (n,) and (n, K)."""
    profit, at = log.profit, np.arange(len(log))
    level = config.confidence_level
    direct = (wanted * model).sum(axis=1)
    robust = direct + weights * (profit - model[at, log.column])
    days = log.frame["day"].to_numpy()
    one = np.ones(len(log))
    return OffPolicyResult(
        by_day(weights * profit, one, days, level),
        by_day(weights * profit, weights, days, level),
        by_day(robust, one, days, level),
        by_day(profit, one, days, level),
        float(weights.sum() ** 2 / max(float((weights**2).sum()), 1e-300)),
        len(log),
        forced,
        float(weights.max()),
        float(weights.mean()),
        missing,
    )


def by_day(part: np.ndarray, whole: np.ndarray, days: np.ndarray, level: float) -> Value:
    """Return sum(part) / sum(whole) with an interval that takes the rows of a day as one.

    Products and shops share the shocks of a day, so their rows are not independent.

    Examples
    --------
    >>> by_day(np.array([1.0, 3.0]), np.ones(2), np.array([0, 1]), 0.95).estimate
    2.0
    """
    ratio = float(part.sum() / whole.sum())
    _, place = np.unique(days, return_inverse=True)
    residual = np.bincount(place, part - ratio * whole)
    count = len(residual)
    if count < 2:
        return Value(ratio, float("nan"), float("nan"))
    error = float(np.sqrt(count / (count - 1) * (residual**2).sum()) / whole.sum())
    reach = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
    return Value(ratio, ratio - reach, ratio + reach)


def profit_model(log: DecisionLog, folds: int) -> np.ndarray:
    """Return the expected profit of every price in every row, shape (n, K), each fold from the others.

    Units are a log-linear function of price for each product, with an own level for each; the model need not
    be right, because what it gets wrong is corrected by the weighted errors.
    """
    frame = log.frame
    skus, product = np.unique(frame["sku"].to_numpy().astype(str), return_inverse=True)
    days = frame["day"].to_numpy()
    fold = np.floor((days - days.min()) / (days.max() - days.min() + 1) * folds).astype(int)
    asked = np.log(np.maximum(frame["price"].to_numpy(dtype=np.float64), 1e-9))
    units = frame["units"].to_numpy(dtype=np.float64)
    menu = np.log(np.where(np.isfinite(log.prices) & (log.prices > 0), log.prices, 1.0))
    margin = np.nan_to_num(log.prices - frame["unit_cost"].to_numpy(dtype=np.float64)[:, None])
    expected = np.zeros(log.prices.shape)
    for part in range(folds):
        for place in range(len(skus)):
            rows = (fold == part) & (product == place)
            others = (fold != part) & (product == place)
            if rows.any() and others.any():
                level, slope, center = _poisson_line(asked[others], units[others])
                expected[rows] = np.exp(np.clip(level + slope * (menu[rows] - center), -20, 20))
    return np.asarray(expected * margin)


def _poisson_line(log_price: np.ndarray, units: np.ndarray) -> tuple[float, float, float]:
    """Fit log units = level + slope * (log price - center) by Poisson likelihood, slightly ridged."""
    center = float(log_price.mean())
    design = np.column_stack([np.ones(len(units)), log_price - center])
    found = np.array([np.log(max(float(units.mean()), 1e-6)), 0.0])
    ridge = np.diag([0.0, _RIDGE * len(units)])
    for _ in range(25):
        mean = np.exp(np.clip(design @ found, -20, 20))
        gradient = design.T @ (units - mean) - ridge @ found
        hessian = (design * mean[:, None]).T @ design + ridge + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, gradient), -2, 2)
        found = found + step
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(found[0]), float(found[1]), center

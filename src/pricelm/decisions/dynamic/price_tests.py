"""Designs of price tests: how long a test must run to see an effect, and which one must not be run at all.

A test compares log units (or log profit) between an old and a new price. A switchback gives all customers one
price at a time and changes it by blocks of days; a cluster test gives whole stores or regions one price each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from pricelm.core.errors import ConfigError

USER_TEST_REFUSED = (
    "expected a switchback or a cluster test, got a split of customers: two people would see two prices "
    "of one "
    "product at the same time. They compare, wait, and buy through each other, so the groups are not "
    "independent "
    "and the difference is biased, mostly towards the lower price; it also breaks trust, and in places "
    "the law. "
    "Use --design switchback, or --design cluster where stores or regions can have prices of their own"
)
DESIGNS = ("switchback", "cluster", "user")
_MOST_DAYS = 3650
_MOST_BLOCKS = 2000


@dataclass(frozen=True)
class TrialNoise:
    """How much the measured number differs from day to day and from store to store.

    Parameters
    ----------
    daily : float
        Standard deviation of the daily log units of a cluster (of the whole shop in a switchback).
    autocorrelation : float, default 0
        Of one day with the next, 0 to below 1.
    between : float, default 0
        Standard deviation between clusters, in logs, after what is known of them was taken out.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    daily: float
    autocorrelation: float = 0.0
    between: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.daily <= 10 and 0 <= self.autocorrelation < 1 and 0 <= self.between <= 10):
            raise ConfigError(
                f"expected daily noise above 0, an autocorrelation from 0 to below 1 and noise between "
                f"clusters "
                f"of 0 or more, got {self}"
            )


@dataclass(frozen=True)
class TrialPlan:
    """A price test.

    Parameters
    ----------
    design : str
        ``"switchback"`` or ``"cluster"``; ``"user"`` is refused.
    days : int
        How long it runs.
    block_days : int, default 7
        Switchback: days that a price stays; whole weeks keep weekdays even.
    washout_days : int, default 1
        Switchback: days after a change that do not count, because customers still answer to the old price.
    clusters : int, default 20
        Cluster test: stores or regions, half of them with each price.
    significance : float, default 0.05
        Two-sided.

    Raises
    ------
    ConfigError
        If the design is a split of customers, or the numbers leave nothing to compare.
    """

    design: str
    days: int
    block_days: int = 7
    washout_days: int = 1
    clusters: int = 20
    significance: float = 0.05

    def __post_init__(self) -> None:
        if self.design == "user":
            raise ConfigError(USER_TEST_REFUSED)
        if self.design not in DESIGNS:
            raise ConfigError(f"expected a design of {', '.join(DESIGNS)}, got {self.design!r}")
        if not 0 < self.days <= _MOST_DAYS or not 0 < self.significance < 1:
            raise ConfigError(
                f"expected 1 to {_MOST_DAYS:,} days and a significance between 0 and 1, got {self}"
            )
        if self.design == "switchback" and not 0 <= self.washout_days < self.block_days:
            raise ConfigError(
                f"expected a washout shorter than a block of {self.block_days} days, got {self.washout_days}"
            )
        if self.units_of_test < 4:
            raise ConfigError(
                f"expected 4 blocks or clusters or more to compare, got {self.units_of_test}. Run for "
                f"longer, make "
                "blocks shorter, or take more clusters"
            )

    @property
    def units_of_test(self) -> int:
        """Blocks or clusters that are compared, an even number."""
        count = self.days // self.block_days if self.design == "switchback" else self.clusters
        return count - count % 2


@dataclass(frozen=True)
class TrialPower:
    """What a test can see.

    Parameters
    ----------
    plan : TrialPlan
        The test.
    effect : float
        Relative change that is looked for.
    power : float
        Chance to find it.
    detectable : float
        Smallest relative rise that is found four times out of five.
    standard_error : float
        Of the measured difference, in logs.
    """

    plan: TrialPlan
    effect: float
    power: float
    detectable: float
    standard_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready values."""
        return {**asdict(self), "units_of_test": self.plan.units_of_test}


def mean_variance(days: int, daily: float, autocorrelation: float) -> float:
    """Return the variance of the mean of some days in a row.

    Examples
    --------
    >>> round(mean_variance(4, 2.0, 0.0), 3), round(mean_variance(2, 1.0, 0.5), 3)
    (1.0, 0.75)
    """
    lags = np.arange(1, days)
    return float(daily**2 / days**2 * (days + 2 * ((days - lags) * autocorrelation**lags).sum()))


def difference_error(plan: TrialPlan, noise: TrialNoise) -> float:
    """Return the standard error of the difference of means, in logs.

    Units of the test are drawn at random to one price or the other, half each. For a switchback the
    correlation between blocks counts too: it makes them more alike, and the difference surer.
    """
    count = plan.units_of_test
    if plan.design == "cluster":
        within = mean_variance(plan.days, noise.daily, noise.autocorrelation)
        return float(np.sqrt(4 * (noise.between**2 + within) / count))
    kept = plan.block_days - plan.washout_days
    own = mean_variance(kept, noise.daily, noise.autocorrelation)
    return float(np.sqrt(4 * (own - _between_blocks(plan, noise, kept, count)) / count))


def _between_blocks(plan: TrialPlan, noise: TrialNoise, kept: int, count: int) -> float:
    """Return the mean covariance of two different blocks."""
    rho = noise.autocorrelation
    if rho == 0:
        return 0.0
    # sum over days i of one block and j of a block some gap later of rho^(lag + j - i)
    inner = rho ** np.arange(kept)
    spread = float(inner.sum() * (rho ** -np.arange(kept, dtype=np.float64)).sum()) / kept**2
    gaps = np.arange(1, count)
    pairs = (count - gaps) * rho ** (gaps * float(plan.block_days))
    return float(2 * noise.daily**2 * spread * pairs.sum() / (count * (count - 1)))


def trial_power(plan: TrialPlan, noise: TrialNoise, effect: float) -> TrialPower:
    """Return the power of a test to find a relative effect.

    Parameters
    ----------
    plan : TrialPlan
        The test.
    noise : TrialNoise
        How noisy it is.
    effect : float
        Relative change, for example 0.05; above -1 and not 0.

    Raises
    ------
    ConfigError
        If the effect is 0 or not above -1.

    Examples
    --------
    >>> found = trial_power(TrialPlan("switchback", 112), TrialNoise(0.15), 0.1)
    >>> round(found.power, 2)
    0.82
    """
    if not -1 < effect < 100 or effect == 0:
        raise ConfigError(f"expected an effect such as 0.05, not 0 and above -1, got {effect:g}")
    error = difference_error(plan, noise)
    freedom = plan.units_of_test - 2
    critical = float(stats.t.ppf(1 - plan.significance / 2, freedom))
    power = _power(abs(np.log1p(effect)) / error, critical, freedom)
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _power(middle, critical, freedom) < 0.8 else (low, middle)
    return TrialPower(plan, effect, power, float(np.expm1(high * error)), error)


def _power(shift: float, critical: float, freedom: int) -> float:
    above = stats.nct.sf(critical, freedom, shift)
    below = stats.nct.cdf(-critical, freedom, shift)
    return float(np.nan_to_num(above, nan=1.0) + np.nan_to_num(below, nan=0.0))


def shortest_test(plan: TrialPlan, noise: TrialNoise, effect: float, power: float = 0.8) -> TrialPower:
    """Return the shortest test of a design that reaches a power; ``plan.days`` is the most it may take.

    Raises
    ------
    ConfigError
        If no length up to that reaches it; the message says what it would see.
    """
    if not 0 < power < 1:
        raise ConfigError(f"expected a power between 0 and 1, got {power:g}")
    step = plan.block_days * 2 if plan.design == "switchback" else 7
    first = 4 * plan.block_days if plan.design == "switchback" else 7
    for days in range(first, plan.days + 1, step):
        found = trial_power(replace(plan, days=days), noise, effect)
        if found.power >= power:
            return found
    longest = trial_power(plan, noise, effect)
    raise ConfigError(
        f"expected a test of at most {plan.days} days that finds {effect:+.1%} with a power of "
        f"{power:.0%}, and that "
        f"long it has {longest.power:.0%} and sees {longest.detectable:+.1%}. Allow more days"
        + (" or clusters" if plan.design == "cluster" else "")
        + ", or look for a larger effect"
    )


def simulated_power(
    plan: TrialPlan, noise: TrialNoise, effect: float, *, runs: int = 2000, seed: int = 0
) -> float:
    """Return the share of simulated tests that find the effect; the check on the formula.

    Each run draws days one by one, puts prices to blocks or clusters at random, and compares means by a
    t-test.
    """
    rng = np.random.default_rng(seed)
    count = plan.units_of_test
    treated = rng.permuted(np.tile(np.arange(count) < count // 2, (runs, 1)), axis=1)
    if plan.design == "cluster":
        days = _days(runs * count, plan.days, noise, rng).mean(axis=1).reshape(runs, count)
        means = days + noise.between * rng.standard_normal((runs, count))
    else:
        days = _days(runs, count * plan.block_days, noise, rng).reshape(runs, count, plan.block_days)
        means = days[:, :, plan.washout_days :].mean(axis=2)
    means = means + np.log1p(effect) * treated
    sides = [
        np.sort(np.where(treated == side, means, np.inf), axis=1)[:, : count // 2] for side in (True, False)
    ]
    found = stats.ttest_ind(*sides, axis=1).pvalue < plan.significance
    return float(np.mean(found))


def _days(rows: int, days: int, noise: TrialNoise, rng: np.random.Generator) -> np.ndarray:
    shocks = rng.standard_normal((rows, days))
    kept = np.sqrt(1 - noise.autocorrelation**2)
    for day in range(1, days):
        shocks[:, day] = noise.autocorrelation * shocks[:, day - 1] + kept * shocks[:, day]
    return noise.daily * shocks

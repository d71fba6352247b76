"""Units until the next delivery, when nobody knows quite how long that takes."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.inventory.distributions import MOST_UNITS, DiscreteUnits, NormalUnits


@dataclass(frozen=True)
class LeadTime:
    """How long a delivery takes.

    Parameters
    ----------
    mean, deviation : float
        In periods; the deviation is 0 where it is certain.

    Raises
    ------
    DataError
        If one is negative or not finite.
    """

    mean: float
    deviation: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.deviation]).all() and min(self.mean, self.deviation) >= 0):
            raise DataError(
                f"negative lead time: expected a mean and a deviation of 0 or more, got {self.mean:g} and "
                f"{self.deviation:g}"
            )


def protected_units(period: NormalUnits, lead_time: LeadTime, review: float = 0.0) -> NormalUnits:
    """Return the units of lead time and review period, which a stock has to cover.

    Parameters
    ----------
    period : NormalUnits
        Units of a period, independent from one to the next.
    lead_time : LeadTime
        Independent of the units.
    review : float, default 0
        Periods between two looks at the stock; 0 is continuous review.

    Returns
    -------
    NormalUnits
        With the exact mean and deviation; the shape is an approximation where the lead time is uncertain.

    Examples
    --------
    >>> round(protected_units(NormalUnits(10, 2), LeadTime(4, 1)).deviation ** 2)
    116
    """
    span = lead_time.mean + review
    variance = span * period.deviation**2 + (lead_time.deviation * period.mean) ** 2
    return NormalUnits(span * period.mean, sqrt(variance))


def units_over(periods: list[DiscreteUnits], lead_times: dict[int, float]) -> DiscreteUnits:
    """Return the units of the first ``length`` periods, where each length has a probability.

    Parameters
    ----------
    periods : list of DiscreteUnits
        Units of each period, independent.
    lead_times : dict of int to float
        Number of periods to its probability, with sum 1.

    Returns
    -------
    DiscreteUnits
        Their distribution, exact.

    Raises
    ------
    DataError
        If the probabilities are none, or a length passes the periods.

    Examples
    --------
    >>> coin = DiscreteUnits(np.array([0.5, 0.5]))
    >>> units_over([coin, coin], {1: 0.5, 2: 0.5}).probabilities.tolist()
    [0.375, 0.5, 0.125]
    """
    chances = np.array(list(lead_times.values()), dtype=np.float64)
    if not lead_times or chances.min() < 0 or abs(chances.sum() - 1) > 1e-6:
        raise DataError(f"no distribution: expected probabilities of lead times with sum 1, got {lead_times}")
    if min(lead_times) < 0 or max(lead_times) > len(periods):
        raise DataError(
            f"negative lead time: expected lengths from 0 to {len(periods)} periods, got {sorted(lead_times)}"
        )
    if sum(one.probabilities.size for one in periods) > MOST_UNITS:
        raise LimitError(f"expected at most {MOST_UNITS:,} units over the lead time. Count in cartons")
    total = DiscreteUnits(np.ones(1))
    sums = [total]
    for one in periods[: max(lead_times)]:
        total = total.plus(one)
        sums.append(total)
    mixed = np.zeros(max(sums[length].probabilities.size for length in lead_times))
    for length, chance in lead_times.items():
        known = sums[length].probabilities
        mixed[: known.size] += chance * known
    return DiscreteUnits(mixed)

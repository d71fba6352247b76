"""How long a stock lasts, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.special import ndtri

from pricelm.core.errors import DataError


@dataclass(frozen=True)
class Cover:
    """Days until a stock is sold: at the expected rate, and the ends of an interval."""

    days: float
    low: float
    high: float


def stock_cover(
    on_hand: float, units: float, deviation: float, period_days: float = 7.0, level: float = 0.9
) -> Cover:
    """Return how long a stock lasts.

    Units of different periods are taken as independent and their sums as normal, so that the stock is gone
    by day t with the probability that more is asked for until then.

    Parameters
    ----------
    on_hand : float
        Units in stock; none or fewer last 0 days.
    units, deviation : float
        Expected units a period, above 0, and their standard deviation.
    period_days : float, default 7
        Length of a period.
    level : float, default 0.9
        Of the interval.

    Raises
    ------
    DataError
        If nothing is expected to sell, or a number makes no sense.

    Examples
    --------
    >>> cover = stock_cover(100, units=50, deviation=10)
    >>> cover.days, round(cover.low, 1), round(cover.high, 1)
    (14.0, 11.1, 17.7)
    """
    if not (units > 0 and deviation >= 0 and period_days > 0 and 0 < level < 1):
        raise DataError(
            f"expected units above 0 and a deviation of 0 or more, got {units:g} and {deviation:g}"
        )
    stock = max(on_hand, 0.0)
    reach = float(ndtri((1 + level) / 2)) * deviation
    # stock = units t + z deviation sqrt(t), a quadratic in sqrt(t), at either end
    root = sqrt(reach**2 + 4 * units * stock)
    ends = (((root - reach) / (2 * units)) ** 2, ((root + reach) / (2 * units)) ** 2)
    if stock == 0:
        return Cover(0.0, 0.0, 0.0)
    return Cover(stock / units * period_days, ends[0] * period_days, ends[1] * period_days)

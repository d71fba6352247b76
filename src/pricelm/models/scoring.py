"""Scoring: from fitted members and checked listings to log prices, interval inputs and quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.core.errors import ConfigError
from pricelm.core.nouns import Comparable, PriceEstimate, PriceInterval, Quote
from pricelm.models.blend import Blend
from pricelm.models.calibration import IntervalInputs
from pricelm.models.comparables import ComparableIndex
from pricelm.models.lexical import LexicalMember
from pricelm.models.member import Member
from pricelm.models.shop_bands import ShopBands
from pricelm.models.text import FeatureColumns, compose_text, from_log_price, strings

_CENT = 0.01


def member_log_prices(members: Mapping[str, Member], listings: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return every member's log prices, each of shape (n,)."""
    if len(listings) == 0:
        return {name: np.empty(0) for name in members}
    return {name: member.predict(listings) for name, member in members.items()}


def interval_inputs(
    listings: pd.DataFrame, features: FeatureColumns, logs: Mapping[str, np.ndarray], blended: np.ndarray
) -> IntervalInputs:
    """Gather what the width of an interval depends on, n rows."""
    category = np.array(strings(listings, "category"), dtype=object)
    length = np.array([len(text) for text in compose_text(listings, features)], dtype=float)
    # a member that says nothing of a row does not disagree with the others either
    return IntervalInputs(blended, np.nanstd(list(logs.values()), axis=0), length, category)


def blend_without(blend: Blend, member: str) -> Blend:
    """Return the blend that the same held-out predictions give without one member."""
    if member not in blend.without:
        raise ConfigError(f"expected one of the members {list(blend.without)}, got {member!r}")
    return blend.without[member]


def log_factor(blend: Blend, statistic: str) -> float:
    """Return what is added to the median log price to get another statistic of the price.

    Examples
    --------
    >>> log_factor(Blend({"lexical": 1.0}, 0.0, {}, smearing=1.0), "mean")
    0.0
    """
    if statistic == "median":
        return 0.0
    if statistic != "mean":
        raise ConfigError(f"expected a statistic of median, mean, got {statistic!r}")
    if blend.smearing is None:
        raise ConfigError("expected a model that knows the mean, got an older one; train it again")
    return float(np.log(blend.smearing))


def spread(values: np.ndarray, positions: np.ndarray, n: int) -> np.ndarray:
    """Put the values of some rows in their places among ``n`` rows; the other rows are NaN.

    Examples
    --------
    >>> spread(np.array([5.0]), np.array([1]), 2).tolist()
    [nan, 5.0]
    """
    out = np.full((n, *values.shape[1:]), np.nan)
    out[positions] = values
    return out


def similar_listings(
    index: ComparableIndex | None, members: Mapping[str, Member], listings: pd.DataFrame, k: int
) -> list[tuple[Comparable, ...]]:
    """Return up to ``k`` known listings that read like each of n listings, n tuples."""
    lexical = members.get("lexical")
    if index is None or not isinstance(lexical, LexicalMember) or k == 0:
        return [()] * len(listings)
    return index.search(listings, lexical.ngrams_, k)


def check_level(level: float) -> None:
    """Raise ConfigError unless a confidence level is between 0 and 1."""
    if not 0 < level < 1:
        raise ConfigError(f"expected a confidence_level between 0 and 1, got {level}")


def check_ratio(ratio: float | None) -> None:
    """Raise ConfigError unless a ratio to abstain above is more than 1, or None."""
    if ratio is not None and not ratio > 1:
        raise ConfigError(f"expected an abstain_ratio above 1, got {ratio}")


@dataclass(frozen=True)
class QuoteWriter:
    """Writes quotes in the terms of one model.

    Parameters
    ----------
    confidence_level : float
        Level of the intervals.
    currency : str
        ISO 4217 code or empty.
    abstain_ratio : float or None
        Abstain where the interval's upper end is more than this many times the lower end.
    bands : ShopBands or None
        The shop's own price bands.
    """

    confidence_level: float
    currency: str
    abstain_ratio: float | None
    bands: ShopBands | None = None

    def write(
        self,
        listings: pd.DataFrame,
        logs: Mapping[str, np.ndarray],
        prices: np.ndarray,
        intervals: np.ndarray,
        similar: Sequence[tuple[Comparable, ...]],
    ) -> list[Quote]:
        """Return one quote a listing."""
        own = {name: from_log_price(values) for name, values in logs.items()}
        bands = self.bands.of(prices) if self.bands else [None] * len(prices)
        return [
            Quote(
                identifier,
                self.estimate(float(prices[row]), float(intervals[row, 0]), float(intervals[row, 1])),
                {name: float(values[row]) for name, values in own.items() if not np.isnan(values[row])},
                similar[row],
                band=bands[row],
            )
            for row, identifier in enumerate(strings(listings, "listing_id"))
        ]

    def estimate(self, price: float, lower: float, upper: float) -> PriceEstimate:
        """Return an estimate that abstains where its interval is too wide."""
        interval = PriceInterval(lower, upper, self.confidence_level, self.currency)
        reason = self.too_wide(lower, upper)
        return PriceEstimate(price, interval, self.currency, abstained=bool(reason), reason=reason)

    def too_wide(self, lower: float, upper: float) -> str:
        """Return why an interval makes the model abstain, or an empty string."""
        ratio = upper / max(lower, _CENT)
        if self.abstain_ratio is None or ratio <= self.abstain_ratio:
            return ""
        return (
            f"interval too wide: its upper end is {ratio:.1f} times the lower, {self.abstain_ratio:g} allowed"
        )

    def nothing_to_read(self) -> Quote:
        """Return the quote of a listing without any text or attribute."""
        interval = PriceInterval(0.0, float("inf"), self.confidence_level, self.currency)
        reason = "no text or attribute to price from"
        return Quote("", PriceEstimate(float("nan"), interval, self.currency, abstained=True, reason=reason))

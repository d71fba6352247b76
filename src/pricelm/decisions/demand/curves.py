"""Demand curves: expected units at a price, how sure that is, and up to which prices it may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pricelm.core.errors import DataError, SupportError

_EDGE = 1e-9


@dataclass(frozen=True)
class ElasticityCurve:
    """Units at a price with a constant elasticity inside the supported prices.

    It is a :class:`pricelm.core.protocols.DemandCurve`.

    Parameters
    ----------
    sku : str
        The product.
    reference_price : float
        The price that ``reference_units`` belongs to, in currency.
    reference_units : float
        Expected units a period at the reference price, all stores together.
    elasticity : float
        Percent of units lost or won a percent of price.
    elasticity_error, units_error : float
        Standard errors of the elasticity and of the logarithm of the reference units.
    price_low, price_high : float
        Ends of the supported prices: the lowest and highest seen, and a margin.

    Raises
    ------
    DataError
        If a price or the reference units are not positive numbers, or the ends are in the wrong order.

    Examples
    --------
    >>> curve = ElasticityCurve("tea", 4.0, 100.0, -2.0, 0.2, 0.05, 3.0, 5.0)
    >>> curve.units(np.array([4.0, 5.0])).tolist()
    [100.0, 64.0]
    >>> curve.units(np.array([9.0]))
    Traceback (most recent call last):
    ...
    pricelm.core.errors.SupportError: tea: expected prices from 3 to 5, which demand is ...
    """

    sku: str
    reference_price: float
    reference_units: float
    elasticity: float
    elasticity_error: float
    units_error: float
    price_low: float
    price_high: float

    def __post_init__(self) -> None:
        numbers = [value for name, value in asdict(self).items() if name != "sku"]
        positive = (self.reference_price, self.reference_units, self.price_low)
        if not np.isfinite(numbers).all() or min(positive) <= 0 or self.price_low > self.price_high:
            raise DataError(
                f"{self.sku}: expected a demand curve of finite numbers with positive prices and units and "
                f"price_low <= price_high, got {asdict(self)}"
            )

    def units(self, prices: np.ndarray) -> np.ndarray:
        """Return expected units a period at each price, shape of ``prices``.

        Raises
        ------
        SupportError
            If a price is outside the supported ones.
        """
        asked = self._supported(prices)
        return self.reference_units * (asked / self.reference_price) ** self.elasticity

    def draws(self, prices: np.ndarray, n_draws: int = 200, seed: int = 0) -> np.ndarray:
        """Return expected units under demand curves that the data allows, shape (n_draws, n_prices).

        Raises
        ------
        SupportError
            If a price is outside the supported ones.
        """
        asked = np.atleast_1d(self._supported(prices))
        rng = np.random.default_rng(seed)
        level = np.log(self.reference_units) + self.units_error * rng.standard_normal(n_draws)
        slope = self.elasticity + self.elasticity_error * rng.standard_normal(n_draws)
        return np.exp(level[:, None] + slope[:, None] * np.log(asked / self.reference_price))

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ElasticityCurve:
        """Rebuild a curve from :meth:`to_dict`."""
        try:
            return cls(**{**stored, "sku": str(stored["sku"])})
        except (KeyError, TypeError) as error:
            raise DataError(f"expected a stored demand curve, got {dict(stored)}") from error

    def _supported(self, prices: np.ndarray) -> np.ndarray:
        asked = np.asarray(prices, dtype=np.float64)
        low, high = self.price_low * (1 - _EDGE), self.price_high * (1 + _EDGE)
        outside = asked[~((asked >= low) & (asked <= high))]
        if outside.size:
            raise SupportError(
                f"{self.sku}: expected prices from {self.price_low:g} to {self.price_high:g}, which demand "
                f"is known for, got {outside.flat[0]:g}. Test first: sell at that price for a while, and "
                "learn again"
            )
        return asked

"""Demand of many products at once, from a table of elasticities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError

NEEDED = ("price", "units", "own_price_elasticity")
_STEEPEST = 50.0


@dataclass(frozen=True, eq=False)
class DemandTable:
    """Units of n products with constant elasticities; a `pricelm.core.protocols.UncertainDemand`.

    Parameters
    ----------
    reference_price, reference_units : numpy.ndarray
        A price each and the units a period expected at it, shape (n,).
    elasticity : numpy.ndarray
        Percent of units a percent of price, shape (n,).
    elasticity_error : numpy.ndarray
        Standard error of the elasticity; zeros where it is taken as known, shape (n,).
    price_low, price_high : numpy.ndarray
        Prices that demand was learned from, shape (n,); NaN where that is not known.

    Raises
    ------
    DataError
        If shapes differ, a number is not finite, or an elasticity is absurd.

    Examples
    --------
    >>> one = np.ones(1)
    >>> table = DemandTable(4 * one, 100 * one, -2 * one, 0 * one, 3 * one, 5 * one)
    >>> table.units(np.array([[4.0, 5.0]])).tolist()
    [[100.0, 64.0]]
    """

    reference_price: np.ndarray
    reference_units: np.ndarray
    elasticity: np.ndarray
    elasticity_error: np.ndarray
    price_low: np.ndarray
    price_high: np.ndarray

    def __post_init__(self) -> None:
        checked = (self.reference_price, self.reference_units, self.elasticity, self.elasticity_error)
        if len({one.shape for one in (*checked, self.price_low, self.price_high)}) != 1:
            raise DataError("expected demand columns of one length, got several")
        sound = np.isfinite(np.stack(checked)).all(axis=0)
        sound &= (self.reference_price > 0) & (self.reference_units >= 0) & (self.elasticity_error >= 0)
        sound &= (np.abs(self.elasticity) <= _STEEPEST) & ~(self.price_low > self.price_high)
        if not sound.all():
            row = int(np.flatnonzero(~sound)[0])
            raise DataError(
                "expected finite demand with a price above zero, units and errors of 0 or more, elasticity "
                f"within {_STEEPEST:g}, and price_low up to price_high; got "
                f"{[float(one[row]) for one in checked]} in row {row + 1}"
            )

    def __len__(self) -> int:
        return len(self.reference_price)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> DemandTable:
        """Build from columns price, units, own_price_elasticity and, where known, elasticity_se and support.

        Raises
        ------
        DataError
            If a column is missing.
        """
        for name in NEEDED:
            if name not in frame.columns:
                raise DataError(
                    f"expected demand with the columns {', '.join(NEEDED)}, got "
                    f"{', '.join(map(str, frame.columns[:30]))}"
                )

        def numbers(name: str, missing: float) -> np.ndarray:
            if name not in frame.columns:
                return np.full(len(frame), missing)
            values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
            return np.where(np.isnan(values), missing, values)

        return cls(
            numbers("price", np.nan),
            numbers("units", np.nan),
            numbers("own_price_elasticity", np.nan),
            numbers("elasticity_se", 0.0),
            numbers("price_low", np.nan),
            numbers("price_high", np.nan),
        )

    def units(self, prices: np.ndarray) -> np.ndarray:
        """Return expected units a period, shape (n, m) in and out."""
        relative = np.log(prices / self.reference_price[:, None])
        return self.reference_units[:, None] * np.exp(self.elasticity[:, None] * relative)

    def draws(self, prices: np.ndarray, n_draws: int = 200, seed: int = 0) -> np.ndarray:
        """Return units under drawn elasticities, shape (n_draws, n, m)."""
        normal = np.random.default_rng(seed).standard_normal((n_draws, len(self)))
        drawn = self.elasticity + self.elasticity_error * normal
        relative = np.log(prices / self.reference_price[:, None])
        return self.reference_units[None, :, None] * np.exp(drawn[:, :, None] * relative[None])

    def take(self, rows: np.ndarray) -> DemandTable:
        """Return the demand of some products."""
        return DemandTable(
            self.reference_price[rows],
            self.reference_units[rows],
            self.elasticity[rows],
            self.elasticity_error[rows],
            self.price_low[rows],
            self.price_high[rows],
        )

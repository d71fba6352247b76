"""A forecast as records: units by product, store and period, and everything they rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pricelm.core.errors import DataError

SCHEMA = 1
COLUMNS = (
    "level", "sku", "store", "category", "start", "step", "price", "units", "low", "high", "median",
    "baseline_units", "price_effect",
)  # fmt: skip
_NUMBERS = ("price", "units", "low", "high", "median", "baseline_units")


@dataclass(frozen=True)
class SeriesForecast:
    """The forecast of one product in one store, or of one category.

    Parameters
    ----------
    level : str
        ``"product"`` or ``"category"``.
    sku, store, category : str
        Which; sku and store are empty for a category.
    series_class : str
        smooth, erratic, intermittent or lumpy.
    method : str
        ``"ensemble"``, ``"share of category"`` or ``"sum of products"``.
    why : str
        Which members, how much each counts, and what they got wrong in the past.
    price, units, low, high, median, baseline_units : tuple of float
        One a period: the stated price, expected units, their interval, the middle of their distribution, and
        the units at the reference price. A category's price is the mean over its units.
    reference_price : float or None
        The usual price.
    elasticity : float or None
        What the price effect rests on.
    rung : str
        Of the demand ladder; empty for a category.
    note : str
        What to beware of; empty when there is nothing.
    """

    level: str
    sku: str
    store: str
    category: str
    series_class: str
    method: str
    why: str
    price: tuple[float, ...]
    units: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    median: tuple[float, ...]
    baseline_units: tuple[float, ...]
    reference_price: float | None = None
    elasticity: float | None = None
    rung: str = ""
    note: str = ""


@dataclass(frozen=True)
class SalesForecast:
    """Units of the coming periods, readable and without code: it is stored as JSON.

    Parameters
    ----------
    series : sequence of SeriesForecast
        Products by store, then categories.
    starts : tuple of str
        First day of each coming period, ISO.
    period_days : int
        7 or 1.
    confidence_level : float
        Of the intervals.
    currency : str
        ISO code, or ``""``.
    refusals : sequence of dict
        sku, store and reason of what is not forecast.
    members : dict
        Class to the weight and past error of each member, and of the ensemble.
    reconciliation : dict
        How far categories count against the sum of their products.
    notes : sequence of str
        What was assumed about the data.
    settings : dict
        Options that the forecast was made with.
    """

    series: Sequence[SeriesForecast]
    starts: tuple[str, ...]
    period_days: int
    confidence_level: float
    currency: str = ""
    refusals: Sequence[Mapping[str, str]] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    reconciliation: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """Return one row a series and period, in the columns of the forecast table."""
        n_steps = len(self.starts)
        frame = pd.DataFrame(
            {
                name: np.repeat([getattr(one, name) for one in self.series], n_steps)
                for name in ("level", "sku", "store", "category")
            }
        )
        frame["start"] = np.tile(self.starts, len(self.series))
        frame["step"] = np.tile(np.arange(1, n_steps + 1), len(self.series))
        for name in _NUMBERS:
            frame[name] = np.concatenate([getattr(one, name) for one in self.series])
        frame["price_effect"] = frame["units"] / frame["baseline_units"].where(frame["baseline_units"] > 0)
        return frame[list(COLUMNS)]

    def rate(self, sku: str) -> tuple[float, float]:
        """Return expected units a period and their standard deviation, over all stores.

        Raises
        ------
        DataError
            If the product is not forecast; the message says why.
        """
        stores = [one for one in self.series if one.level == "product" and one.sku == sku]
        if not stores:
            said = [one["reason"] for one in self.refusals if one["sku"] == sku]
            raise DataError(f"no forecast: {sku} is not in it" + (f", because of {said[0]}" if said else ""))
        units = np.array([one.units for one in stores])
        reach = np.array([one.high for one in stores]) - units
        deviation = reach / float(stats.norm.ppf((1 + self.confidence_level) / 2))
        return float(units.sum(axis=0).mean()), float(np.sqrt((deviation**2).sum(axis=0).mean()))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {"schema": SCHEMA, **asdict(self)}

    def save(self, path: str | Path) -> None:
        """Write the forecast as JSON."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> SalesForecast:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If the file is missing or holds something else.
        """
        try:
            stored = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise DataError(
                f"{path}: expected a forecast in JSON, but it cannot be read ({error})"
            ) from error
        if not isinstance(stored, dict) or stored.get("schema") != SCHEMA or "starts" not in stored:
            raise DataError(f"{path}: expected a forecast of schema {SCHEMA}. Make it with pricelm forecast")
        try:
            given = {name: value for name, value in stored.items() if name != "schema"}
            series = [_series(one) for one in given.pop("series")]
            return cls(series, tuple(map(str, given.pop("starts"))), **given)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}: expected a forecast as pricelm writes it, but {error!r}") from error


def _series(stored: Mapping[str, Any]) -> SeriesForecast:
    lists = {name: tuple(float(value) for value in stored[name]) for name in _NUMBERS}
    return SeriesForecast(**{**stored, **lists})

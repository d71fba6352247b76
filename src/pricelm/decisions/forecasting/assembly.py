"""From arrays to records: shares for young series, the price effect, intervals, and reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pricelm.decisions.forecasting.baseline import Base, Reconciled
from pricelm.decisions.forecasting.classes import CLASSES, series_classes
from pricelm.decisions.forecasting.config import ForecastConfig
from pricelm.decisions.forecasting.history import Learned, actual_units, rationale
from pricelm.decisions.forecasting.intervals import Calibration, calibrate, dispersion, unchecked
from pricelm.decisions.forecasting.prices import factors
from pricelm.decisions.forecasting.reconciliation import sum_by
from pricelm.decisions.forecasting.records import SeriesForecast

_Row = tuple[float, ...]
_Numbers = tuple[_Row, _Row, _Row, _Row, _Row, _Row]


@dataclass(frozen=True)
class _Spread:
    """Forecasts of one level with their intervals."""

    units: np.ndarray
    low: np.ndarray
    high: np.ndarray
    median: np.ndarray
    checked: bool

    def numbers(self, at: int, price: np.ndarray, baseline: np.ndarray) -> _Numbers:
        """Return price, units, low, high, median and baseline of one series, as the record has them."""
        return (
            _rounded(price),
            _rounded(self.units[at]),
            _rounded(self.low[at]),
            _rounded(self.high[at]),
            _rounded(self.median[at]),
            _rounded(baseline),
        )


class Records:
    """Turns arrays into records."""

    def __init__(self, base: Base, made: Reconciled, bottom: Learned, config: ForecastConfig) -> None:
        self.base, self.made, self.bottom, self.config = base, made, bottom, config
        self.table = base.table

    def write(self, prices: np.ndarray) -> list[SeriesForecast]:
        """Return products by store, then categories, at prices of shape (n_series, horizon)."""
        baseline, methods = self._with_young()
        effect = factors(prices, self.table.reference, self.base.elasticity)
        units = baseline * effect
        classes = series_classes(self.table.filled)
        spread = self._products(units, classes, self._price_doubt(prices))
        found = [
            self._product(at, prices[at], baseline[at], spread, methods[at], int(classes[at]))
            for at in range(len(units))
        ]
        return found + self._categories(prices, baseline, units)

    def _with_young(self) -> tuple[np.ndarray, list[tuple[str, str]]]:
        """Give series with too little past their share of the category, or of everything."""
        base, table = self.base, self.table
        baseline = np.zeros((len(table.keys), self.made.ahead.shape[1]))
        baseline[base.old] = self.made.ahead
        totals = sum_by(self.made.ahead, base.group, len(base.names))
        methods: list[tuple[str, str]] = []
        old_class = iter(self.bottom.classes)
        for at, old in enumerate(base.old):
            if old:
                methods.append(("ensemble", rationale(self.bottom.ensemble, int(next(old_class)))))
                continue
            name = str(table.keys["category"].iloc[at])
            where = np.flatnonzero(base.names == name)
            sums, ahead = (base.sums[where], totals[where]) if len(where) else (base.sums, totals)
            there = np.isfinite(base.demand[at])
            share = float(base.demand[at][there].sum() / max(sums.sum(axis=0)[there].sum(), 1e-9))
            baseline[at] = share * ahead.sum(axis=0)
            whose = f"the category {name!r}" if len(where) and name else "all products"
            methods.append(
                (
                    "share of category",
                    f"too few observations: {int(table.known[at].sum())} {self.config.period}s known, "
                    f"{self.config.min_observations} needed; it has the share of {whose} that it had so far",
                )
            )
        return baseline, methods

    def _price_doubt(self, prices: np.ndarray) -> np.ndarray:
        """Return the relative error that an unsure elasticity brings, away from the reference price."""
        errors = np.array([one.error for one in self.base.responses])
        return np.asarray(np.abs(np.log(prices / self.table.reference[:, None])) * errors[:, None])

    def _products(self, units: np.ndarray, classes: np.ndarray, doubt: np.ndarray) -> _Spread:
        base, table = self.base, self.table
        actual = actual_units(
            table.filled[base.old], table.known[base.old], self.made.ends, self.made.n_steps
        )
        past = self.made.past * actual_units(
            base.factor[base.old], np.ones_like(table.known[base.old]), self.made.ends, self.made.n_steps
        )
        sizes = np.full(len(units), float(np.mean(self.made.dispersion)))
        sizes[base.old] = self.made.dispersion
        return self._spread(units, past, actual, sizes, classes, base.old, doubt)

    def _spread(
        self,
        units: np.ndarray,
        past: np.ndarray,
        actual: np.ndarray,
        sizes: np.ndarray,
        classes: np.ndarray,
        old: np.ndarray,
        doubt: np.ndarray | float = 0.0,
    ) -> _Spread:
        level = self.config.confidence_level
        known = calibrate(past, actual, sizes[old], classes[old], level, len(CLASSES)) if len(past) else None
        calibration: Calibration = known or unchecked(len(CLASSES), level)
        low, high = calibration.interval(units, sizes, classes)
        reach = float(stats.norm.ppf((1 + level) / 2)) * doubt * units
        low = np.maximum(units - np.hypot(units - low, reach), 0.0)
        high = units + np.hypot(high - units, reach)
        median = np.clip(calibration.quantile(units, sizes, classes, 0.5), low, high)
        return _Spread(units, low, high, median, known is not None)

    def _product(
        self,
        at: int,
        price: np.ndarray,
        baseline: np.ndarray,
        spread: _Spread,
        method: tuple[str, str],
        number: int,
    ) -> SeriesForecast:
        response, key = self.base.responses[at], self.table.keys.iloc[at]
        notes = [response.note] if response.note else []
        if price.min() < response.price_low * (1 - 1e-9) or price.max() > response.price_high * (1 + 1e-9):
            notes.append(
                f"test first: {price.min():g} to {price.max():g} goes beyond the prices that demand is known "
                f"for, {response.price_low:g} to {response.price_high:g}"
            )
        if not spread.checked:
            notes.append("interval not checked: too little past")
        return SeriesForecast(
            "product",
            str(key["sku"]),
            str(key["store"]),
            str(key["category"]),
            CLASSES[number],
            method[0],
            method[1],
            *spread.numbers(at, price, baseline),
            reference_price=round(float(self.table.reference[at]), 6),
            elasticity=round(response.elasticity, 4),
            rung=response.rung,
            note="; ".join(notes),
        )

    def _categories(
        self, prices: np.ndarray, baseline: np.ndarray, units: np.ndarray
    ) -> list[SeriesForecast]:
        base, table, made = self.base, self.table, self.made
        names, group = np.unique(table.keys["category"].astype(str).to_numpy(), return_inverse=True)
        sums = [sum_by(values, group, len(names)) for values in (units, baseline, units * prices)]
        history = sum_by(table.filled, group, len(names))
        every = np.ones_like(history, dtype=bool)
        old_group = group[base.old]
        factor = actual_units(
            base.factor[base.old], np.ones_like(table.known[base.old]), made.ends, made.n_steps
        )
        past = [sum_by(one, old_group, len(names)) for one in made.past * factor]
        came = actual_units(
            table.filled[base.old], every[:1].repeat(int(base.old.sum()), 0), made.ends, made.n_steps
        )
        actual = [sum_by(one, old_group, len(names)) for one in came]
        shape = (len(made.ends), len(names), made.n_steps)
        sizes = dispersion(history, every)
        flat = np.zeros(len(names), dtype=np.intp)
        spread = self._spread(
            sums[0],
            np.array(past).reshape(shape),
            np.array(actual).reshape(shape),
            sizes,
            flat,
            np.ones(len(names), dtype=bool),
        )
        classes = series_classes(history)
        weight = made.facts.get("weight_of_category_forecast")
        why = "the sum of its products" + (
            f", which follow the category's own forecast for {weight:.0%} of the difference" if weight else ""
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_price = np.where(sums[0] > 0, sums[2] / sums[0], 0.0)
        return [
            SeriesForecast(
                "category",
                "",
                "",
                str(name),
                CLASSES[int(classes[at])],
                "sum of products",
                why,
                *spread.numbers(at, mean_price[at], sums[1][at]),
                note="" if spread.checked else "interval not checked: too little past",
            )
            for at, name in enumerate(names)
        ]


def _rounded(values: np.ndarray) -> _Row:
    return tuple(float(value) for value in np.round(values, 4))

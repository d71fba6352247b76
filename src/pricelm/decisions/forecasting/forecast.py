"""Forecasting: a baseline at the regular price by an ensemble, made coherent, times the price effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pricelm.catalog.sales import CheckedSales
from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand.learn import learn_demand
from pricelm.decisions.demand.panel import weekly_panel
from pricelm.decisions.demand.records import DemandModel
from pricelm.decisions.forecasting.classes import CLASSES, series_classes
from pricelm.decisions.forecasting.config import ForecastConfig
from pricelm.decisions.forecasting.history import Learned, actual_units, learn_level, past_origins, rationale
from pricelm.decisions.forecasting.intervals import Calibration, calibrate, dispersion, unchecked
from pricelm.decisions.forecasting.members import Histories, chosen_members
from pricelm.decisions.forecasting.prices import PriceResponse, factors, future_prices, price_responses
from pricelm.decisions.forecasting.reconciliation import measured_variances, reconcile, sum_by
from pricelm.decisions.forecasting.records import SalesForecast, SeriesForecast
from pricelm.decisions.forecasting.series import SeriesTable, prepare_series

_RECENT = 13


def forecast(
    sales: CheckedSales,
    config: ForecastConfig = ForecastConfig(),
    price_path: pd.DataFrame | None = None,
    demand: DemandModel | None = None,
    progress: Progress = Silence(),
) -> SalesForecast:
    """Forecast the units of every product and store at a stated price path.

    Past units are brought to the regular price by the elasticity of the demand ladder, forecast by an ensemble,
    reconciled with their categories, and brought to the stated prices by the same elasticity: what the
    forecast says of another price is what the ladder says.

    Parameters
    ----------
    sales : CheckedSales
        Checked sales.
    config : ForecastConfig
        Horizon, frequency and levels.
    price_path : pandas.DataFrame, optional
        Coming prices: sku, store (``""`` for all), date (NaT for all), price. The regular price where nothing
        is stated.
    demand : DemandModel, optional
        Learned from the same sales if it is not given.
    progress : Progress
        Told what happens.

    Returns
    -------
    SalesForecast
        Products by store, and categories; refused series with their reason.

    Raises
    ------
    DataError
        If no series is long enough, or the sales cannot be used.
    """
    table = prepare_series(sales, config)
    if demand is None:
        demand = learn_demand(weekly_panel(sales), progress=progress)
    old = table.known.sum(axis=1) >= config.min_observations
    if not old.any():
        longest = int(table.known.sum(axis=1).max())
        raise DataError(
            f"too few observations: expected at least {config.min_observations} known {config.period}s of some "
            f"product, got {longest} at most"
        )
    responses = price_responses(table, demand)
    base = _Base(table, responses, old)
    ends, n_steps = past_origins(table.units.shape[1], config)
    members = chosen_members(config, table.units.shape[1])
    progress.start("forecasting", 2 * (len(ends) + 1))
    bottom = learn_level(members, base.bottom(), config, progress)
    top = learn_level(members, base.top(), config, progress)
    made = _Reconciled(base, bottom, top, ends, n_steps)
    starts = table.starts[-1] + pd.to_timedelta(
        config.period_days * np.arange(1, config.horizon + 1), unit="D"
    )
    prices, notes = future_prices(table, pd.DatetimeIndex(starts), price_path, config.period_days)
    series = _Records(base, made, bottom, config).write(prices)
    return SalesForecast(
        series,
        tuple(day.date().isoformat() for day in starts),
        config.period_days,
        config.confidence_level,
        sales.currency,
        [{"sku": sku, "store": store, "reason": why} for (sku, store), why in sorted(table.refusals.items())],
        {"products": _members(bottom), "categories": _members(top)},
        made.facts,
        [*table.notes, *notes],
        asdict(config),
    )


def _members(level: Learned) -> dict[str, dict[str, object]]:
    ensemble = level.ensemble
    return {
        CLASSES[one]: {
            "series": int((level.classes == one).sum()),
            "weights": dict(zip(ensemble.names, ensemble.weights[one].round(4).tolist(), strict=True)),
            "past_errors": {
                name: _finite(error) for name, error in zip(ensemble.names, ensemble.errors[one], strict=True)
            },
            "past_error": _finite(ensemble.own_errors[one]),
        }
        for one in range(len(CLASSES))
        if (level.classes == one).any()
    }


def _finite(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


class _Base:
    """Demand at the regular price, of products with enough past and of their categories."""

    def __init__(self, table: SeriesTable, responses: Mapping[str, PriceResponse], old: np.ndarray) -> None:
        self.table, self.old = table, old
        self.responses = [responses[str(sku)] for sku in table.keys["sku"]]
        self.elasticity = np.array([one.elasticity for one in self.responses])
        self.factor = factors(table.prices, table.reference, self.elasticity)
        self.demand = table.filled / self.factor
        names = table.keys["category"].astype(str).to_numpy()
        self.names, self.group = np.unique(names[old], return_inverse=True)
        self.sums = sum_by(self.demand[old], self.group, len(self.names))
        begun = np.maximum.accumulate(self.sums > 0, axis=1)
        self.totals = np.where(begun, self.sums, np.nan)

    def bottom(self) -> Histories:
        keys = self.table.keys.loc[self.old]
        numbers = pd.DataFrame({"sku": pd.factorize(keys["sku"])[0], "category": self.group})
        return Histories(self.demand[self.old], self.table.known[self.old], numbers)

    def top(self) -> Histories:
        numbers = pd.DataFrame({"sku": np.arange(len(self.names)), "category": 0})
        return Histories(self.totals, np.isfinite(self.totals), numbers)


class _Reconciled:
    """Products and categories that agree, in the past and ahead, at the regular price."""

    def __init__(self, base: _Base, bottom: Learned, top: Learned, ends: list[int], n_steps: int) -> None:
        self.base, self.ends, self.n_steps = base, ends, n_steps
        self.dispersion = dispersion(base.demand[base.old], base.table.known[base.old])
        truth = actual_units(base.demand[base.old], base.table.known[base.old], ends, n_steps)
        self.variances = None
        self.facts: dict[str, object] = {
            "method": "MinT with measured variances",
            "categories": len(base.names),
        }
        if ends:
            of_sums, of_top = measured_variances(bottom.past, truth, top.past, base.group)
            self.variances = of_sums, of_top
            self.facts["weight_of_category_forecast"] = round(
                float(of_sums.sum() / (of_sums + of_top).sum()), 4
            )
        self.past = np.array([
            self._agree(one, two) for one, two in zip(bottom.past, top.past, strict=True)
        ]).reshape(bottom.past.shape)  # fmt: skip
        self.ahead = self._agree(bottom.ahead, top.ahead)

    def _agree(self, bottom: np.ndarray, top: np.ndarray) -> np.ndarray:
        if self.variances is None:
            return bottom
        of_sums, of_top = self.variances
        own = self.dispersion[:, None] * np.maximum(bottom, 1e-9)
        total = sum_by(own, self.base.group, len(of_sums))
        scaled = own * (of_sums[:, None] / total)[self.base.group]
        return reconcile(
            bottom, scaled, top, np.repeat(of_top[:, None], top.shape[1], axis=1), self.base.group
        )


@dataclass(frozen=True)
class _Spread:
    """Forecasts of one level with their intervals."""

    units: np.ndarray
    low: np.ndarray
    high: np.ndarray
    median: np.ndarray


class _Records:
    """Turns arrays into records."""

    def __init__(self, base: _Base, made: _Reconciled, bottom: Learned, config: ForecastConfig) -> None:
        self.base, self.made, self.bottom, self.config = base, made, bottom, config
        self.table = base.table

    def write(self, prices: np.ndarray) -> list[SeriesForecast]:
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
        self.checked = known is not None
        calibration: Calibration = known or unchecked(len(CLASSES), level)
        low, high = calibration.interval(units, sizes, classes)
        reach = float(stats.norm.ppf((1 + level) / 2)) * doubt * units
        low = np.maximum(units - np.hypot(units - low, reach), 0.0)
        high = units + np.hypot(high - units, reach)
        median = np.clip(calibration.quantile(units, sizes, classes, 0.5), low, high)
        return _Spread(units, low, high, median)

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
                f"test first: {price.min():g} to {price.max():g} goes beyond the prices that demand is known for, "
                f"{response.price_low:g} to {response.price_high:g}"
            )
        if not self.checked:
            notes.append("interval not checked: too little past")
        return SeriesForecast(
            "product",
            str(key["sku"]),
            str(key["store"]),
            str(key["category"]),
            CLASSES[number],
            method[0],
            method[1],
            *_rounded(price, spread.units[at], spread.low[at], spread.high[at], spread.median[at], baseline),
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
                *_rounded(
                    mean_price[at],
                    spread.units[at],
                    spread.low[at],
                    spread.high[at],
                    spread.median[at],
                    sums[1][at],
                ),
                note="" if self.checked else "interval not checked: too little past",
            )
            for at, name in enumerate(names)
        ]


def _rounded(*values: np.ndarray) -> list[tuple[float, ...]]:
    return [tuple(np.round(one, 4).tolist()) for one in values]

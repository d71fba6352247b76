"""Simulated markets in twins: one draw of everything, once with prices that follow demand and once without.

In both twins a price is what the product costs, a chance part, a promotion, and a reaction to a demand shock
that the data does not hold. In the confounded twin it is the shock of that very product, store and week; in
the other it is the shock of another store, equally large and as long-lived, so that prices move as much.
The 32 scenarios (a price moved by 5 to 20 %, of one product or of four together) and the scorer follow
CausalDemand (Hong, Hwang and Shankar, 2026); its own data needs an account and is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales

_N_SCENARIOS = 32
_BRAND_SIZE = 4
_MOVES = (-0.2, -0.1, 0.1, 0.2)
KEY = ["product_id", "store_id", "week"]


@dataclass(frozen=True)
class Market:
    """One twin.

    Parameters
    ----------
    sales : pandas.DataFrame
        sku, store, week, date, price, units, unit_cost, promo, and ``mean``, the expected units.
    own, rival : numpy.ndarray
        True elasticities to the own price and to the mean price of the others, shape (n_products,).
    first_week : int
        First of the weeks that are judged on.
    """

    sales: pd.DataFrame
    own: np.ndarray
    rival: np.ndarray
    first_week: int

    @property
    def skus(self) -> list[str]:
        """Names of the products, in the order of the elasticities."""
        return [f"p{number:02d}" for number in range(len(self.own))]

    def training(self) -> CheckedSales:
        """Return what a method may see: no shock, no expected units, no judged week."""
        seen = self.sales[self.sales["week"] < self.first_week].drop(columns=["mean", "week"])
        return CheckedSales(seen, ("promo",), pd.DataFrame(columns=["row", "column", "value", "reason"]))


@dataclass(frozen=True)
class Size:
    """How large a market is."""

    products: int = 20
    stores: int = 24
    weeks: int = 104
    judged_weeks: int = 16


def twins(seed: int, size: Size = Size()) -> dict[str, Market]:
    """Draw a market once and return its confounded and its unconfounded twin."""
    rng = np.random.default_rng(seed)
    shape = (size.products, size.stores, size.weeks)
    own = np.clip(-2 + 0.65 * rng.standard_normal(size.products), -4.2, -0.5)
    rival = np.clip(0.25 + 0.1 * rng.standard_normal(size.products), 0, None)
    level = (
        2.9
        + 0.5 * rng.standard_normal((size.products, 1, 1))
        + 0.3 * rng.standard_normal((1, size.stores, 1))
    )
    base_price = np.log(2 + 4 * rng.random((size.products, 1, 1)))
    season = 0.25 * np.sin(2 * np.pi * np.arange(size.weeks) / 52 + 1)
    shock = _lasting(rng, shape, 0.6)
    cost = 0.08 * _lasting(rng, (size.products, 1, size.weeks), 0.9) + 0.03 * rng.standard_normal(shape)
    promo = np.broadcast_to(rng.random((size.products, 1, size.weeks)) < 0.1, shape).astype(float)
    chance = 0.03 * rng.standard_normal(shape)
    uniform = rng.random(shape)
    found = {}
    for name, driver in (("confounded", shock), ("unconfounded", np.roll(shock, size.stores // 2, axis=1))):
        moved = cost + chance - 0.15 * promo + 0.12 * driver
        others = (moved.sum(axis=0, keepdims=True) - moved) / (size.products - 1)
        logs = level + season + 0.3 * shock + 0.2 * promo
        mean = np.exp(logs + own[:, None, None] * moved + rival[:, None, None] * others)
        columns = {"price": np.exp(base_price + moved), "mean": mean, "units": _poisson(uniform, mean)}
        columns |= {"unit_cost": np.exp(base_price + cost - 0.4), "promo": promo}
        first = size.weeks - size.judged_weeks
        found[name] = Market(_frame(shape, columns), own, rival, first)
    return found


def scenarios(market: Market, seed: int) -> tuple[list[tuple[str, np.ndarray, float]], pd.DataFrame]:
    """Return the price moves to judge on (name, products, share) and the scorer's answer key."""
    rng = np.random.default_rng(seed)
    judged = market.sales[market.sales["week"] >= market.first_week]
    moves, key = [], []
    for number in range(_N_SCENARIOS):
        several = number >= _N_SCENARIOS * 3 // 4
        products = rng.choice(len(market.own), _BRAND_SIZE if several else 1, replace=False)
        moves.append((f"s{number:02d}", products, _MOVES[number % len(_MOVES)]))
    for name, products, share in moves:
        for product in products:
            rows = judged[judged["sku"] == market.skus[product]]
            factor = response(market.own, market.rival, product, products, share)
            ids = {"product_id": rows["sku"], "store_id": rows["store"], "week": rows["week"]}
            truth = {"q": rows["mean"], "q_cf": rows["mean"] * factor}
            labels = {
                "scope": "brand" if len(products) > 1 else "product",
                "direction": "up" if share > 0 else "down",
            }
            key.append(pd.DataFrame({"intervention_id": name, **ids, **truth, **labels}))
    return moves, pd.concat(key, ignore_index=True)


def response(own: np.ndarray, rival: np.ndarray, product: int, moved: np.ndarray, share: float) -> float:
    """Return the factor on a product's units when ``moved`` products change their price by ``share``."""
    others = (len(moved) - 1) / (len(own) - 1)
    return float((1 + share) ** (own[product] + rival[product] * others))


def scored(
    market: Market,
    moves: list[tuple[str, np.ndarray, float]],
    key: pd.DataFrame,
    units: pd.DataFrame,
    changes: pd.DataFrame,
) -> float:
    """Return the mean counterfactual error of the official scorer.

    ``units`` has the key columns and ``predicted_units``; ``changes`` the scenario, the key columns and
    ``predicted_delta_units``. A prediction that the scorer does not call valid is an error.
    """
    from causaldemand.metrics import panel_scorer

    judged = market.sales[market.sales["week"] >= market.first_week]
    truth = pd.DataFrame(
        {
            "product_id": judged["sku"],
            "store_id": judged["store"],
            "week": judged["week"],
            "q": judged["mean"],
        }
    )
    tidy = panel_scorer._norm
    table = panel_scorer.score_scenarios(tidy(key), tidy(units), tidy(changes))
    summary = panel_scorer.run_summary(table, tidy(truth), tidy(units))
    if summary["status"] != "valid":
        raise ValueError(f"the scorer refuses the predictions: {summary['invalid_reasons']}")
    return float(summary["mean_accuracy_cf_wmape"])


def score_elasticities(market: Market, seed: int, own: np.ndarray, rival: np.ndarray) -> float:
    """Score constant elasticities; the level of the forecast does not matter to the scorer."""
    moves, key = scenarios(market, seed)
    judged = market.sales[market.sales["week"] >= market.first_week]
    every = judged[["sku", "store", "week"]].set_axis(KEY, axis=1)
    units = every.assign(predicted_units=1.0)
    changes = []
    for name, products, share in moves:
        rows = key.loc[key["intervention_id"] == name, ["intervention_id", *KEY]]
        factors = {market.skus[one]: response(own, rival, one, products, share) for one in products}
        changes.append(rows.assign(predicted_delta_units=rows["product_id"].map(factors) - 1))
    return scored(market, moves, key, units, pd.concat(changes))


def score_forecaster(market: Market, seed: int, *, boosting_seed: int = 0) -> float:
    """Score boosted trees that forecast units from the price and everything else, as a forecaster would."""
    from lightgbm import LGBMRegressor

    moves, key = scenarios(market, seed)
    features = _features(market)
    seen = market.sales["week"] < market.first_week
    model = LGBMRegressor(n_estimators=300, random_state=boosting_seed, n_jobs=1, verbosity=-1)
    names = list(features.columns)
    model.fit(features.loc[seen, names], np.log1p(market.sales.loc[seen, "units"]))
    judged = market.sales[~seen]
    now = np.maximum(np.expm1(model.predict(features.loc[~seen, names])), 1e-3)
    units = judged[["sku", "store", "week"]].set_axis(KEY, axis=1).assign(predicted_units=now)
    changes = []
    for name, products, share in moves:
        skus = [market.skus[one] for one in products]
        moved = market.sales.copy()
        touched = moved["sku"].isin(skus) & ~seen
        moved.loc[touched, "price"] *= 1 + share
        fresh = _features(Market(moved, market.own, market.rival, market.first_week)).loc[touched, names]
        after = np.maximum(np.expm1(model.predict(fresh)), 1e-3)
        rows = moved.loc[touched, ["sku", "store", "week"]].set_axis(KEY, axis=1)
        changes.append(
            rows.assign(intervention_id=name, predicted_delta_units=after - now[touched[~seen].to_numpy()])
        )
    return scored(market, moves, key, units, pd.concat(changes))


def _features(market: Market) -> pd.DataFrame:
    sales = market.sales
    logs = np.log(sales["price"])
    cell = logs.groupby([sales["store"], sales["week"]])
    others = (cell.transform("sum") - logs) / (cell.transform("count") - 1)
    codes = {name: sales[name].astype("category").cat.codes for name in ("sku", "store")}
    return pd.DataFrame(
        {"log_price": logs, "others": others, "promo": sales["promo"], "week": sales["week"], **codes}
    )


def _lasting(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> np.ndarray:
    """Draw shocks of variance one that fade by ``memory`` a week."""
    fresh = rng.standard_normal(shape)
    out = fresh.copy()
    for week in range(1, shape[-1]):
        out[..., week] = memory * out[..., week - 1] + np.sqrt(1 - memory**2) * fresh[..., week]
    return out


def _poisson(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Turn the same uniform draws into counts of either twin."""
    from scipy import stats

    return np.asarray(stats.poisson.ppf(uniform, mean), dtype=np.float64)


def _frame(shape: tuple[int, int, int], columns: dict[str, np.ndarray]) -> pd.DataFrame:
    sku, store, week = np.indices(shape).reshape(3, -1)
    frame = pd.DataFrame(
        {"sku": [f"p{one:02d}" for one in sku], "store": [f"s{one:02d}" for one in store], "category": "all"}
    )
    frame["week"] = week
    frame["date"] = pd.Timestamp("2022-01-03") + pd.to_timedelta(7 * week, unit="D")
    for name, values in columns.items():
        frame[name] = np.asarray(values, dtype=np.float64).ravel()
    return frame

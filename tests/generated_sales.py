"""Sales drawn from known demand, for tests: what comes out can be compared with what went in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Shop:
    """How a shop's sales are drawn.

    ``confounding`` is how strongly prices follow a demand shock that the data does not hold. With
    ``weeks_a_cost`` a product's cost is the same in all stores and stays for so many weeks on average.
    """

    n_skus: int = 6
    n_stores: int = 4
    n_weeks: int = 80
    confounding: float = 0.0
    cost_moves: float = 0.0
    cross: float = 0.0
    units: float = 40.0
    weeks_a_cost: float = 0.0


def drawn_sales(shop: Shop = Shop(), seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return sales (sku, store, date, price, units, unit_cost, promo, category) and true own elasticities."""
    rng = np.random.default_rng(seed)
    shape = (shop.n_skus, shop.n_stores, shop.n_weeks)
    own = -1.2 - 2.0 * np.linspace(0, 1, shop.n_skus)
    shock = rng.standard_normal(shape)
    cost = shop.cost_moves * (_steps(rng, shop) if shop.weeks_a_cost else rng.standard_normal(shape))
    promo = (rng.random((shop.n_skus, 1, shop.n_weeks)) < 0.12) * np.ones(shape)
    moved = cost + 0.08 * rng.standard_normal(shape) - 0.1 * promo + shop.confounding * shock
    base = np.log(2 + np.arange(shop.n_skus))[:, None, None]
    others = (moved.sum(axis=0) - moved) / max(shop.n_skus - 1, 1)
    level = np.log(shop.units) + 0.2 * rng.standard_normal((1, shop.n_stores, 1))
    season = 0.2 * np.sin(2 * np.pi * np.arange(shop.n_weeks) / 52)
    strength = 0.3 if shop.confounding else 0.0
    mean = np.exp(
        level + season + 0.3 * promo + strength * shock + own[:, None, None] * moved + shop.cross * others
    )
    sku, store, week = np.indices(shape).reshape(3, -1)
    frame = pd.DataFrame(
        {
            "sku": [f"p{one}" for one in sku],
            "store": [f"s{one}" for one in store],
            "date": pd.Timestamp("2023-01-02") + pd.to_timedelta(7 * week, unit="D"),
            "price": np.exp(base + moved).ravel(),
            "units": rng.poisson(mean).ravel().astype(float),
            "unit_cost": np.exp(base + cost - 0.5).ravel(),
            "promo": promo.ravel(),
            "category": "tea",
        },
        index=pd.RangeIndex(1, sku.size + 1, name="row"),
    )
    return frame, own


def _steps(rng: np.random.Generator, shop: Shop) -> np.ndarray:
    """Draw levels that last, one for all stores, shape (n_skus, n_stores, n_weeks)."""
    shape = (shop.n_skus, 1, shop.n_weeks)
    fresh = rng.standard_normal(shape)
    starts = (rng.random(shape) < 1 / shop.weeks_a_cost) | (np.arange(shop.n_weeks) == 0)
    last = np.maximum.accumulate(np.where(starts, np.arange(shop.n_weeks), 0), axis=2)
    return np.repeat(np.take_along_axis(fresh, last, axis=2), shop.n_stores, axis=1)

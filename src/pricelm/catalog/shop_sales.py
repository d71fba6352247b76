"""Sales for an embedded shop: drawn from demand that is known, so that what is learned can be held to it.

The shops bring texts and prices and no costs or stock. Which products sell, at what cost, and how their
buyers answer to prices is drawn here; the truth comes along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.catalog.money import parse_prices
from pricelm.catalog.shops import Shop
from pricelm.core.errors import DataError

ABOUT = (
    "The sales, costs and stocks are made up: drawn from demand that is known, for products of the "
    "shop at their "
    "prices. Prices follow unit costs, and also busy weeks, which the sales do not show."
)
FIRST_WEEK = pd.Timestamp("2024-01-01")
_CATEGORIES, _PER_CATEGORY = 3, 9
_STORES, _WEEKS = 3, 104
_LOWEST_PRICE = 1.0
_DEMAND_SHOCK, _PRICE_FOLLOWS, _COST_MOVES = 0.2, 0.05, 0.07
_DEPTH, _DISPLAY, _PULLED_FORWARD = 0.2, 0.25, 0.12
_WEEKS_BETWEEN = 17
_NAME_LETTERS = 30
_EXIT_WEEKS, _EXIT_STOCK_WEEKS = 5, 6.5


@dataclass(frozen=True, eq=False)
class ShopSales:
    """What an embedded shop sold.

    Parameters
    ----------
    sales : pandas.DataFrame
        date, sku, store, category, price, units, unit_cost, on_hand, promo, currency.
    products : pandas.DataFrame
        sku, title, category, price, currency, unit_cost, competitor_price, on_hand, lead_time_days,
        order_cost, exit_date (of one product a category, which is to leave).
    truth : pandas.DataFrame
        sku, own_price_elasticity, units (a week in all stores at the product's price), uplift (share by
        which a promotion at its price raises sales).
    currency : str
        ISO 4217 code.
    """

    sales: pd.DataFrame
    products: pd.DataFrame
    truth: pd.DataFrame
    currency: str

    @property
    def next_week(self) -> str:
        """The Monday after the last week of sales."""
        return str((FIRST_WEEK + pd.Timedelta(weeks=_WEEKS)).date())

    def true_units(self, prices: Mapping[str, float]) -> dict[str, float]:
        """Return the units a week that are truly expected at some prices."""
        now = self.products.set_index("sku")["price"]
        known = self.truth.set_index("sku")
        return {
            sku: float(known.at[sku, "units"] * (price / now[sku]) ** known.at[sku, "own_price_elasticity"])
            for sku, price in prices.items()
        }


def shop_sales(shop: Shop, seed: int = 0) -> ShopSales:
    """Draw two years of weekly sales for some products of an embedded shop.

    Parameters
    ----------
    shop : Shop
        The shop; its products stand in at most three categories of nine here.
    seed : int, default 0
        Seed of the draw; the same one gives the same sales.

    Returns
    -------
    ShopSales
        Sales, the products as they stand after the last week, and the truth.

    Raises
    ------
    DataError
        If the shop has no priced products in categories.

    Examples
    --------
    >>> from pricelm.catalog.shops import load_shop
    >>> drawn = shop_sales(load_shop("electronics"))
    >>> len(drawn.sales), len(drawn.products), drawn.next_week
    (8424, 27, '2025-12-29')
    """
    chosen = _chosen_products(shop)
    n = len(chosen)
    rng = np.random.default_rng(seed)
    base = chosen["price"].to_numpy()
    kind = pd.factorize(chosen["category"])[0]
    # a category's buyers are more alike than those of the whole shop
    own = np.round(-1.7 - 0.4 * (kind % 4) + 0.3 * rng.uniform(-1.7, 1.7, n), 2)
    cost_share = rng.uniform(0.45, 0.68, n)
    shape = (n, _STORES, _WEEKS)
    promo = _promotions(rng, n)[:, None, :] * np.ones(shape)
    shock = rng.standard_normal(shape)
    cost_move = _walk(rng, n)[:, None, :]
    moved = cost_move + _PRICE_FOLLOWS * shock + 0.02 * rng.standard_normal(shape)
    price = np.round(base[:, None, None] * np.exp(moved) * (1 - _DEPTH * promo), 2)
    week_units = rng.lognormal(3.8, 0.5, n)[:, None, None]
    busy = rng.lognormal(0.0, 0.25, _STORES)[None, :, None]
    season = 0.15 * np.sin(2 * np.pi * np.arange(_WEEKS) / 52.18 + kind[:, None, None])
    after = np.roll(promo, 1, axis=2) * (1 - promo)
    after[:, :, 0] = 0.0
    calm = (
        week_units
        * busy
        * np.exp(season + own[:, None, None] * np.log(price / base[:, None, None]) + _DISPLAY * promo)
    )
    mean = calm * np.exp(_DEMAND_SHOCK * shock) * (1 - _PULLED_FORWARD * after)
    on_hand = np.ceil(2.2 * calm)
    units = np.minimum(rng.poisson(mean), on_hand)
    cost = np.round(base[:, None, None] * cost_share[:, None, None] * np.exp(cost_move) * np.ones(shape), 2)
    sales = _sales_table(chosen, (price, units, cost, on_hand, promo), shop.currency)
    products, truth = _products_table(chosen, sales, rng)
    level = week_units[:, 0, 0] * busy.sum() * np.exp(season[:, 0, -1] + _DEMAND_SHOCK**2 / 2)
    truth["own_price_elasticity"] = own
    truth["units"] = np.round(level * (products["price"].to_numpy() / base) ** own, 2)
    truth["uplift"] = np.round(np.exp(_DISPLAY + own * np.log(1 - _DEPTH)) - 1, 4)
    return ShopSales(sales, products, truth, shop.currency)


def _chosen_products(shop: Shop) -> pd.DataFrame:
    """Take products of the largest categories, those of the new listings first, over all their prices."""
    columns, listings = shop.columns, shop.listings
    if columns.price is None or columns.category is None or columns.title is None:
        raise DataError(
            "expected a shop with titles, prices and categories, got one without. Take another shop"
        )
    titles = listings[columns.title].astype(str)
    table = pd.DataFrame(
        {
            "sku": titles.map(_name),
            "title": titles,
            "category": listings[columns.category],
            "price": parse_prices(listings[columns.price])[0],
        }
    )
    table = table[(table["price"] >= _LOWEST_PRICE) & table["category"].ne("")].drop_duplicates("sku")
    wanted = list(shop.new_listings[columns.category]) if columns.category in shop.new_listings else []
    counts = table["category"].value_counts()
    large = counts[counts >= _PER_CATEGORY]
    names = sorted(large.index, key=lambda name: (name not in wanted, -large[name], name))[:_CATEGORIES]
    if not names:
        raise DataError(f"expected a category with {_PER_CATEGORY} priced products, got none. Take more rows")
    parts = []
    for name in names:
        part = table[table["category"] == name].sort_values(["price", "sku"])
        parts.append(part.iloc[np.linspace(0, len(part) - 1, _PER_CATEGORY).round().astype(int)])
    return pd.concat(parts, ignore_index=True)


def _name(title: str) -> str:
    """Make a short name of a title, which people can tell apart in tables."""
    words = re.sub(r"[^\w.]+", "-", title.lower()).strip("-.")
    return words if len(words) <= _NAME_LETTERS else words[:_NAME_LETTERS].rsplit("-", 1)[0]


def _promotions(rng: np.random.Generator, n: int) -> np.ndarray:
    """Flag one week in seventeen of every product, in all stores, each product in weeks of its own."""
    flags = np.zeros((n, _WEEKS))
    for row in range(n):
        flags[row, int(rng.integers(_WEEKS_BETWEEN)) :: _WEEKS_BETWEEN] = 1.0
    flags[:, -_WEEKS_BETWEEN // 2 :] = 0.0
    return flags


def _walk(rng: np.random.Generator, n: int) -> np.ndarray:
    """Unit costs that stay for some weeks and then move, in logarithms around 0."""
    levels = _COST_MOVES * rng.standard_normal((n, _WEEKS // 8 + 2))
    start = rng.integers(8, size=n)
    at = (np.arange(_WEEKS)[None, :] + start[:, None]) // 8
    return np.take_along_axis(levels, at, axis=1)


def _sales_table(chosen: pd.DataFrame, drawn: tuple[np.ndarray, ...], currency: str) -> pd.DataFrame:
    price, units, cost, on_hand, promo = (part.ravel() for part in drawn)
    row, store, week = np.indices((len(chosen), _STORES, _WEEKS)).reshape(3, -1)
    return pd.DataFrame(
        {
            "date": (FIRST_WEEK + pd.to_timedelta(7 * week, unit="D")).strftime("%Y-%m-%d"),
            "sku": chosen["sku"].to_numpy()[row],
            "store": np.array([f"store {one + 1}" for one in range(_STORES)])[store],
            "category": chosen["category"].to_numpy()[row],
            "price": price,
            "units": units.astype(np.int64),
            "unit_cost": cost,
            "on_hand": on_hand.astype(np.int64),
            "promo": promo.astype(np.int64),
            "currency": currency,
        }
    )


def _products_table(
    chosen: pd.DataFrame, sales: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the products after the last week, and an empty truth for them."""
    recent = sales[sales["date"] >= str((FIRST_WEEK + pd.Timedelta(weeks=_WEEKS - 4)).date())]
    by_sku = recent.groupby("sku")
    n = len(chosen)
    price = chosen["sku"].map(by_sku["price"].median()).round(2)
    weekly = chosen["sku"].map(by_sku["units"].sum() / 4)
    products = pd.DataFrame(
        {
            "sku": chosen["sku"],
            "title": chosen["title"],
            "category": chosen["category"],
            "price": price,
            "currency": sales["currency"].iloc[0],
            "unit_cost": chosen["sku"].map(by_sku["unit_cost"].last()),
            "competitor_price": np.round(price * rng.uniform(0.92, 1.12, n), 2),
            "on_hand": np.round(weekly * rng.uniform(0.4, 4.0, n)).astype(np.int64),
            "lead_time_days": rng.choice([3, 7, 14], n),
            "order_cost": np.round(0.5 * price * np.sqrt(weekly), 2),
        }
    )
    slowest = weekly.groupby(chosen["category"]).idxmin()
    products["exit_date"] = ""
    leaves = FIRST_WEEK + pd.Timedelta(weeks=_WEEKS + _EXIT_WEEKS)
    products.loc[slowest, "exit_date"] = str(leaves.date())
    products.loc[slowest, "on_hand"] = (weekly[slowest] * _EXIT_STOCK_WEEKS).round().astype(np.int64)
    return products, pd.DataFrame({"sku": chosen["sku"]})

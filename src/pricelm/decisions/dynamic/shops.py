"""Shops to rehearse with: a made-up product, or products whose demand was learned from sales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError
from pricelm.decisions.demand.curves import ElasticityCurve
from pricelm.decisions.dynamic.guard import daily_facts
from pricelm.decisions.dynamic.records import MOST_PRODUCTS, Shop
from pricelm.decisions.optimization.grids import GridConfig, price_grid
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook

MENU = GridConfig(n_prices=15, span=0.35)


def example_shop(book: RuleBook = RuleBook(), menu: GridConfig = MENU) -> Shop:
    """Return a shop of one product: price 10, cost 5.50, 30 units a day, an elasticity of about -2.5.

    Examples
    --------
    >>> shop = example_shop()
    >>> shop.prices[0, [0, -1]].tolist()
    [6.5, 13.5]
    """
    frame = pd.DataFrame({"sku": ["example"], "price": [10.0], "unit_cost": [5.5]})
    facts = ProductFacts(frame, pd.Timestamp("2026-01-05").date())
    unknown = np.full(1, np.nan)
    prices = price_grid(daily_facts(facts), book, (unknown, unknown), menu).prices
    return Shop(facts, prices, np.array([30.0]), np.array([-2.5]), np.array([0.7]))


def learned_shop(
    facts: ProductFacts,
    curves: Sequence[ElasticityCurve],
    period_days: float,
    book: RuleBook = RuleBook(),
    menu: GridConfig = MENU,
) -> Shop:
    """Return a shop of products with demand that was learned from sales.

    Parameters
    ----------
    facts : ProductFacts
        J products with current price and ``unit_cost``.
    curves : sequence of ElasticityCurve
        One each.
    period_days : float
        Days that the units of the curves are about.
    book : RuleBook
        Rules whose endings and ends shape the menu.
    menu : GridConfig
        How many prices, and how far; never outside the prices that demand is known for.

    Returns
    -------
    Shop
        Units a day at the current price, by the curve.

    Raises
    ------
    DataError
        If there are too many products, or an elasticity is not below 0.
    """
    if len(curves) != len(facts) or len(facts) > MOST_PRODUCTS:
        raise DataError(f"expected a curve each for at most {MOST_PRODUCTS} products, got {len(curves)}")
    ends = np.array([[one.price_low, one.price_high] for one in curves])
    prices = price_grid(daily_facts(facts), book, (ends[:, 0], ends[:, 1]), menu).prices
    inside = np.clip(facts.price, ends[:, 0], ends[:, 1])
    units = np.array([float(one.units(np.array([at]))[0]) for one, at in zip(curves, inside, strict=True)])
    return Shop(
        facts,
        prices,
        units / period_days,
        np.array([one.elasticity for one in curves]),
        np.array([one.elasticity_error for one in curves]),
    )

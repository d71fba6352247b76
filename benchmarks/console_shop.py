"""A shop of any size for measurements of the console: products, sales, a market, a plan, a review queue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.made_up import made_up_listings
from pricelm.knowledge.facts import ProductFacts
from pricelm.services.console_users import add_console_user
from pricelm.services.planning import PlanInputs, make_plan
from pricelm.services.recording import PlanRecord, record_plan
from pricelm.services.review_queue import queue_for_review
from pricelm.services.rule_history import put_rules_in_force
from pricelm.storage.database import open_store
from pricelm.storage.market import SeenPrice, put_listings, put_observations, put_sales

RULES = """version: 1
rules:
  - {id: margin, kind: margin_floor, margin_rate: 0.15, priority: 90}
  - {id: step, kind: maximum_step, up: 0.25, down: 0.25}
  - {id: nines, kind: price_ending, endings: [0.99, 0.49], every: 1}
"""
PASSWORD = "a long password"  # noqa: S105  # of users that exist for a few minutes
_ACTOR = "benchmark"
_SHARES = {"viewer": 0.4, "analyst": 0.24, "approver": 0.28, "admin": 0.08}
_TODAY = date(2026, 1, 5)
_SELLERS = 3


@dataclass(frozen=True)
class Shop:
    """What the shop is like.

    Parameters
    ----------
    products : int, default 10_000
        Products of the plan.
    weeks : int, default 26
        Weeks of sales a product.
    reviews : int, default 2_000
        Listings that wait for a person.
    users : int, default 50
        People: 40 % viewers, 24 % analysts, 28 % approvers, the rest admins.
    seed : int, default 0
        Of everything.
    """

    products: int = 10_000
    weeks: int = 26
    reviews: int = 2_000
    users: int = 50
    seed: int = 0

    def people(self) -> list[tuple[str, str]]:
        """Return name and role of each user, roles mixed.

        Examples
        --------
        >>> Shop(users=5).people()[:2], {role for _, role in Shop(users=5).people()} >= {"viewer", "approver"}
        ([('user 0', 'approver'), ('user 1', 'viewer')], True)
        """
        ends = np.cumsum(list(_SHARES.values()))
        # steps of the golden ratio: every stretch of users holds about the same mix
        places = (np.arange(self.users) * 0.6180339887 + 0.5) % 1
        roles = np.array(list(_SHARES))[np.searchsorted(ends, places)]
        return [(f"user {number}", str(role)) for number, role in enumerate(roles)]


def fill_console_store(url: str, shop: Shop) -> int:
    """Fill an empty store with the shop and return the number of its plan."""
    products = _products(shop)
    listed = _records(products[["sku", "title", "brand", "category", "description", "condition"]])
    store = open_store(url)
    try:
        with store.writing() as session:
            put_listings(session, listed)
            put_sales(session, _sales(products, shop))
            put_observations(session, list(_market(products, shop)))
        put_rules_in_force(store, RULES, _ACTOR, "made up")
        inputs = PlanInputs(ProductFacts(products, _TODAY, "EUR"), RULES)
        number = record_plan(store, PlanRecord(inputs, make_plan(inputs), _ACTOR))
        queue_for_review(store, "suspicious", _odd(shop), _ACTOR)
        for name, role in shop.people():
            add_console_user(url, name, role, PASSWORD, _ACTOR)
    finally:
        store.close()
    return number


def _products(shop: Shop) -> pd.DataFrame:
    random = np.random.default_rng(shop.seed)
    frame = made_up_listings(shop.products, seed=shop.seed, priced=True)
    count = len(frame)
    price = np.floor(frame["price"].to_numpy()) + random.choice([0.99, 0.49], count)
    elasticity = -random.uniform(1.1, 3.5, count)
    # around the cost at which the present price would be the best one
    best_cost = price * (1 + 1 / elasticity)
    return frame.drop(columns="listing_id").assign(
        sku=[f"sku-{number:06d}" for number in range(count)],
        price=price,
        unit_cost=np.round(np.clip(best_cost * random.uniform(0.8, 1.15, count), 0.05, price * 0.9), 2),
        units=np.round(random.lognormal(3, 1, count), 1),
        own_price_elasticity=np.round(elasticity, 3),
        elasticity_se=np.round(random.uniform(0.05, 0.4, count), 3),
        price_low=np.round(price * 0.75, 2),
        price_high=np.round(price * 1.3, 2),
    )


def _sales(products: pd.DataFrame, shop: Shop) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(shop.seed + 1)
    weekly = products["units"].to_numpy()
    for sku, price, units in zip(products["sku"], products["price"], weekly, strict=True):
        sold = random.poisson(units, shop.weeks)
        for week, count in enumerate(sold.tolist()):
            day = _TODAY - timedelta(weeks=shop.weeks - week)
            paid = Decimal(str(round(price * (0.9 if week % 9 == 4 else 1.0), 2)))
            yield {
                "sku": sku, "day": day, "shop": "main", "price": paid, "units": float(count),
                "regular_price": None, "unit_cost": None, "on_hand": None,
            }  # fmt: skip


def _market(products: pd.DataFrame, shop: Shop) -> Iterator[SeenPrice]:
    random = np.random.default_rng(shop.seed + 2)
    at = datetime.combine(_TODAY, datetime.min.time(), UTC)
    factors = random.uniform(0.9, 1.15, (len(products), _SELLERS))
    for sku, price, row in zip(products["sku"], products["price"], factors, strict=True):
        for seller, factor in enumerate(row.tolist()):
            yield SeenPrice(sku, f"shop {seller}", at, Decimal(str(round(price * factor, 2))), "EUR")


def _odd(shop: Shop) -> Iterator[tuple[str, dict[str, Any], str]]:
    listings = made_up_listings(shop.reviews, seed=shop.seed + 3, priced=True)
    for row in _records(listings):
        number = row.pop("listing_id")
        yield f"odd-{number}", row, "the price is far from what the text says"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]

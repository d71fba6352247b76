"""A store filled with an embedded shop: listings, sales, learned demand, rules, a plan, a review queue."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pricelm.catalog.shop_sales import shop_sales
from pricelm.catalog.shops import load_shop
from pricelm.core.protocols import Progress, Silence
from pricelm.services.console_users import LEAST_PASSWORD, add_console_user, list_console_users
from pricelm.services.demand import DemandRequest, estimate_demand
from pricelm.services.market_memory import LoadRequest, load_market
from pricelm.services.planning import PlanInputs, make_plan
from pricelm.services.product_table import read_products
from pricelm.services.recording import PlanRecord, record_plan
from pricelm.services.review_queue import queue_for_review
from pricelm.services.rule_history import put_rules_in_force
from pricelm.services.training import TrainingOptions, TrainingRequest, train_model

SHOP = "electronics"
PASSWORD = "pricelm-demo"  # noqa: S105  # everybody may know it
USERS = {"vera": "viewer", "ana": "analyst", "ben": "approver", "eva": "approver", "max": "admin"}
"""Who can log in to the demo, which only this machine can reach; all with the same password."""
assert len(PASSWORD) >= LEAST_PASSWORD
# prices with the decimal point in the wrong place, for the review queue
_SLIPS = (10.0, 0.1, 0.1)
_NOTE = "the embedded shop; its sales and costs are made up"
_RULES = """version: 1
rules:
  - id: margin
    kind: margin_floor
    margin_rate: 0.2
    priority: 90
    note: agreed with finance
  - {id: step, kind: maximum_step, up: 0.25, down: 0.25}
  - {id: nines, kind: price_ending, endings: [0.99, 0.49], every: 1}
  - {id: rivals, kind: competitor_position, at_most: 1.15}
"""


@dataclass(frozen=True)
class DemoStore:
    """Where the demo of the console is: its store, its model, and prices sent out, new models."""

    store: str
    model: Path
    outbox: Path
    models: Path


def prepare_demo_store(folder: Path, progress: Progress = Silence()) -> DemoStore:
    """Make the demo of the console in a folder, or find it there.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is; made if it is not there.
    progress : Progress
        Told what happens.

    Returns
    -------
    DemoStore
        With users, a model, and a plan that waits for decisions.

    Raises
    ------
    MissingExtraError
        If the embedded shop or argon2 is not installed.
    OutputError, StoreError
        If something cannot be written.
    """
    outbox, model, models = (folder / name for name in ("prices-sent", "model", "models"))
    for one in (outbox, models):
        one.mkdir(parents=True, exist_ok=True)
    place = DemoStore(f"sqlite:///{folder.resolve() / 'store.db'}", model, outbox, models)
    if not (model / "model.json").is_file():
        progress.start("training a small model on the embedded shop", 0)
        shop = load_shop(SHOP)
        with tempfile.TemporaryDirectory(prefix="pricelm-demo-") as temporary:
            listings = Path(temporary) / "listings.csv"
            shop.listings.to_csv(listings, index=False)
            options = TrainingOptions(preset="fast", currency=shop.currency, test_share=0.2)
            train_model(TrainingRequest(listings, model, options=options))
    known = {one.name for one in list_console_users(place.store)}
    if not known:
        progress.start("filling the store", 0)
        fill_with_demo(place.store, "pricelm demo")
    for name, role in USERS.items():
        if name not in known:
            add_console_user(place.store, name, role, PASSWORD, "pricelm demo")
    return place


def fill_with_demo(store_url: str, actor: str) -> int:
    """Fill a store with the embedded shop and return the number of its plan.

    Parameters
    ----------
    store_url : str
        The store.
    actor : str
        Who does this.

    Raises
    ------
    MissingExtraError
        If the embedded shop is not installed.
    """
    shop = load_shop(SHOP)
    sold = shop_sales(shop)
    with tempfile.TemporaryDirectory(prefix="pricelm-demo-") as temporary:
        folder = Path(temporary)
        sales, products, demand = (folder / f"{one}.csv" for one in ("sales", "products", "demand"))
        sold.sales.to_csv(sales, index=False)
        sold.products.to_csv(products, index=False)
        estimate_demand(DemandRequest(sales, demand))
        load_market(store_url, LoadRequest("listings", products, folder=folder))
        load_market(store_url, LoadRequest("sales", sales, folder=folder))
        table = read_products(products, demand=demand, today=date.fromisoformat(sold.next_week))
    put_rules_in_force(store_url, _RULES, actor, _NOTE)
    inputs = PlanInputs(table.facts, _RULES)
    batch = record_plan(store_url, PlanRecord(inputs, make_plan(inputs), actor, note=_NOTE))
    odd = sold.products.head(len(_SLIPS)).to_dict("records")
    listings = [
        (
            str(row["sku"]),
            {
                "title": str(row["title"]),
                "category": str(row["category"]),
                "price": round(float(row["price"]) * slip, 2),
            },
            "the price is far from what the text says",
        )
        for row, slip in zip(odd, _SLIPS, strict=True)
    ]
    queue_for_review(store_url, "suspicious", listings, actor)
    return batch

"""Stores with something in them, for tests of what is done to a store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.services.service_keys import Caller, Role
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now
from pricelm.storage.batches import Batch, add_batch, recommendations_of
from pricelm.storage.database import open_store
from pricelm.storage.documents import put_document
from pricelm.storage.market import SeenPrice, put_observations

ANN = Caller("ann", Role.analyst)
BEN = Caller("ben", Role.approver)
EVE = Caller("eve", Role.approver)


def add_plan(
    url: str, moves: Sequence[tuple[str, float, float]], *, actor: str = "ann", state: str = "open"
) -> int:
    """Write a plan of (sku, price now, price proposed) into a store and return its number."""
    store = open_store(url)
    with store.writing() as session:
        snapshot = put_document(session, "snapshot", f"{len(moves)} at {utc_now()}")
        batch = Batch(
            kind="optimize", created=utc_now(), actor=actor, snapshot=snapshot, rules=None,
            model_version=None, currency="EUR", recommendations=len(moves), totals={}, note="",
        )  # fmt: skip
        rows = [
            {
                "sku": sku,
                "action": "raise" if then > now else "lower" if then < now else "hold",
                "current_price": now,
                "proposed_price": then,
                "price_low": then,
                "price_high": then,
                "units": 1.0,
                "revenue": 1.0,
                "margin": None,
                "gain": 0.5,
                "currency": "EUR",
                "verdicts": [],
                "rationale": "",
            }
            for sku, now, then in moves
        ]
        number = add_batch(session, batch, rows)
        for row in recommendations_of(session, number):
            row.state = state
        write_audit(session, actor, "plan", f"batch {number}", {"recommendations": len(moves)})
    store.close()
    return number


def observe(url: str, count: int) -> list[SeenPrice]:
    """Write some observations into a store and return them."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    seen = [
        SeenPrice(f"p{i % 3}", f"shop {i % 2}", start + timedelta(hours=i), Decimal(i + 1) / 4, "EUR")
        for i in range(count)
    ]
    store = open_store(url)
    with store.writing() as session:
        put_observations(session, seen)
    store.close()
    return seen


def write_products(folder: Path, count: int = 12) -> Path:
    """Write products.csv and rules.yaml that a plan can be made of."""
    rng = np.random.default_rng(5)
    price = np.round(rng.uniform(3, 12, count), 2)
    frame = pd.DataFrame(
        {
            "sku": [f"p{number}" for number in range(count)],
            "price": price,
            "unit_cost": np.round(price * 0.6, 2),
            "units": 100.0,
            "own_price_elasticity": -rng.uniform(1.2, 4, count),
            "elasticity_se": 0.05,
            "price_low": price * 0.7,
            "price_high": price * 1.3,
            "line": ["x", None, "y"] * (count // 3),
        }
    )
    frame.to_csv(folder / "products.csv", index=False)
    (folder / "rules.yaml").write_text(
        "version: 1\nrules:\n- {id: margin, kind: margin_floor, margin_rate: 0.2}\n"
        "- {id: step, kind: maximum_step, up: 0.25, down: 0.25}\n",
        encoding="utf-8",
    )
    return folder / "products.csv"


def child_command(script: str, *arguments: str) -> list[str]:
    """Return a command that runs a script in another Python."""
    return [sys.executable, "-c", script, *arguments]

"""Made-up listings whose price follows from their words, for tests of whole commands."""

from __future__ import annotations

import numpy as np
import pandas as pd

THINGS = {"cup": 4.0, "lamp": 25.0, "chair": 60.0, "table": 150.0, "sofa": 420.0}
KINDS = {"plastic": 0.6, "wooden": 1.0, "marble": 2.2}
COLORS = ("red", "green", "blue", "black", "white", "yellow")
BRANDS = ("Acme", "Borg", "Crux")


def listings_frame(rows: int = 240, *, seed: int = 0) -> pd.DataFrame:
    """Return listings with the columns sku, name, maker, group, weight_kg, cost."""
    random = np.random.default_rng(seed)
    things, kinds = random.choice(list(THINGS), rows), random.choice(list(KINDS), rows)
    price = [THINGS[t] * KINDS[k] for t, k in zip(things, kinds, strict=True)]
    price = np.round(np.array(price) * random.lognormal(0, 0.08, rows), 2)
    colors, brands = random.choice(COLORS, rows), random.choice(BRANDS, rows)
    models = random.integers(100, 1000, rows)
    return pd.DataFrame(
        {
            "sku": [f"S{seed}-{number:05d}" for number in range(rows)],
            "name": [f"{c} {k} {t} no {m}" for c, k, t, m in zip(colors, kinds, things, models, strict=True)],
            "maker": brands,
            "group": ["Home/" + t.capitalize() for t in things],
            "weight_kg": np.round(price / 20 + random.uniform(0, 1, rows), 2),
            "cost": price,
        }
    )


ROLE_NAMES = {"price": "cost", "listing_id": "sku", "brand": "maker", "category": "group"}
"""The roles of the columns, as training takes them."""

ROLE_OPTIONS = ("--price", "cost", "--id", "sku", "--column", "brand=maker", "--column", "category=group")
"""The same for the command line."""

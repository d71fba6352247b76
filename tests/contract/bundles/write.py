"""Writes the bundle of today's schema version that later versions are tested with.

Run once, when a schema version is released: ``python -m tests.contract.bundles.write``.
It refuses to touch a bundle that is there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm import PriceModel
from pricelm.models import lexical
from pricelm.models.bundle import SCHEMA_VERSION

WORTH = {"cup": 5.0, "lamp": 25.0, "sofa": 300.0}


def made_up_listings(n: int, seed: int) -> pd.DataFrame:
    """Return n listings of three things in two materials, few words in all."""
    random = np.random.default_rng(seed)
    things = random.choice(list(WORTH), n)
    width = random.integers(1, 4, n).astype(float)
    worth = np.array([WORTH[thing] for thing in things]) * (1 + width / 10)
    return pd.DataFrame(
        {
            "sku": [f"s{number}" for number in range(n)],
            "title": [f"{random.choice(['oak', '铁'])} {thing}" for thing in things],
            "category": [f"Home/{thing}s" for thing in things],
            "width": width,
            "price": (worth * np.exp(random.normal(0, 0.2, n))).round(2),
        }
    )


def write(folder: Path) -> None:
    """Write bundle and answers of today's schema version into ``folder``."""
    bundle = folder / f"v{SCHEMA_VERSION}"
    if bundle.exists():
        sys.exit(f"{bundle} is there already, and what users have saved is never changed")
    lexical._FEWEST_ROWS_FOR_THE_NETWORK = 100  # so that the bundle has every file that there can be
    model = PriceModel(preset="fast", currency="USD").fit(made_up_listings(420, seed=0))
    model.save(bundle)
    listings = made_up_listings(12, seed=1).drop(columns="price")
    listings.loc[3, "category"] = "Garden/gnomes"
    members = model.member_predictions(listings)
    said = {
        "listings": listings.to_dict("list"),
        "predicted": model.predict(listings).tolist(),
        "intervals": model.predict_interval(listings).tolist(),
        "intervals_at_half": model.predict_interval(listings, 0.5).tolist(),
        "members": {name: prices.tolist() for name, prices in members.items()},
        "without": {name: model.predict_without(listings, name).tolist() for name in members},
        "comparables": [
            [(item.title, item.similarity) for item in quote.comparables]
            for quote in model.quote(listings, comparables=2)
        ],
    }
    (folder / f"v{SCHEMA_VERSION}.json").write_text(json.dumps(said, ensure_ascii=False, indent=1), "utf-8")


if __name__ == "__main__":
    write(Path(__file__).parent)

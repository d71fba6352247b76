"""Made-up listings whose price follows from their words; any number of them, the same for a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

_CHUNK_ROWS = 50_000
_KINDS = {
    "Kitchen/Mugs": 9.0,
    "Kitchen/Pans": 32.0,
    "Garden/Chairs": 55.0,
    "Garden/Tools": 24.0,
    "Office/Lamps": 40.0,
    "Office/Desks": 180.0,
    "Sport/Balls": 18.0,
    "Sport/Tents": 130.0,
}
_BRANDS = {"": 1.0, "Norrland": 1.6, "Alder": 1.2, "Kinsey": 0.9, "Tamarind": 2.1, "Plain & Co": 0.7}
_WORDS = {
    "large": 1.4,
    "small": 0.7,
    "steel": 1.3,
    "wooden": 1.2,
    "plastic": 0.6,
    "foldable": 1.1,
    "handmade": 1.8,
    "used": 0.5,
    "set of 4": 2.2,
    "red": 1.0,
    "blue": 1.0,
    "green": 1.0,
}
_FILLER = (
    "ships within two days",
    "from a smoke free home",
    "easy to clean and to store",
    "as seen in our spring catalog",
    "ask for more pictures",
    "returns are accepted for a month",
    "comes in its original box",
    "a gift that people keep",
)


def made_up_listings(rows: int, *, seed: int, priced: bool = False) -> pd.DataFrame:
    """Return listings with id, title, category, brand, condition and description.

    Parameters
    ----------
    rows : int
        How many.
    seed : int
        Same seed, same listings.
    priced : bool, default False
        Add the column ``price``.

    Returns
    -------
    DataFrame
        One row a listing.

    Examples
    --------
    >>> list(made_up_listings(2, seed=0, priced=True))
    ['listing_id', 'title', 'category', 'brand', 'condition', 'description', 'price']
    """
    random = np.random.default_rng(seed)
    kind, brand = random.integers(len(_KINDS), size=rows), random.integers(len(_BRANDS), size=rows)
    words = random.integers(len(_WORDS), size=(rows, 3))
    filler = random.integers(len(_FILLER), size=(rows, 3))
    kinds, brands = np.array(list(_KINDS)), np.array(list(_BRANDS))
    word_list, filler_list = np.array(list(_WORDS), dtype=object), np.array(_FILLER, dtype=object)
    noun = np.array([name.split("/")[1].removesuffix("s").lower() for name in kinds], dtype=object)
    model_number = random.integers(100, 1000, size=rows).astype(str).astype(object)
    chosen = word_list[words]
    frame = pd.DataFrame(
        {
            "listing_id": np.arange(rows),
            "title": chosen[:, 0] + " " + chosen[:, 1] + " " + noun[kind] + " no. " + model_number,
            "category": kinds[kind],
            "brand": brands[brand],
            "condition": np.array(["new", "good", "worn"])[random.integers(3, size=rows)],
            "description": chosen[:, 2] + ", " + _sentences(filler_list[filler]),
        }
    )
    if priced:
        factors = np.array(list(_WORDS.values()))[words].prod(axis=1)
        level = np.array(list(_KINDS.values()))[kind] * np.array(list(_BRANDS.values()))[brand]
        frame["price"] = np.round(level * factors * np.exp(random.normal(0, 0.2, size=rows)) + 0.5, 2)
    return frame


def write_listings(path: Path, rows: int, *, seed: int) -> None:
    """Write unpriced made-up listings as CSV, a chunk at a time."""
    for start in range(0, rows, _CHUNK_ROWS):
        frame = made_up_listings(min(_CHUNK_ROWS, rows - start), seed=seed + start)
        frame["listing_id"] += start
        frame.to_csv(path, mode="a" if start else "w", header=not start, index=False)


def _sentences(parts: np.ndarray) -> np.ndarray:
    return parts[:, 0] + ", " + parts[:, 1] + ", " + parts[:, 2] + "."

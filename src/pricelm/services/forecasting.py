"""Forecast: from a file of sales to a table of coming units, with what is behind it as JSON and a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.currencies import currency_code
from pricelm.catalog.kinds import to_dates
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_listings
from pricelm.catalog.sales import CheckedSales, read_sales
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.extras import require_installed
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand import DemandModel
from pricelm.decisions.forecasting import ForecastConfig, SalesForecast, forecast
from pricelm.decisions.forecasting.page import forecast_page
from pricelm.services.outputs import replaced_file
from pricelm.services.price_files import price_format, write_frame
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import now_text

_PATH_ROLES = ("sku", "price", "store", "date", "currency")


@dataclass(frozen=True)
class ForecastRequest:
    """What `forecast_sales` is asked for.

    Parameters
    ----------
    sales : str or pathlib.Path
        File or database address of the sales.
    out : pathlib.Path
        Table to write: ``.csv``, ``.jsonl`` or ``.parquet``; the forecast goes beside it as ``.json``.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column, where names do not tell.
    products : sequence of str
        Products to forecast; all when empty.
    prices : pathlib.Path, optional
        Table of coming prices: sku, price, and optionally store, date and currency.
    demand : pathlib.Path, optional
        Demand model that says what a price does; learned from the same sales if not given.
    report : pathlib.Path, optional
        HTML page to write.
    config : ForecastConfig
        How it is made.
    """

    sales: str | Path
    out: Path
    query: str | None = None
    columns: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    products: Sequence[str] = ()
    prices: Path | None = None
    demand: Path | None = None
    report: Path | None = None
    config: ForecastConfig = field(default_factory=ForecastConfig)


@dataclass(frozen=True)
class ForecastResult:
    """What was forecast and written.

    Parameters
    ----------
    forecast : SalesForecast
        Everything.
    out, document : pathlib.Path
        The table, and the forecast in JSON.
    report : pathlib.Path or None
        The page.
    rejected : pathlib.Path or None
        Rows that could not be used.
    rejected_counts : dict of str to int
        Their number by reason.
    warnings : list of str
        What should be known of the data.
    """

    forecast: SalesForecast
    out: Path
    document: Path
    report: Path | None
    rejected: Path | None
    rejected_counts: dict[str, int]
    warnings: list[str]

    @property
    def refusals(self) -> dict[str, int]:
        """Number of refused series by reason."""
        named = (str(one["reason"]).split(":")[0] for one in self.forecast.refusals)
        return dict(Counter(named).most_common())

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        table = self.forecast.table()
        return {
            "out": str(self.out),
            "document": str(self.document),
            "report": str(self.report) if self.report else None,
            "refusals": self.refusals,
            "rejected": str(self.rejected) if self.rejected else None,
            "rejected_counts": self.rejected_counts,
            "warnings": self.warnings,
            "members": dict(self.forecast.members),
            "rows": table.astype(object).where(table.notna(), None).to_dict("records"),
        }


def forecast_sales(request: ForecastRequest, progress: Progress = Silence()) -> ForecastResult:
    """Forecast the units of a file of sales at stated prices.

    Parameters
    ----------
    request : ForecastRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    ForecastResult
        What was forecast and where it stands.

    Raises
    ------
    DataError
        If the sales or the prices cannot be used.
    ConfigError
        If a table would overwrite what is read.
    MissingExtraError
        If the forecasting libraries are not installed.
    OutputError
        If something cannot be written.
    """
    document = request.out.with_suffix(".json")
    _check_request(request, document)
    for module in ("statsforecast", "mlforecast"):
        require_installed(module, extra="decide", purpose="forecast sales")
    demand = None if request.demand is None else DemandModel.load(request.demand)
    progress.start("reading sales", 0)
    with RejectedRows(request.out) as rejected:
        checked = read_sales(request.sales, query=request.query, columns=request.columns)
        rejected.add(checked.rejected)
        if request.products:
            checked = _only(checked, request.products)
        path = None if request.prices is None else read_price_path(request.prices, checked.currency)
        made = forecast(checked, request.config, path, demand, progress)
        _write(request, made, document)
    warnings = [*checked.warnings, *made.notes]
    counts = dict(rejected.counts)
    return ForecastResult(made, request.out, document, request.report, rejected.written, counts, warnings)


def read_price_path(source: Path, currency: str = "") -> pd.DataFrame:
    """Read coming prices.

    Parameters
    ----------
    source : pathlib.Path
        Table with the columns sku and price, and optionally store, date and currency; of a plan of `pricelm
        optimize` the proposed prices count.
    currency : str
        Of the sales; prices in another one are refused.

    Returns
    -------
    pandas.DataFrame
        sku, store (``""`` for all), date (NaT for all), price.

    Raises
    ------
    DataError
        If a column is missing, or a price or date cannot be read; the message names the row.
    """
    frame = read_listings(source)
    named = {normalized_name(str(column)): column for column in frame.columns}
    named["price"] = named.get("proposed_price", named.get("price", ""))
    missing = [role for role in _PATH_ROLES[:2] if not named.get(role)]
    if missing:
        raise DataError(
            f"{source}: expected a column {missing[0]!r} of coming prices, got "
            f"{', '.join(map(str, frame.columns[:30]))}. It takes sku, price, and optionally store and date"
        )
    price, written, reason = parse_prices(frame[named["price"]])
    _refuse_first(source, frame, reason != "", named["price"], "a price above 0")
    path = pd.DataFrame({"sku": frame[named["sku"]].astype(str).str.strip(), "price": price})
    store = frame[named["store"]] if "store" in named else pd.Series("", index=frame.index)
    path["store"] = store.astype(object).where(store.notna(), "").astype(str).str.strip()
    path["date"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[ns]")
    if "date" in named:
        given = frame[named["date"]]
        path["date"] = to_dates(given)
        _refuse_first(
            source, frame, (given.notna() & path["date"].isna()).to_numpy(), named["date"], "a date"
        )
    if "currency" in named:
        written = frame[named["currency"]].map(lambda text: currency_code(str(text)) or str(text)).to_numpy()
    other = {str(code) for code in written if code and currency and code != currency}
    if other:
        raise DataError(
            f"{source}: currency change: expected prices in {currency}, as the sales have them, got "
            f"{', '.join(sorted(other))}. Convert them"
        )
    return path


def _refuse_first(source: Path, frame: pd.DataFrame, bad: np.ndarray, column: str, expected: str) -> None:
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{source}: expected {expected} in column {column!r}, got {frame[column].iloc[at]!r} in row "
            f"{frame.index[at]}, and {int(bad.sum())} such rows in all. Correct or remove them"
        )


def _check_request(request: ForecastRequest, document: Path) -> None:
    price_format(request.out)
    written = {request.out.resolve(), document.resolve()}
    read = (request.sales, request.prices, request.demand)
    for source in read:
        if source is not None and Path(str(source)).resolve() in written:
            raise ConfigError(f"expected another file to write to than to read from, got {source} for both")


def _only(checked: CheckedSales, products: Sequence[str]) -> CheckedSales:
    wanted = set(products)
    sales = checked.sales[checked.sales["sku"].isin(wanted)]
    unknown = sorted(wanted - set(checked.sales["sku"]))
    if unknown:
        raise DataError(
            f"expected products of the sales, got {', '.join(unknown[:5])}"
            + (f" and {len(unknown) - 5:,} more" if len(unknown) > 5 else "")
        )
    refusals = {sku: why for sku, why in checked.refusals.items() if sku in wanted}
    return replace(checked, sales=sales, refusals=refusals)


def _write(request: ForecastRequest, made: SalesForecast, document: Path) -> None:
    table = made.table()
    table["price_effect"] = table["price_effect"].round(4)
    with replaced_file(request.out) as draft:
        write_frame(table, draft, price_format(request.out))
    with replaced_file(document) as draft:
        made.save(draft)
    if request.report is not None:
        page = forecast_page(made, Path(str(request.sales)).name, now_text())
        with replaced_file(request.report) as draft:
            draft.write_text(page, encoding="utf-8")

"""Predicting: prices for a file of listings, chunk by chunk, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.catalog.readers import read_chunks
from pricelm.core.errors import ConfigError
from pricelm.core.protocols import Progress, Silence
from pricelm.models.bundle import load_model
from pricelm.models.price_model import PriceModel
from pricelm.services.outputs import replaced_file
from pricelm.services.picture_folder import picture_counts, picture_folder, picture_line
from pricelm.services.price_files import PriceFile, check_suffix, open_price_file
from pricelm.services.rejections import RejectedRows

PRICE_COLUMNS = ("predicted_price", "price_lower", "price_upper", "abstained", "reason")
# A language model reads some dozens of listings a second; small chunks keep the progress moving.
_CHUNK_ROWS = 10_000
_CHUNK_ROWS_WITH_LANGUAGE = 1_000
_BLOCK_BYTES = 1 << 20
_DECIMALS = 4
_REJECTED_COLUMNS = ["row", "column", "value", "reason"]


@dataclass(frozen=True)
class PredictionRequest:
    """What `predict_prices` is asked for.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    listings : str or pathlib.Path
        File or database address of the listings.
    out : pathlib.Path
        File to write: ``.csv``, ``.jsonl`` or ``.parquet``.
    query : str, optional
        SQL query, with a database address.
    keep_columns : bool, default False
        Carry the listings' own columns along.
    chunk_rows : int, optional
        Listings that are in memory at once; 10,000, or 1,000 with a language model or pictures.
    image_root : pathlib.Path, optional
        Folder of the pictures, by default that of the listings; none outside it is read.
    """

    model: Path
    listings: str | Path
    out: Path
    query: str | None = None
    keep_columns: bool = False
    chunk_rows: int | None = None
    image_root: Path | None = None


@dataclass(frozen=True)
class PredictionResult:
    """What was written.

    Parameters
    ----------
    out : pathlib.Path
        The file of prices.
    rows : int
        Listings in it.
    abstained : int
        Those among them that a person should look at.
    rejected : pathlib.Path or None
        Rows that could not be priced.
    rejected_counts : dict of str to int
        Their number by reason.
    pictures : dict of str to int
        Pictures that were read, and that were not, by reason; empty if the model looks at none.
    """

    out: Path
    rows: int
    abstained: int
    rejected: Path | None
    rejected_counts: dict[str, int]
    pictures: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "out": str(self.out),
            "rows": self.rows,
            "abstained": self.abstained,
            "rejected": str(self.rejected) if self.rejected else None,
            "rejected_counts": self.rejected_counts,
            "pictures": self.pictures,
        }


def predict_prices(request: PredictionRequest, progress: Progress = Silence()) -> PredictionResult:
    """Price a file of listings.

    Every row that can be read stands in the output, with the listing's identifier (or its row number),
    ``predicted_price, price_lower, price_upper, abstained, reason``. A row with nothing to price from has
    no price and a reason, and stands in ``rejected.csv`` too, with the rows that cannot be read at all.

    Parameters
    ----------
    request : PredictionRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    PredictionResult
        What was written.

    Raises
    ------
    DataError
        If the listings cannot be used.
    BundleError
        If the model cannot be loaded.
    OutputError
        If the output cannot be written, for example on a full disk; no half of it is left.
    """
    check_suffix(request.out)
    if Path(str(request.listings)).resolve() == request.out.resolve():
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    progress.start(f"loading {request.model.name}", 0)
    folder = picture_folder(request.listings, request.image_root)
    model = load_model(request.model, image_root=folder)
    usual = _CHUNK_ROWS_WITH_LANGUAGE if {"language", "image"} & set(model.members_) else _CHUNK_ROWS
    chunks = read_chunks(request.listings, query=request.query, chunk_rows=request.chunk_rows or usual)
    with RejectedRows(request.out) as rejected:
        progress.start("pricing listings", _expected_rows(request.listings))
        with replaced_file(request.out) as draft, open_price_file(draft, request.out.suffix) as file:
            rows, abstained = _price_chunks(model, chunks, file, rejected, request.keep_columns, progress)
    if line := picture_line(model):
        progress.say(line)
    counts, pictures = dict(rejected.counts), picture_counts(model)
    return PredictionResult(request.out, rows, abstained, rejected.written, counts, pictures)


def _price_chunks(
    model: PriceModel,
    chunks: Iterator[pd.DataFrame],
    file: PriceFile,
    rejected: RejectedRows,
    keep_columns: bool,
    progress: Progress,
) -> tuple[int, int]:
    rows = abstained = 0
    for chunk in chunks:
        ragged = pd.DataFrame(list(chunk.attrs.pop("rejected", [])), columns=_REJECTED_COLUMNS)
        prices = priced_frame(model, chunk, keep_columns=keep_columns)
        nothing = prices["predicted_price"].isna().to_numpy()
        empty = pd.DataFrame(
            {"row": chunk.index[nothing], "column": "", "value": "", "reason": prices["reason"][nothing]}
        )
        both = [part for part in (ragged, empty) if len(part)]
        if both:
            rejected.add(pd.concat(both).sort_values("row", kind="stable"))
        file.append(prices)
        rows += len(prices)
        abstained += int(prices["abstained"].sum())
        progress.advance(len(prices), f"{rows:,} listings")
    return rows, abstained


def priced_frame(model: PriceModel, raw: pd.DataFrame, *, keep_columns: bool = False) -> pd.DataFrame:
    """Price one frame of raw listings.

    Parameters
    ----------
    model : PriceModel
        Fitted model.
    raw : pandas.DataFrame, n rows
        Raw listings, indexed by row number.
    keep_columns : bool, default False
        Put the listings' own columns behind the identifier.

    Returns
    -------
    pandas.DataFrame, n rows
        Identifier (its own column, or ``row``), the kept columns, and `PRICE_COLUMNS`.
    """
    estimates = [quote.estimate for quote in model.quote(raw, comparables=0)]
    name = model.columns_.listing_id
    identifier: dict[str, Any] = {"row": raw.index.to_numpy()}
    if name is not None and name in raw.columns:
        identifier = {name: raw[name].to_numpy()}
    prices: dict[str, Any] = {
        "predicted_price": np.round([one.predicted_price for one in estimates], _DECIMALS),
        "price_lower": np.round([one.interval.lower for one in estimates], _DECIMALS),
        "price_upper": np.round([one.interval.upper for one in estimates], _DECIMALS),
        "abstained": np.array([one.abstained for one in estimates], dtype=bool),
        "reason": np.array([one.reason for one in estimates], dtype=object),
    }
    without = np.isnan(prices["predicted_price"])
    for end in ("price_lower", "price_upper"):
        prices[end] = np.where(without, np.nan, prices[end])
    table = dict(identifier)
    if keep_columns:
        taken = (*identifier, *PRICE_COLUMNS)
        table |= {str(own): raw[own].to_numpy() for own in raw.columns if own not in taken}
    return pd.DataFrame(table | prices)


def _expected_rows(source: str | Path) -> int:
    """Guess how many rows there are, for the progress display; 0 if it cannot be told cheaply."""
    path = Path(str(source))
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head == b"PAR1":
                return int(pq.read_metadata(path).num_rows)
            if head[:2] in (b"PK", b"\x1f\x8b"):
                return 0
            lines = head.count(b"\n")
            while block := file.read(_BLOCK_BYTES):
                lines += block.count(b"\n")
            return max(lines - 1, 1)
    except (OSError, pa.ArrowException):
        return 0

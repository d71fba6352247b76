"""Pricing a file chunk by chunk: what is read, what is made of it, and how a chunk is known again.

Both engines, this process and Ray, go through the functions here, so they give the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.readers import read_chunks
from pricelm.core.errors import PricelmError
from pricelm.services.picture_folder import picture_counts
from pricelm.services.predictors import open_predictor
from pricelm.serving.options import ServingOptions
from pricelm.serving.predictor import ServedModel

PRICE_COLUMNS = ("predicted_price", "price_lower", "price_upper", "abstained", "reason")
REJECTED_COLUMNS = ("row", "column", "value", "reason")
_DECIMALS = 4


@dataclass(frozen=True)
class PricingJob:
    """What is priced with what; it goes to every machine that takes part.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    listings : str or pathlib.Path
        File or database address.
    query : str, optional
        SQL query, with a database address.
    keep_columns : bool, default False
        Carry the listings' own columns along.
    chunk_rows : int, default 10_000
        Listings that are priced at once.
    image_root : pathlib.Path, optional
        Folder of the pictures.
    version : str, default ""
        What tells the bundle, and how it is served, from every other.
    """

    model: Path
    listings: str | Path
    query: str | None = None
    keep_columns: bool = False
    chunk_rows: int = 10_000
    image_root: Path | None = None
    version: str = ""


@dataclass(frozen=True)
class ListingChunk:
    """Some rows of the input, with a digest by which a later run knows them again."""

    digest: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class PricedChunk:
    """What became of a chunk.

    Parameters
    ----------
    digest : str
        Of the listings.
    prices : pandas.DataFrame
        The rows to write.
    rejected : pandas.DataFrame
        Rows that could not be read or priced.
    pictures : dict of str to int
        Pictures that were read, and that were not, by reason.
    """

    digest: str
    prices: pd.DataFrame
    rejected: pd.DataFrame
    pictures: dict[str, int] = field(default_factory=dict)


class InputChanged(PricelmError):
    """The listings are not those of the run that is to be taken up."""


def listing_chunks(job: PricingJob, finished: Sequence[str] = ()) -> Iterator[ListingChunk]:
    """Read listings by chunks, and leave out those that are priced already.

    The finished part is read again, which costs little beside pricing it: whether it is still the same can
    be told for a file and a query alike, and what a reader remembers from earlier lines is not lost.

    Parameters
    ----------
    job : PricingJob
        What to read.
    finished : sequence of str
        Digests of the chunks that an earlier run has priced, in order.

    Yields
    ------
    ListingChunk
        The others, in order.

    Raises
    ------
    InputChanged
        If the finished part is another one now.
    DataError
        If the listings cannot be read.
    """
    number = 0
    for frame in read_chunks(job.listings, query=job.query, chunk_rows=job.chunk_rows):
        digest = chunk_digest(frame)
        number += 1
        if number > len(finished):
            yield ListingChunk(digest, frame)
        elif digest != finished[number - 1]:
            raise InputChanged("the listings changed")
    if number < len(finished):
        raise InputChanged("the listings became fewer")


def predictor_for(model: Path, image_root: Path | None, *, threads: int | None = None) -> ServedModel:
    """Read a bundle to price a file with.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    image_root : pathlib.Path or None
        Folder of the pictures.
    threads : int, optional
        Threads of an export, by default what the machine gives this process.

    Returns
    -------
    ServedModel
        It remembers no texts: what a chunk gives must not depend on the chunks before it, which another
        run may have priced.
    """
    return open_predictor(model, ServingOptions(threads=threads, cached_texts=0, image_root=image_root))


class ChunkPricer:
    """Prices chunks with one model.

    Parameters
    ----------
    model : ServedModel
        The model.
    keep_columns : bool
        Carry the listings' own columns along.
    """

    def __init__(self, model: ServedModel, *, keep_columns: bool) -> None:
        self._model = model
        self._keep_columns = keep_columns

    def price(self, chunk: ListingChunk) -> PricedChunk:
        """Price one chunk."""
        before = picture_counts(self._model.model)
        # a frame of its own: what was rejected while reading is told below, and not to the model
        frame = chunk.frame.copy(deep=False)
        ragged = pd.DataFrame(list(frame.attrs.pop("rejected", [])), columns=list(REJECTED_COLUMNS))
        prices = priced_frame(self._model, frame, keep_columns=self._keep_columns)
        nothing = prices["predicted_price"].isna().to_numpy()
        empty = pd.DataFrame(
            {"row": frame.index[nothing], "column": "", "value": "", "reason": prices["reason"][nothing]}
        )
        both = [part for part in (ragged, empty) if len(part)]
        rejected = pd.concat(both).sort_values("row", kind="stable") if both else ragged
        after = picture_counts(self._model.model)
        pictures = {name: count - before.get(name, 0) for name, count in after.items()}
        return PricedChunk(chunk.digest, prices, rejected, pictures)


def priced_frame(model: ServedModel, raw: pd.DataFrame, *, keep_columns: bool = False) -> pd.DataFrame:
    """Price one frame of raw listings.

    Parameters
    ----------
    model : ServedModel
        The model.
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
    name = model.columns.listing_id
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


def chunk_digest(frame: pd.DataFrame) -> str:
    """Return a hash of everything in a chunk: columns, row numbers, values, and rows that were rejected.

    Examples
    --------
    >>> one, other = (pd.DataFrame({"title": [title]}) for title in ("mug", "jug"))
    >>> chunk_digest(one) == chunk_digest(one.copy()), chunk_digest(one) == chunk_digest(other)
    (True, False)
    """
    described = [[str(name) for name in frame.columns], list(frame.attrs.get("rejected", []))]
    digest = hashlib.sha256(json.dumps(described, default=str).encode())
    for values in (frame.index.to_series(), *(frame[name] for name in frame.columns)):
        digest.update(_hashes(values).astype("<u8").tobytes())
    return digest.hexdigest()


def _hashes(values: pd.Series) -> np.ndarray:
    try:
        return pd.util.hash_pandas_object(values, index=False).to_numpy()
    except (TypeError, ValueError):  # lists in a cell, or half of a character
        return pd.util.hash_pandas_object(values.map(ascii), index=False).to_numpy()

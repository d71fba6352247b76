"""Predicting: prices for a file of listings, chunk by chunk; a run that was ended is taken up by the next."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pricelm.core.errors import ConfigError
from pricelm.core.extras import require_installed
from pricelm.core.protocols import Progress, Silence
from pricelm.models.fingerprint import software_versions
from pricelm.services.picture_folder import picture_folder, picture_line
from pricelm.services.price_files import price_format
from pricelm.services.pricing import (
    ChunkPricer,
    InputChanged,
    PricedChunk,
    PricingJob,
    listing_chunks,
    predictor_for,
)
from pricelm.services.unfinished import UnfinishedPrices

ENGINES = ("local", "ray")
PriceChunks = Callable[[Sequence[str]], Iterator[PricedChunk]]
"""Prices the chunks behind those with the given digests, in order."""
# A language model reads some dozens of listings a second; small chunks keep the progress moving.
_CHUNK_ROWS = 10_000
_CHUNK_ROWS_WITH_LANGUAGE = 1_000
_BLOCK_BYTES = 1 << 20


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
        File to write: ``.csv``, ``.jsonl`` or ``.parquet``; the first two also with ``.gz``.
    query : str, optional
        SQL query, with a database address.
    keep_columns : bool, default False
        Carry the listings' own columns along.
    chunk_rows : int, optional
        Listings that are in memory at once; 10,000, or 1,000 with a language model or pictures.
    image_root : pathlib.Path, optional
        Folder of the pictures, by default that of the listings; none outside it is read.
    engine : {"local", "ray"}, default "local"
        This process, or Ray Data on a cluster.

    Raises
    ------
    ConfigError
        If there is no such engine.
    """

    model: Path
    listings: str | Path
    out: Path
    query: str | None = None
    keep_columns: bool = False
    chunk_rows: int | None = None
    image_root: Path | None = None
    engine: Literal["local", "ray"] = "local"

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"expected one of the engines {', '.join(ENGINES)}, got {self.engine!r}")


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

    However a run ends, what it has finished is kept beside the output, and the same request goes on from
    there, to the same file as without the interruption.

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
        If the output cannot be written, for example on a full disk.
    MissingExtraError
        If Ray is asked for and not installed.
    KeyboardInterrupt
        On Ctrl-C; the message says what is kept.
    """
    price_format(request.out)
    if Path(str(request.listings)).resolve() == request.out.resolve():
        raise ConfigError(f"expected another file to write to than to read from, got {request.out} for both")
    if request.engine == "ray":
        require_installed("ray", extra="ray", purpose="price on a cluster")
    job, price = _prepared(request, progress)
    with UnfinishedPrices(request.out, _identity(job)) as unfinished:
        if unfinished.changed:
            changed = ", ".join(unfinished.changed)
            progress.say(f"starting anew: {changed} changed since the run that did not finish")
        try:
            _price_rest(price, request.listings, unfinished, progress)
        except InputChanged as error:
            progress.say(f"starting anew: {error} since the run that did not finish")
            unfinished.start_anew()
            _price_rest(price, request.listings, unfinished, progress)
        result = PredictionResult(
            request.out,
            unfinished.rows,
            unfinished.abstained,
            None,
            unfinished.reasons,
            unfinished.pictures,
        )
        rejected = unfinished.publish()
    if line := picture_line(result.pictures):
        progress.say(line)
    return replace(result, rejected=rejected)


def _prepared(request: PredictionRequest, progress: Progress) -> tuple[PricingJob, PriceChunks]:
    """Return what is to be priced with what, and the engine that does it, after a look at the model."""
    progress.start(f"loading {request.model.name}", 0)
    folder = picture_folder(request.listings, request.image_root)
    model = predictor_for(request.model, folder)
    usual = _CHUNK_ROWS_WITH_LANGUAGE if {"language", "image"} & set(model.model.members_) else _CHUNK_ROWS
    job = PricingJob(
        request.model,
        request.listings,
        query=request.query,
        keep_columns=request.keep_columns,
        chunk_rows=request.chunk_rows or usual,
        image_root=folder,
        version=model.version,
    )
    if request.engine == "ray":
        from pricelm.services.pricing_on_ray import priced_on_ray

        return job, partial(priced_on_ray, job, progress)
    pricer = ChunkPricer(model, keep_columns=job.keep_columns)
    return job, lambda finished: map(pricer.price, listing_chunks(job, finished))


def _identity(job: PricingJob) -> dict[str, str]:
    """Return what decides the content of the output, hashed by name: an address may hold a password."""
    listings = str(job.listings)
    address = listings if "://" in listings else str(Path(listings).resolve())
    parts: dict[str, Any] = {
        "the model": job.version,
        "the place of the listings": [address, job.query],
        "an option": [job.keep_columns, job.chunk_rows, str(job.image_root)],
        "the software": software_versions(),
    }
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
        for name, part in parts.items()
    }


def _price_rest(
    price: PriceChunks, listings: str | Path, unfinished: UnfinishedPrices, progress: Progress
) -> None:
    """Price what is not finished, in order, and keep every chunk at once."""
    finished = [chunk.digest for chunk in unfinished.chunks]
    if finished:
        progress.say(f"{unfinished.rows:,} listings are priced already; reading on to the others")
    progress.start("pricing listings", _expected_rows(listings))
    if finished:
        progress.advance(unfinished.rows)
    started, before = time.monotonic(), unfinished.rows
    try:
        for priced in price(finished):
            unfinished.add(priced)
            speed = (unfinished.rows - before) / max(time.monotonic() - started, 1e-9)
            progress.advance(len(priced.prices), f"{unfinished.rows:,} listings, {speed:,.0f} a second")
    except KeyboardInterrupt:
        if not unfinished.chunks:
            raise
        raise KeyboardInterrupt(
            f"{unfinished.rows:,} listings are priced and kept in {unfinished.folder}"
        ) from None


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

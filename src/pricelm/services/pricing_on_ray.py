"""Pricing on a Ray cluster: the same chunks through Ray Data, in the same order.

One task reads the listings on the machine of the caller, and any number of tasks price chunks on all
machines. What goes between them are rows of one cell, a chunk or the error that ended the reading. It is
imported only where Ray was asked for.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import ray
from ray.data import DataContext, Datasource, ReadTask
from ray.data.block import BlockMetadata

from pricelm.core.cluster import ray_cluster
from pricelm.core.errors import BundleError, PricelmError
from pricelm.core.protocols import Progress
from pricelm.services.pricing import (
    ChunkPricer,
    ListingChunk,
    PricedChunk,
    PricingJob,
    listing_chunks,
    predictor_for,
)

_CELL = "chunk"
_NODE_LABEL = "ray.io/node-id"


def priced_on_ray(job: PricingJob, progress: Progress, finished: Sequence[str] = ()) -> Iterator[PricedChunk]:
    """Price listings on a cluster, in order.

    Parameters
    ----------
    job : PricingJob
        What to price with what; every machine must see the bundle under the same path.
    progress : Progress
        Told about the cluster.
    finished : sequence of str
        Digests of the chunks that are priced already.

    Yields
    ------
    PricedChunk
        The others, in order.

    Raises
    ------
    PricelmError
        What reading or pricing raised, wherever it was.
    """
    job = _anywhere(job)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with ray_cluster(progress), DataContext.current(_context()):
        dataset = ray.data.read_datasource(
            _Listings(partial(_read_rows, job, tuple(finished), Path.cwd())),
            override_num_blocks=1,
            # The reader mostly waits for those who price, so no core is kept for it.
            num_cpus=0,
            label_selector={_NODE_LABEL: ray.get_runtime_context().get_node_id()},
        ).map_batches(
            partial(_priced_row, job=job),
            batch_size=1,
            batch_format="pandas",
            num_cpus=1,
        )
        for block in dataset.iter_batches(batch_size=None, batch_format="pandas", prefetch_batches=0):
            for cell in block[_CELL]:
                if isinstance(cell, PricelmError):
                    raise cell
                yield cell


class _Listings(Datasource):
    """The listings as a source of one task that yields chunk after chunk."""

    def __init__(self, read: Callable[[], Iterator[pd.DataFrame]]) -> None:
        self._read = read

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(self._read, about)]


def _read_rows(job: PricingJob, finished: tuple[str, ...], folder: Path) -> Iterator[pd.DataFrame]:
    # An error travels as a row, behind what was read before it: Ray would wrap it, and drop what is priced.
    try:
        # the address of a database file may be relative
        with chdir(folder):
            for chunk in listing_chunks(job, finished):
                yield _row(chunk)
    except PricelmError as error:
        yield _row(error)


def _priced_row(rows: pd.DataFrame, *, job: PricingJob) -> pd.DataFrame:
    cell: ListingChunk | PricelmError = rows[_CELL].iloc[0]
    if isinstance(cell, PricelmError):
        return rows
    try:
        return _row(_pricer(job).price(cell))
    except PricelmError as error:
        return _row(error)


@lru_cache(maxsize=1)
def _pricer(job: PricingJob) -> ChunkPricer:
    """Return the pricer of this process; it is kept from task to task."""
    model = predictor_for(job.model, job.image_root, threads=1)
    if model.version != job.version:
        raise BundleError(
            f"expected the same bundle on every machine, but {job.model} on {platform.node()} is "
            "another one; copy it there, or put it into a folder that all machines share"
        )
    return ChunkPricer(model, keep_columns=job.keep_columns)


def _anywhere(job: PricingJob) -> PricingJob:
    """Return a job whose paths mean the same in any folder."""
    listings = job.listings if "://" in str(job.listings) else Path(job.listings).resolve()
    pictures = (job.image_root or Path()).resolve()
    return replace(job, model=job.model.resolve(), listings=listings, image_root=pictures)


def _context() -> DataContext:
    context = DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    # Ray gathers rows up to this size into a block, and a block is what a task is given: here, one chunk.
    context.target_max_block_size = 1
    return context


def _row(cell: object) -> pd.DataFrame:
    return pd.DataFrame({_CELL: [cell]})

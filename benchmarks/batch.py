"""``python -m benchmarks.batch``: speed and memory of ``pricelm predict`` against the size of the file.

Files of made-up short listings of growing size, and one of the embedded grocery's products, are written into
``--work`` and priced by the command line in a process of its own, whose peak memory is watched from outside.
With ``--ray`` the costs of a cluster are measured too, on this machine as its only node.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from benchmarks.grouping import SEED
from benchmarks.made_up import made_up_listings, write_listings
from benchmarks.process_memory import PeakMemory
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table

MEMORY_BAR = "< 1000000000"
FLAT_BAR = "<= 1.25"
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_GROCERY_CHUNK = 50_000
_MANY_CHUNKS, _CHUNK_ROWS = 200, 50
# what the console script of the wheel does
_COMMAND_LINE = "import sys; from pricelm.cli.main import main; sys.exit(main())"


def train_model(folder: Path, listings: pd.DataFrame) -> Path:
    """Train a fast model and save it; return its folder."""
    from pricelm import PriceModel

    PriceModel(preset="fast", seed=SEED).fit(listings).save(folder)
    return folder


def score(model: Path, listings: Path, out: Path, *options: str) -> tuple[int, float]:
    """Price a file with the command line.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    listings : Path
        File to price.
    out : Path
        Where the prices go.
    *options : str
        More options of the command.

    Returns
    -------
    peak_bytes : int
        Highest resident memory of the process and its children.
    seconds : float
        Wall-clock time from start to exit.

    Raises
    ------
    RuntimeError
        If the command fails; the message ends with what it said.
    """
    places = [str(model), str(listings), "-o", str(out)]
    command = [sys.executable, "-c", _COMMAND_LINE, "predict", *places, *options]
    began = perf_counter()
    log = out.with_suffix(".log")
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        memory = PeakMemory(process.pid)
        while process.poll() is None:
            memory.look()
            memory.wait()
    if process.returncode != 0:
        last = "\n".join(log.read_text(encoding="utf-8").splitlines()[-15:])
        raise RuntimeError(f"pricelm predict ended with exit code {process.returncode}:\n{last}")
    return memory.peak_bytes, perf_counter() - began


def size_rows(case: str, n_rows: int, n_priced: int, peak_bytes: int, seconds: float) -> list[Row]:
    """Return the rows of one file: memory and completeness have a bar, speed has none."""
    count_bar = f">= {n_rows}"
    return [
        Row(case, "rows_per_second", n_rows / seconds),
        Row(case, "peak_memory_bytes", float(peak_bytes), bar=MEMORY_BAR, ok=passes(peak_bytes, MEMORY_BAR)),
        Row(case, "rows_priced", float(n_priced), bar=count_bar, ok=passes(n_priced, count_bar)),
    ]


def growth_row(peaks: Sequence[int]) -> Row:
    """Return how much more memory the largest file takes than the second smallest.

    The smallest may fit into one chunk, which says nothing of what stays behind from chunk to chunk.
    """
    growth = peaks[-1] / peaks[min(1, len(peaks) - 1)]
    return Row("made-up listings", "memory_growth", growth, bar=FLAT_BAR, ok=passes(growth, FLAT_BAR))


def count_priced(path: Path) -> int:
    """Count the rows of a scored table that have a price, a chunk at a time."""
    chunks = pd.read_csv(path, usecols=["predicted_price"], chunksize=200_000)
    return int(sum(chunk["predicted_price"].notna().sum() for chunk in chunks))


def write_groceries(path: Path, products: pd.DataFrame, rows: int) -> None:
    """Write grocery products, drawn with replacement, as CSV without prices, a chunk at a time."""
    random = np.random.default_rng(SEED)
    for start in range(0, rows, _GROCERY_CHUNK):
        drawn = random.integers(len(products), size=min(_GROCERY_CHUNK, rows - start))
        frame = products.iloc[drawn].drop(columns="price")
        frame["listing_id"] = np.arange(start, start + len(frame))
        frame.to_csv(path, mode="a" if start else "w", header=not start, index=False)


def made_up_rows(work: Path, model: Path, sizes: Sequence[int]) -> list[Row]:
    """Price made-up listings of each size."""
    rows: list[Row] = []
    peaks = []
    for size in sizes:
        listings, out = work / "listings.csv", work / "prices.csv"
        write_listings(listings, size, seed=SEED + 1)
        peak, seconds = score(model, listings, out)
        peaks.append(peak)
        rows += size_rows(f"made-up listings, {size:,} rows", size, count_priced(out), peak, seconds)
        listings.unlink()
        out.unlink()
    return [*rows, growth_row(peaks)]


def grocery_rows(work: Path, size: int) -> list[Row]:
    """Price the products of the embedded grocery, many times over."""
    from pricelm import load_shop

    products = load_shop("grocery", rows="all").listings
    model = train_model(
        work / "grocery-model", products.sample(min(20_000, len(products)), random_state=SEED)
    )
    listings, out = work / "groceries.csv", work / "prices.csv"
    write_groceries(listings, products, size)
    peak, seconds = score(model, listings, out)
    rows = size_rows(f"grocery products, {size:,} rows", size, count_priced(out), peak, seconds)
    listings.unlink()
    out.unlink()
    return rows


def engine_rows(work: Path, model: Path) -> list[Row]:
    """Measure what an engine costs before it prices, and for every chunk: few rows, in one chunk or many."""
    listings, out = work / "few.csv", work / "few-prices.csv"
    write_listings(listings, _MANY_CHUNKS * _CHUNK_ROWS, seed=SEED + 2)
    seconds = {}
    for engine in ("ray", "local"):
        for chunk_rows in (_MANY_CHUNKS * _CHUNK_ROWS, _CHUNK_ROWS):
            options = ("--engine", engine, "--chunk-rows", str(chunk_rows))
            seconds[engine, chunk_rows] = score(model, listings, out, *options)[1]
    case = f"engines, {_MANY_CHUNKS * _CHUNK_ROWS:,} rows, this machine"
    whole, split = (
        {engine: seconds[engine, rows] for engine in ("ray", "local")}
        for rows in (_MANY_CHUNKS * _CHUNK_ROWS, _CHUNK_ROWS)
    )
    each = {engine: (split[engine] - whole[engine]) / (_MANY_CHUNKS - 1) for engine in whole}
    return [
        Row(case, "ray_seconds_in_one_chunk", whole["ray"], peers={"local": whole["local"]}),
        Row(case, "ray_seconds_to_start", whole["ray"] - whole["local"]),
        Row(case, "ray_seconds_per_further_chunk", each["ray"], peers={"local": each["local"]}),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, else 1."""
    options = _parser().parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    model = train_model(options.work / "model", made_up_listings(options.train_rows, seed=SEED, priced=True))
    rows = made_up_rows(options.work, model, options.sizes)
    if options.grocery_rows:
        rows += grocery_rows(options.work, options.grocery_rows)
    if options.ray:
        rows += engine_rows(options.work, model)
    document = Document("batch", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    add = parser.add_argument
    add("--sizes", type=_sizes, default=SIZES, metavar="N,N", help="rows of the files of made-up listings")
    add("--grocery-rows", type=int, default=1_000_000, help="rows of grocery products; 0 leaves them out")
    add("--train-rows", type=int, default=20_000, help="made-up rows to train the model on")
    add("--ray", action="store_true", help="measure the costs of the Ray engine too")
    add("--work", type=Path, default=Path("build/benchmarks/batch"), help="where files and models are kept")
    add("--out", type=Path, default=Path("benchmarks/results/batch.json"), help="where the document goes")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.memory``: how much memory ``pricelm predict`` takes for a million listings.

A table of made-up listings is written, a small model is trained with the fast preset, and the command
line scores the table in a process of its own, whose peak memory is watched from outside.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import pandas as pd

from benchmarks.grouping import SEED
from benchmarks.made_up import made_up_listings, write_listings
from benchmarks.process_memory import PeakMemory
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table

MEMORY_BAR_BYTES = 1_500_000_000
# what the console script of the wheel does
_COMMAND_LINE = "import sys; from pricelm.cli.main import main; sys.exit(main())"


def train_model(folder: Path, rows: int) -> Path:
    """Train a fast model on made-up listings with prices and save it; return its folder."""
    from pricelm import PriceModel

    model = PriceModel(preset="fast", seed=SEED).fit(made_up_listings(rows, seed=SEED, priced=True))
    model.save(folder)
    return folder


def score(model: Path, listings: Path, out: Path) -> tuple[int, float]:
    """Score a table with the command line.

    Parameters
    ----------
    model : Path
        Folder of a saved model.
    listings : Path
        Table to score.
    out : Path
        Where the prices go.

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
    command = [sys.executable, "-c", _COMMAND_LINE, "predict", str(model), str(listings), "-o", str(out)]
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


def memory_rows(case: str, n_rows: int, n_priced: int, peak_bytes: int, seconds: float) -> list[Row]:
    """Return the rows of the table: memory and completeness have a bar, speed has none."""
    memory_bar, count_bar = f"< {MEMORY_BAR_BYTES}", f">= {n_rows}"
    return [
        Row(case, "peak_memory_bytes", float(peak_bytes), bar=memory_bar, ok=passes(peak_bytes, memory_bar)),
        Row(case, "rows_priced", float(n_priced), bar=count_bar, ok=passes(n_priced, count_bar)),
        Row(case, "rows_per_second", n_rows / seconds),
    ]


def count_priced(path: Path) -> int:
    """Count the rows of a scored table that have a price, a chunk at a time."""
    chunks = pd.read_csv(path, usecols=["predicted_price"], chunksize=200_000)
    return int(sum(chunk["predicted_price"].notna().sum() for chunk in chunks))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, else 1."""
    options = _parser().parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    listings, scored = options.work / "listings.csv", options.work / "prices.csv"
    write_listings(listings, options.rows, seed=SEED + 1)
    model = train_model(options.work / "model", options.train_rows)
    peak_bytes, seconds = score(model, listings, scored)
    case = f"predict, fast preset, CSV of {options.rows:,} rows"
    rows = memory_rows(case, options.rows, count_priced(scored), peak_bytes, seconds)
    document = Document("memory", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=1_000_000, help="rows to score")
    add("--train-rows", type=int, default=20_000, help="rows to train the model on")
    add("--work", type=Path, default=Path("build/benchmarks/memory"), help="where table and model are kept")
    add("--out", type=Path, default=Path("benchmarks/results/memory.json"), help="where the document goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

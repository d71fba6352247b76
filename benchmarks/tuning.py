"""``python -m benchmarks.tuning``: methods of tuning side by side, at equal data and at equal time.

A killed run goes on where it stopped: every trial leaves one JSON file under ``--work``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.datasets import BACKBONES, LOADERS, BenchmarkSet
from benchmarks.grouping import SEED
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tuning_tables import tuning_tables
from pricelm.core.errors import PricelmError
from pricelm.evaluation.bootstrap import Resampling
from pricelm.learning.comparison import EQUALS, METHODS_TO_COMPARE, ComparisonPlan, compare
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.comparison_result import ComparisonRow, comparison_rows
from pricelm.models.preparation import prepare_training
from pricelm.models.text import FeatureColumns, compose_text

SETS = ("mercari", "electronics", "zh_listings")
ERROR_BAR, SHARE_BAR, HEAD_BAR = "<= 1.02", "< 0.02", "< 180"
HEAD_TOKENS = 64
_TEST_ROWS_OF_HEAD = 100


class Lines:
    """Progress as lines on stderr."""

    def start(self, task: str, total: int) -> None:
        """Say what begins."""
        print(task, file=sys.stderr, flush=True)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Say nothing of single steps."""

    def say(self, message: str) -> None:
        """Say a line."""
        print(f"  {message}", file=sys.stderr, flush=True)


def comparison_data(data: BenchmarkSet, rows: int) -> ComparisonData:
    """Return fold 0 of a set as texts, its training part and its test part at most ``rows`` long each."""
    known = prepare_training(data.listings, columns={"price": data.roles.price})
    texts = pd.Series(
        compose_text(known.listings, FeatureColumns.from_map(known.columns)), known.listings.index
    )
    random = np.random.default_rng(SEED)
    parts = [np.sort(random.permutation(part[np.isin(part, texts.index)])[:rows]) for part in _fold(data)]
    train, test = parts
    return ComparisonData(
        texts.loc[train].tolist(),
        np.log1p(data.price[train]),
        texts.loc[test].tolist(),
        data.price[test],
        data.groups[test],
    )


def _fold(data: BenchmarkSet) -> tuple[np.ndarray, np.ndarray]:
    return data.folds[0].train, data.folds[0].test


def set_rows(name: str, compared: Sequence[ComparisonRow]) -> Iterator[Row]:
    """Yield what was measured of every method, and LoRA's bars where full tuning stands beside it."""
    for row in compared:
        case = f"{name}, equal {row.equal}: {row.method}"
        if row.rmsle is None:
            yield Row(case, "rmsle", None, peers={"failed": row.error})
            continue
        yield Row(case, "rmsle", row.rmsle.value, (row.rmsle.lower, row.rmsle.upper))
        if row.difference is not None:
            gain = row.difference
            yield Row(case, "gain_over_first", gain.value, (gain.lower, gain.upper))
        yield Row(case, "epochs", row.epochs)
        yield Row(case, "trained_parameters", row.trained_parameters)
        yield Row(case, "seconds", row.seconds)
        yield Row(case, "seconds_per_1000_predictions", row.seconds_per_1000_predictions)
        yield Row(case, "peak_memory_mb", row.peak_memory_bytes / 1e6)
        yield Row(case, "model_mb", row.model_bytes / 1e6)
        yield Row(case, "trained_mb", row.trained_bytes / 1e6)
    yield from _lora_bars(name, {row.method: row for row in compared if row.equal == "data"})


def _lora_bars(name: str, by_method: dict[str, ComparisonRow]) -> Iterator[Row]:
    if not {"full", "lora"} <= set(by_method):
        return
    full, lora = by_method["full"], by_method["lora"]
    error = share = None
    if full.rmsle is not None and lora.rmsle is not None:
        error = lora.rmsle.value / full.rmsle.value
        share = lora.trained_parameters / full.trained_parameters
    yield Row(name, "lora_rmsle_over_full", error, bar=ERROR_BAR, ok=passes(error, ERROR_BAR))
    yield Row(name, "lora_share_of_trained_weights", share, bar=SHARE_BAR, ok=passes(share, SHARE_BAR))


def head_row(data: BenchmarkSet, n_rows: int, work: Path) -> Row:
    """Measure head-only training with its usual epochs on so many listings of 64 tokens."""
    whole = comparison_data(data, len(data.listings))
    texts, prices = [*whole.texts, *whole.test_texts], [*np.expm1(whole.targets), *whole.test_prices]
    texts, prices = texts[:n_rows], np.array(prices[:n_rows])
    few = min(_TEST_ROWS_OF_HEAD, len(texts))
    timed = ComparisonData(texts, np.log1p(prices), texts[:few], prices[:few], np.arange(few))
    settings = {"max_length": HEAD_TOKENS, "seed": SEED}
    plan = ComparisonPlan(("frozen",), (BACKBONES[data.language],), ("data",), settings=settings)
    (row,) = comparison_rows(compare(plan, timed, work, Lines()), timed)
    seconds = None if row.error else row.seconds
    case = f"{data.name}, head only, {len(texts):,} listings of {HEAD_TOKENS} tokens"
    return Row(case, "seconds_to_train", seconds, bar=HEAD_BAR, ok=passes(seconds, HEAD_BAR))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when the bars are reached, 1 when not, 2 for wrong data."""
    options = _parser().parse_args(arguments)
    rows: list[Row] = []
    try:
        for name in options.sets:
            data = LOADERS[name](options.data)
            settings = {"max_length": options.max_length, "seed": SEED}
            plan = ComparisonPlan(
                tuple(options.methods),
                (options.backbone or BACKBONES[data.language],),
                tuple(options.equal),
                epochs=options.epochs,
                settings=settings,
            )
            shared = comparison_data(data, options.rows)
            outcomes = compare(plan, shared, options.work / name, Lines())
            rows += set_rows(name, comparison_rows(outcomes, shared, Resampling(seed=SEED)))
            if name == SETS[0] and options.head_rows:
                rows.append(head_row(data, options.head_rows, options.work / "head"))
    except PricelmError as error:
        print(f"benchmarks.tuning: {error}", file=sys.stderr)
        return 2
    document = Document("tuning", rows, {**versions(), "training rows": str(options.rows)})
    document.write(options.out)
    print(tuning_tables(rows))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with mercari/ and zh_listings/")
    add("--sets", type=_sets, default=list(SETS), help=f"some of {','.join(LOADERS)}")
    add("--rows", type=int, default=3000, help="training rows of each set, and most test rows")
    add("--methods", type=_names, default=list(METHODS_TO_COMPARE), help="the first is compared with")
    add("--backbone", default=None, help="one for all sets; by default minilm, Chinese multilingual-e5")
    add("--equal", type=_names, default=list(EQUALS), help="data, time or both")
    add("--epochs", type=int, default=None, help="most epochs at equal data")
    add("--max-length", type=int, default=64, help="tokens of a text that are read")
    add("--head-rows", type=int, default=8000, help="listings of the head-only row; 0 leaves it out")
    add("--out", type=Path, default=Path("benchmarks/results/tuning.json"), help="where the document goes")
    add("--work", type=Path, default=Path("build/benchmarks/tuning"), help="where finished trials are kept")
    return parser


def _sets(text: str) -> list[str]:
    names = _names(text)
    if unknown := [name for name in names if name not in LOADERS]:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(LOADERS)}")
    return names


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    sys.exit(main())

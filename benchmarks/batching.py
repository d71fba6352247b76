"""``python -m benchmarks.batching``: the training rate with and without length-bucketed batches.

Both runs tune the same backbone on the same Mercari texts in batches of the same size; only the order
differs. They take turns, and the fastest of each counts, because a shared machine slows single runs down.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.datasets import load_mercari
from benchmarks.grouping import SEED
from benchmarks.results import Document, Row, passes, versions
from benchmarks.tables import plain, row_table
from pricelm.core.errors import PricelmError
from pricelm.language.config import TuningConfig

SPEEDUP_BAR = ">= 1.3"

Rate = Callable[[Sequence[str], np.ndarray, TuningConfig], float]


def training_rate(texts: Sequence[str], targets: np.ndarray, config: TuningConfig) -> float:
    """Return texts a second while tuning, without the time to load the backbone and read the texts.

    Parameters
    ----------
    texts : sequence of str
        Texts to tune on.
    targets : ndarray, shape (n_texts,)
        Their log prices.
    config : TuningConfig
        The options; its epochs all count.

    Returns
    -------
    float
        Texts a second.
    """
    from pricelm.language.regressor import LanguageRegressor

    model = LanguageRegressor(config).fit(list(texts), targets)
    return len(texts) * config.epochs / float(model.history_[-1]["seconds"])


def speedup_rows(
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    max_length: int,
    repeats: int,
    rate: Rate = training_rate,
) -> list[Row]:
    """Measure both orders in turns at one text length.

    Parameters
    ----------
    texts : sequence of str
        Texts to tune on.
    targets : ndarray, shape (n_texts,)
        Their log prices.
    max_length : int
        Tokens that a text is cut at.
    repeats : int
        Runs of each order.
    rate : callable, default training_rate
        Measures one run.

    Returns
    -------
    list of Row
        The bucketed rate beside the unbucketed one, and the speed-up with its bar.
    """
    best = {True: 0.0, False: 0.0}
    for _ in range(repeats):
        for bucketed in best:
            config = TuningConfig(max_length=max_length, epochs=1, bucketed=bucketed, seed=SEED)
            best[bucketed] = max(best[bucketed], rate(texts, targets, config))
    case = f"mercari, {len(texts):,} texts of at most {max_length} tokens"
    speedup = best[True] / best[False]
    return [
        Row(case, "texts_per_second", best[True], peers={"unbucketed": best[False]}),
        Row(case, "speedup", speedup, bar=SPEEDUP_BAR, ok=passes(speedup, SPEEDUP_BAR)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when the bar is reached, 1 when not, 2 for wrong data."""
    options = _parser().parse_args(arguments)
    try:
        data = load_mercari(options.data)
    except PricelmError as error:
        print(f"benchmarks.batching: {error}", file=sys.stderr)
        return 2
    chosen = np.random.default_rng(SEED).permutation(len(data.listings))[: options.texts]
    texts, targets = data.texts.iloc[chosen].tolist(), np.log1p(data.price[chosen])
    rows: list[Row] = []
    for max_length in options.max_lengths:
        rows += speedup_rows(texts, targets, max_length=max_length, repeats=options.repeats)
    document = Document("batching", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batching", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with mercari/")
    add("--texts", type=int, default=1600, help="how many texts; a bucket holds 1,600")
    add("--max-lengths", type=int, nargs="+", default=[64, 128], help="tokens that a text is cut at")
    add("--repeats", type=int, default=2, help="runs of each order; the fastest counts")
    add("--out", type=Path, default=Path("benchmarks/results/batching.json"), help="where the document goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.accuracy``: pricelm and its peers on the same rows of the same sets.

A killed run goes on where it stopped; the table is made from what is stored under ``--work``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from benchmarks.aggregate import accuracy_rows
from benchmarks.autogluon_peer import AutoGluonPeer
from benchmarks.cases import Case, make_cases
from benchmarks.contest import Predictor
from benchmarks.datasets import LOADERS
from benchmarks.ours import PriceModelContestant
from benchmarks.peers import BoostingPeer, MedianGuess, RidgePeer
from benchmarks.results import Document, versions
from benchmarks.running import run_set
from benchmarks.store import Store
from benchmarks.tables import accuracy_tables
from benchmarks.trainer_peer import PlainTrainerPeer
from pricelm.core.errors import PricelmError

PEERS = ("median", "ridge", "boosting", "trainer", "autogluon")
PRESETS = ("fast", "balanced", "best")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Returns
    -------
    int
        Exit code: 0 when every bar is reached, 1 when one is not, 2 when the data or an option is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        document = measure(options)
    except PricelmError as error:
        print(f"benchmarks.accuracy: {error}", file=sys.stderr)
        return 2
    document.write(options.out)
    print(accuracy_tables(document.rows))
    print(document.line())
    return 0 if document.ok else 1


def measure(options: argparse.Namespace) -> Document:
    """Run what is not stored yet and put the table together.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed command line.

    Returns
    -------
    Document
        All rows of the sets that were asked for.
    """
    predictors = _predictors(options)
    store = Store(options.work)
    cases: list[Case] = []
    kinds: dict[str, str] = {}
    for name in options.sets:
        data = LOADERS[name](options.data)
        kinds[name] = data.slice_kind
        # a set with one split has fold 0 only, whatever folds were asked for
        folds = [fold for fold in options.folds if fold < len(data.folds)] if len(data.folds) > 1 else [0]
        cases += make_cases(name, run_set(data, folds, predictors, store))
    rows = accuracy_rows(cases, kinds=kinds, preset=options.preset)
    return Document("accuracy", rows, {**versions(), "preset": options.preset})


def _predictors(options: argparse.Namespace) -> list[Predictor]:
    peers: dict[str, Predictor] = {
        "median": MedianGuess(),
        "ridge": RidgePeer(),
        "boosting": BoostingPeer(),
        "trainer": PlainTrainerPeer(options.trainer_folds),
        "autogluon": AutoGluonPeer(options.autogluon_python),
    }
    return [PriceModelContestant(options.preset), *(peers[name] for name in options.peers)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with mercari/, flipkart/ and the other sets")
    add("--sets", type=_names(LOADERS), default=list(LOADERS), help=f"some of {','.join(LOADERS)}")
    add("--preset", choices=PRESETS, default="best", help="preset of PriceModel")
    add("--folds", type=_numbers, default=list(range(5)), help="folds of Mercari, for example 0,1")
    add("--peers", type=_names(PEERS), default=list(PEERS), help=f"some of {','.join(PEERS)}")
    add("--trainer-folds", type=_numbers, default=[0], help="folds of Mercari that the plain Trainer runs on")
    add("--autogluon-python", type=Path, default=None, help="interpreter of an environment with AutoGluon")
    add("--out", type=Path, default=Path("benchmarks/results/accuracy.json"), help="where the document goes")
    add("--work", type=Path, default=Path("build/benchmarks/accuracy"), help="where finished pieces are kept")
    return parser


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    return read


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(number) for number in text.split(",") if number]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers such as 0,1,2, got {text!r}") from error
    if any(number not in range(5) for number in numbers):
        raise argparse.ArgumentTypeError(f"expected folds out of 0,1,2,3,4, got {text!r}")
    return numbers


if __name__ == "__main__":
    sys.exit(main())

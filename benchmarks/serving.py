"""``python -m benchmarks.serving``: what an export brings, beside plain transformers and torch.

Three subjects run the same tuned model, each in a process of its own, and take turns, so that whatever else
the machine does hits all of them: plain transformers and torch in fp32 (batches as they come, padded to the
longest), the export in fp32, the export in int8.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.datasets import load_mercari
from benchmarks.grouping import SEED
from benchmarks.process_memory import PeakMemory
from benchmarks.results import Document, Row, passes, versions
from benchmarks.serving_subjects import SUBJECTS
from benchmarks.tables import plain, row_table
from pricelm.core.errors import PricelmError

P50_BAR, P99_BAR, THROUGHPUT_BAR, ERROR_BAR, COLD_START_BAR = "<= 0.45", "<= 0.6", ">= 2.5", "<= 1.01", "< 3"
_MAX_LENGTH = 64
_QUOTE = """
import sys
import pandas as pd
from pathlib import Path
bundle, listing, precision = sys.argv[1:]
if precision == "naive":
    from pricelm.models.bundle import load_model
    model = load_model(bundle)
else:
    from pricelm.serving import ServingOptions, load_predictor
    model = load_predictor(Path(bundle), ServingOptions(precision=precision))
print(model.quote(pd.read_json(listing))[0].estimate.predicted_price, flush=True)
"""


class Subject:
    """A subject in a process of its own.

    Parameters
    ----------
    name : str
        One of ``SUBJECTS``.
    bundle, texts : Path
        The exported bundle, and a JSON list of texts.
    """

    def __init__(self, name: str, bundle: Path, texts: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.serving_subjects", name, str(bundle), str(texts)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._memory = PeakMemory(self._process.pid)
        self._read()

    def ask(self, command: str) -> Any:
        """Return what the subject answers to one command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> int:
        """End the process; return its peak memory in bytes."""
        self._memory.look()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        return self._memory.peak_bytes

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a subject ended with exit code {self._process.wait()}; its error is above")
        return json.loads(line)


def train_and_export(data: Path, work: Path, rows: int) -> tuple[Path, Path, np.ndarray]:
    """Train on some Mercari rows and export, unless it was done before.

    Parameters
    ----------
    data, work : Path
        Folder of the data sets, and where model and texts are kept.
    rows : int
        Rows to train on; as many others, at most 2,000, are scored.

    Returns
    -------
    bundle, texts : Path
        The exported bundle, and a JSON list of texts that it was not trained on.
    log_prices : ndarray, shape (n_texts,)
        Their known log prices.
    """
    from pricelm.models.preparation import prepare_scoring
    from pricelm.models.price_model import PriceModel
    from pricelm.models.text import compose_text
    from pricelm.services.exporting import ExportRequest, export_model

    mercari = load_mercari(data)
    order = np.random.default_rng(SEED).permutation(len(mercari.listings))
    bundle = work / f"model-{rows}"
    if not (bundle / "model.json").is_file():
        tuning = {"max_length": _MAX_LENGTH, "epochs": 2}
        PriceModel("balanced", tuning=tuning, seed=SEED).fit(mercari.listings.iloc[order[:rows]]).save(bundle)
    if not (bundle / "onnx" / "export.json").is_file():
        aside = work / "aside.csv"
        mercari.listings.iloc[order[-1000:]].to_csv(aside, index=False)
        export_model(ExportRequest(bundle, int8=True, listings=aside))
    model = PriceModel.load(bundle)
    asked = order[rows : min(rows + 2000, len(order) - 1000)]
    listings = mercari.listings.iloc[asked].drop(columns=mercari.roles.price)
    checked, positions = prepare_scoring(listings, model.columns_)
    texts = work / "texts.json"
    texts.write_text(json.dumps(compose_text(checked, model.features_)), encoding="utf-8")
    listings.iloc[:1].to_json(work / "listing.json", orient="records")
    return bundle, texts, np.log1p(mercari.price[asked][positions])


def take_turns(subjects: Mapping[str, Subject], *, rounds: int, calls: int, texts: int) -> dict[str, Any]:
    """Measure every subject in each round.

    Parameters
    ----------
    subjects : mapping of str to Subject
        What is compared.
    rounds : int
        Turns of each.
    calls, texts : int
        Lone calls, and texts scored at once, in a turn.

    Returns
    -------
    dict
        By subject: ``latency`` (seconds of all calls) and ``throughput`` (texts a second, the best turn).
    """
    latency: dict[str, list[float]] = {name: [] for name in subjects}
    throughput = dict.fromkeys(subjects, 0.0)
    for _ in range(rounds):
        for name, subject in subjects.items():
            latency[name] += subject.ask(f"latency {calls}")
            throughput[name] = max(throughput[name], subject.ask(f"throughput {texts}"))
    return {"latency": latency, "throughput": throughput}


def cold_start_seconds(bundle: Path, listing: Path, precision: str) -> float:
    """Return the seconds from starting Python to the first quote of the whole model."""
    began = perf_counter()
    subprocess.run(
        [sys.executable, "-c", _QUOTE, str(bundle), str(listing), precision], check=True, capture_output=True
    )
    return perf_counter() - began


def comparison_rows(
    case: str, measured: Mapping[str, Any], errors: Mapping[str, float], memory: Mapping[str, int]
) -> list[Row]:
    """Return the rows of the table; the bars are on int8 beside the naive service."""
    rows = []
    for share, bar in ((50, P50_BAR), (99, P99_BAR)):
        found = {name: float(np.percentile(values, share)) for name, values in measured["latency"].items()}
        rows += _rows(case, f"latency_p{share}_ms", {name: 1000 * value for name, value in found.items()})
        rows.append(_bar(case, f"latency_p{share}_ratio", found["int8"] / found["naive"], bar))
    throughput = measured["throughput"]
    rows += _rows(case, "texts_per_second", throughput)
    rows.append(_bar(case, "throughput_ratio", throughput["int8"] / throughput["naive"], THROUGHPUT_BAR))
    rows += _rows(case, "rmsle", errors)
    rows.append(_bar(case, "error_ratio", errors["int8"] / errors["naive"], ERROR_BAR))
    return rows + _rows(case, "peak_memory_bytes", {name: float(value) for name, value in memory.items()})


def _rows(case: str, metric: str, values: Mapping[str, float]) -> list[Row]:
    peers = {name: value for name, value in values.items() if name != "int8"}
    return [Row(case, metric, values["int8"], peers=peers)]


def _bar(case: str, metric: str, value: float, bar: str) -> Row:
    return Row(case, metric, value, bar=bar, ok=passes(value, bar))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code is 0 when every bar is reached, 1 when not, 2 for wrong data."""
    options = _parser().parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        bundle, texts, log_prices = train_and_export(options.data, options.work, options.train_rows)
    except PricelmError as error:
        print(f"benchmarks.serving: {error}", file=sys.stderr)
        return 2
    subjects = {name: Subject(name, bundle, texts) for name in SUBJECTS}
    measured = take_turns(subjects, rounds=options.rounds, calls=options.calls, texts=options.texts)
    predicted = {name: np.array(subject.ask("predict")) for name, subject in subjects.items()}
    errors = {name: float(np.sqrt(np.mean((values - log_prices) ** 2))) for name, values in predicted.items()}
    memory = {name: subject.close() for name, subject in subjects.items()}
    case = f"mercari, texts of up to {_MAX_LENGTH} tokens"
    rows = comparison_rows(case, measured, errors, memory)
    listing = options.work / "listing.json"
    starts = {
        name: min(cold_start_seconds(bundle, listing, name) for _ in range(options.starts))
        for name in SUBJECTS
    }
    rows += _rows(case, "cold_start_seconds", starts)
    rows.append(_bar(case, "cold_start_seconds_int8", starts["int8"], COLD_START_BAR))
    document = Document("serving", rows, versions())
    document.write(options.out)
    print(plain(row_table(rows)))
    print(document.line())
    return 0 if document.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with mercari/")
    add("--train-rows", type=int, default=3000, help="rows to train the model on")
    add("--rounds", type=int, default=5, help="turns of each subject")
    add("--calls", type=int, default=200, help="lone calls in a turn")
    add("--texts", type=int, default=1000, help="texts that are scored at once in a turn")
    add("--starts", type=int, default=3, help="cold starts of each; the fastest counts")
    add("--work", type=Path, default=Path("build/benchmarks/serving"), help="where the model is kept")
    add("--out", type=Path, default=Path("benchmarks/results/serving.json"), help="where the document goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())

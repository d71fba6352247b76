"""What ``benchmarks.serving`` compares, and the process that each of them runs in.

Run as ``python -m benchmarks.serving_subjects NAME BUNDLE TEXTS.json`` this reads one command a line from
standard input and answers each with one line of JSON, so that several subjects can take turns.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

SUBJECTS = ("naive", "fp32", "int8")
NAIVE_BATCH = 64
_MAX_LENGTH = 64

Scorer = Callable[[Sequence[str]], np.ndarray]


def naive_scorer(copy: Path, max_length: int = _MAX_LENGTH) -> Scorer:
    """Return what a first service would do: transformers and torch in fp32.

    Parameters
    ----------
    copy : Path
        Folder of a tuned copy in a bundle, such as ``members/language/copy-0``.
    max_length : int, default 64
        Tokens that a text is cut at.

    Returns
    -------
    callable
        Takes texts and gives log prices, in batches of 64 as they come, padded to the longest.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel, PreTrainedTokenizerFast, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    description = json.loads((copy / "language.json").read_text(encoding="utf-8"))
    mean, std = description["target"]["mean"], description["target"]["std"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(copy / "tokenizer.json"), pad_token="[PAD]")  # noqa: S106
    encoder = AutoModel.from_pretrained(copy, local_files_only=True, dtype=torch.float32).eval()
    head = load_file(copy / "head.safetensors")

    def score(texts: Sequence[str]) -> np.ndarray:
        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), NAIVE_BATCH):
                batch = tokenizer(
                    list(texts[start : start + NAIVE_BATCH]),
                    padding=True,
                    truncation=True,
                    max_length=max_length,
                    return_tensors="pt",
                )
                mask = batch["attention_mask"].unsqueeze(-1)
                states = encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state
                pooled = (states * mask).sum(1) / mask.sum(1)
                found.append((pooled @ head["head.weight"].T + head["head.bias"])[:, 0] * std + mean)
        return torch.cat(found).numpy().astype(np.float64)

    return score


def exported_scorer(bundle: Path, precision: str) -> Scorer:
    """Return the first tuned copy of an exported bundle, which remembers no texts."""
    from pricelm.serving.engine import OnnxCopy, OnnxEngine
    from pricelm.serving.export_folder import EXPORT_FOLDER, read_export
    from pricelm.serving.options import ServingOptions

    record = read_export(bundle, (precision,))
    if record is None:
        raise FileNotFoundError(f"{bundle} was not exported")
    options = ServingOptions(precision=precision, cached_texts=0)
    copy = OnnxCopy(bundle / EXPORT_FOLDER, record.copies[0], precision, options.threads_here)
    return OnnxEngine([copy], options).predict


def make_scorer(name: str, bundle: Path) -> Scorer:
    """Return the scorer of a subject."""
    if name == "naive":
        return naive_scorer(bundle / "members" / "language" / "copy-0")
    return exported_scorer(bundle, name)


def one_by_one(score: Scorer, texts: Sequence[str]) -> list[float]:
    """Return the seconds that each text takes alone, as a lone caller waits."""
    seconds = []
    for text in texts:
        began = time.perf_counter()
        score([text])
        seconds.append(time.perf_counter() - began)
    return seconds


def texts_per_second(score: Scorer, texts: Sequence[str]) -> float:
    """Return the rate at which many texts are scored."""
    began = time.perf_counter()
    score(texts)
    return len(texts) / (time.perf_counter() - began)


def answer(command: str, score: Scorer, texts: Sequence[str], position: int) -> object:
    """Do what one line asks for: ``latency N``, ``throughput N`` or ``predict``.

    ``position`` moves the slice of texts on from round to round, so that no round repeats the last.
    """
    what, _, count = command.partition(" ")
    if what == "predict":
        return score(texts).tolist()
    chosen = np.resize(np.roll(np.arange(len(texts)), -position), int(count))
    picked = [texts[row] for row in chosen]
    return one_by_one(score, picked) if what == "latency" else texts_per_second(score, picked)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer commands until standard input ends."""
    name, bundle, texts_file = sys.argv[1:] if arguments is None else arguments
    texts: list[str] = json.loads(Path(texts_file).read_text(encoding="utf-8"))
    score = make_scorer(name, Path(bundle))
    score(texts[:NAIVE_BATCH])
    print(json.dumps("ready"), flush=True)
    for turn, line in enumerate(sys.stdin):
        print(json.dumps(answer(line.strip(), score, texts, 97 * turn)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

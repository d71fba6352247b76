"""The language member: a pretrained language model, tuned to predict the log price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pricelm.core.errors import BundleError
from pricelm.core.extras import require
from pricelm.language.config import TuningConfig
from pricelm.models.member import FitContext
from pricelm.models.text import FeatureColumns, compose_text

_FEWEST_ROWS = 60
_ROWS_OF_THE_LEARNING_CURVE = 500


class TunedCopy(Protocol):
    """One tuned copy of a backbone, whatever runs it: torch, or another runtime that was exported to."""

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One record an epoch of training; empty where it is not known."""
        ...

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return one log price a text, shape (n,), float64."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return one unit vector a text, shape (n, hidden_size), float32."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return how many tokens of each text are read, shape (n,), int64."""
        ...

    def save(self, folder: Path) -> None:
        """Write the copy into a folder, or raise ``BundleError`` where the runtime cannot."""
        ...


class LanguageMember:
    """One or several tuned copies of a backbone, averaged.

    Parameters
    ----------
    config : TuningConfig
        Backbone and training of every copy.

    Attributes
    ----------
    regressors_ : list of TunedCopy
        The tuned copies, ``LanguageRegressor`` after training; cross-fitting gives one for each fold.
    """

    name = "language"

    def __init__(self, config: TuningConfig | None = None) -> None:
        self.config = config or TuningConfig()
        self.regressors_: list[TunedCopy] = []
        self.features = FeatureColumns()

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        """Refuse when torch is missing, rows or words are few, or the backbone cannot read the language."""
        texts = compose_text(listings, features)
        if len(listings) < _FEWEST_ROWS:
            return f"{len(listings)} listings are too few to tune a language model ({_FEWEST_ROWS} needed)"
        if sum(bool(text) for text in texts) < len(texts) / 2:
            return "more than half of the listings have no text"
        require("torch", extra="train", purpose="tune a language model")
        require("transformers", extra="train", purpose="tune a language model")
        from pricelm.language.backbones import MOST_UNKNOWN_TOKENS, unknown_token_share

        share = unknown_token_share(texts[:: max(1, len(texts) // 1000)], self.config.backbone)
        if share > MOST_UNKNOWN_TOKENS:
            return (
                f"the backbone {self.config.backbone!r} does not know {share:.0%} of the tokens of these "
                f"texts; choose one that reads this language, such as 'multilingual-e5' ('pricelm backbones' "
                "compares them)"
            )
        return ""

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> LanguageMember:
        """Tune one copy of the backbone on n listings."""
        from pricelm.language.regressor import LanguageRegressor

        self.features = context.features
        held_out = None
        if context.held_out is not None:
            frame, values = context.held_out
            picked = slice(None, None, max(1, len(frame) // _ROWS_OF_THE_LEARNING_CURVE))
            held_out = (compose_text(frame.iloc[picked], self.features), values[picked])
        regressor = LanguageRegressor(replace(self.config, seed=context.seed))
        regressor.fit(
            compose_text(listings, self.features),
            target,
            validation=held_out,
            run_dir=context.run_dir,
            trackers=context.trackers,
            progress=context.progress,
        )
        self.regressors_ = [regressor]
        return self

    @classmethod
    def average(cls, members: Sequence[LanguageMember]) -> LanguageMember:
        """Join the copies of several members, for example one of each fold."""
        joined = cls(members[0].config)
        joined.features = members[0].features
        joined.regressors_ = [regressor for member in members for regressor in member.regressors_]
        return joined

    @classmethod
    def of(cls, copies: Sequence[TunedCopy], features: FeatureColumns) -> LanguageMember:
        """Make a member of copies that are tuned already."""
        member = cls()
        member.regressors_, member.features = list(copies), features
        return member

    @property
    def history(self) -> list[list[dict[str, Any]]]:
        """The training history of every copy."""
        return [regressor.history_ for regressor in self.regressors_]

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, the mean of all copies, shape (n,)."""
        texts = compose_text(listings, self.features)
        return np.mean([regressor.predict(texts) for regressor in self.regressors_], axis=0)

    def embed(self, listings: pd.DataFrame) -> np.ndarray:
        """Return unit-length text embeddings of the first copy, shape (n, hidden_size)."""
        return self.regressors_[0].embed(compose_text(listings, self.features))

    def save(self, folder: Path) -> None:
        """Write every copy into a numbered folder of its own."""
        for number, regressor in enumerate(self.regressors_):
            regressor.save(folder / f"copy-{number}")

    @classmethod
    def load(cls, folder: Path, features: FeatureColumns) -> LanguageMember:
        """Read what `save` wrote; ``features`` are those of the model."""
        require("torch", extra="train", purpose="run a language member")
        from pricelm.language.regressor import LanguageRegressor

        folders = sorted(folder.glob("copy-*"))
        if not folders:
            raise BundleError(
                f"expected folders copy-0, copy-1, ... in {folder}, found none: copy the whole bundle again"
            )
        regressors = [LanguageRegressor.load(copy) for copy in folders]
        member = cls.of(regressors, features)
        member.config = regressors[0].config
        return member

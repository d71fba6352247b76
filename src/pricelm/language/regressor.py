"""LanguageRegressor: a pretrained language model tuned to predict a number from a text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pricelm.core.errors import ConfigError, DataError
from pricelm.core.extras import require
from pricelm.core.protocols import Progress, Silence
from pricelm.language.backbones import require_training_libraries
from pricelm.language.config import TuningConfig
from pricelm.language.facts import check_facts
from pricelm.language.rows import check_rows, check_texts, check_validation
from pricelm.language.supervision import NoSupervisor, Supervisor
from pricelm.language.tracking import check_trackers

if TYPE_CHECKING:
    from types import ModuleType

    from pricelm.language.saving import Fitted
    from pricelm.language.tokens import TextTokenizer


class LanguageRegressor:
    """Tunes a pretrained language model on texts with a number each.

    Parameters
    ----------
    config : TuningConfig, optional
        The options; the defaults tune ``minilm`` fully for three epochs.

    Attributes
    ----------
    history_ : list of dict
        One record an epoch: ``epoch``, ``step``, ``train_loss``, ``seconds`` and, with validation data,
        ``validation_loss`` (standardized) and ``validation_rmse`` (in the targets' unit).
    n_trained_parameters_ : int
        Parameters that were tuned.
    n_parameters_ : int
        Parameters that the tuned network consists of.
    method_report_ : dict
        What the method found out, for example the ranks of AdaLoRA.
    levels_ : tuple of float
        Levels of the quantiles that the head predicts; empty for other heads.
    band_edges_ : ndarray of float64, shape (n_bands + 1,)
        Ends of the bands in the targets' unit; empty for a head without bands.

    Examples
    --------
    >>> texts = ["red wine 0.75 l", "box of wine 3 l", "sparkling wine", "red apple"] * 4
    >>> config = TuningConfig(method="frozen", epochs=2, max_length=16)
    >>> model = LanguageRegressor(config).fit(texts, [9.0, 20.0, 12.0, 1.0] * 4)
    >>> model.predict(["white wine 0.75 l"]).shape
    (1,)
    """

    def __init__(self, config: TuningConfig | None = None) -> None:
        self.config = config if config is not None else TuningConfig()
        self._fitted: Fitted | None = None

    @property
    def history_(self) -> list[dict[str, Any]]:
        """One record an epoch."""
        return self._parts.history

    @property
    def method_report_(self) -> dict[str, Any]:
        """What the method found out, for example the ranks of AdaLoRA."""
        return self._parts.method_report

    @property
    def levels_(self) -> tuple[float, ...]:
        """Levels of the quantiles that the head predicts; empty for other heads."""
        return self._parts.network.task.levels or ()

    @property
    def band_edges_(self) -> np.ndarray:
        """Ends of the bands in the targets' unit, shape (n_bands + 1,); empty for a head without bands."""
        edges = self._parts.network.task.edges
        return np.empty(0) if edges is None else self._parts.scale.restore(edges)

    @property
    def n_trained_parameters_(self) -> int:
        """Parameters that were tuned."""
        return self._parts.n_trained_parameters

    @property
    def n_parameters_(self) -> int:
        """Parameters that the tuned network consists of, after folding."""
        return sum(parameter.numel() for parameter in self._parts.network.parameters())

    def fit(
        self,
        texts: Sequence[str],
        targets: Sequence[float] | np.ndarray,
        *,
        validation: tuple[Any, ...] | None = None,
        facts: np.ndarray | None = None,
        run_dir: Path | str | None = None,
        trackers: Sequence[str] = (),
        supervisor: Supervisor | None = None,
        progress: Progress = Silence(),
    ) -> Self:
        """Tune the backbone.

        Parameters
        ----------
        texts : sequence of str, length n
            The training texts.
        targets : array-like of float, shape (n,)
            One number a text; standardized inside.
        validation : tuple, optional
            ``(texts, targets)``, or ``(texts, targets, facts)`` if there are facts. It is measured after
            each epoch and decides when to stop if ``config.patience`` is set.
        facts : ndarray, shape (n, k), optional
            Numbers beside each text, NaN where unknown; standardized inside and joined through a gate.
        run_dir : pathlib.Path or str, optional
            Folder for checkpoints, ``training_log.jsonl`` and ``run.json``. If it holds a checkpoint of the
            same options and data, training goes on from there, to the same result as without the
            interruption.
        trackers : sequence of str, optional
            ``"tensorboard"`` or ``"wandb"`` (offline), which draw the run in ``run_dir`` as it goes.
        supervisor : Supervisor, optional
            Sees the history after each epoch and may end the training; with ``config.processes`` 1 only.
        progress : Progress
            Display for the person who waits.

        Returns
        -------
        LanguageRegressor
            Itself.

        Raises
        ------
        DataError
            If texts, targets or facts cannot be used.
        ConfigError
            If the options do not fit each other or the backbone.
        MissingExtraError
            If a tracker is not installed.
        BackboneError
            If the backbone cannot be found or loaded.
        TrainingStopped
            If training was interrupted; the message says how to resume.
        """
        rows = check_rows(texts, targets, facts, "training")
        held_out = None if validation is None else check_validation(validation, rows)
        if rows.targets.std() == 0:
            raise DataError(
                f"all {len(rows.targets)} targets equal {rows.targets[0]:g}; there is nothing to learn"
            )
        place = None if run_dir is None else Path(run_dir)
        drawn_by = check_trackers(trackers, place)
        if supervisor is not None and self.config.processes > 1:
            raise ConfigError(
                f"expected processes 1 with a supervisor, got {self.config.processes}: it follows a training "
                "in its own process; leave one of the two out"
            )
        self._fitted = _engine().tune(
            self.config, rows, held_out, place, progress, drawn_by, supervisor or NoSupervisor()
        )
        return self

    def predict(
        self, texts: Sequence[str], *, facts: np.ndarray | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Predict one number a text, in fp32.

        Parameters
        ----------
        texts : sequence of str, length n
            The texts.
        facts : ndarray, shape (n, k), optional
            The same facts as in training; required if it had any.
        batch_size : int, default 64
            Texts of 64 tokens read at once; of shorter texts more, of longer ones fewer. It changes memory
            and speed, not the predictions.

        Returns
        -------
        ndarray of float64, shape (n,)
            Predictions in the targets' unit.
        """
        fitted = self._parts
        rows, known = self._checked(texts, facts)
        return _engine().predict(fitted, rows, known, batch_size)

    def predict_quantiles(
        self, texts: Sequence[str], *, facts: np.ndarray | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Predict the quantiles of a model that was tuned with head ``"quantile"``.

        Parameters
        ----------
        texts, facts, batch_size
            As in :meth:`predict`.

        Returns
        -------
        ndarray of float64, shape (n, n_levels)
            Quantiles in the targets' unit, rising along the second axis; the levels are `levels_`.

        Raises
        ------
        ConfigError
            If the head has no quantiles.
        """
        fitted = self._parts
        rows, known = self._checked(texts, facts)
        return _engine().predict_quantiles(fitted, rows, known, batch_size)

    def predict_bands(
        self, texts: Sequence[str], *, facts: np.ndarray | None = None, batch_size: int = 64
    ) -> np.ndarray:
        """Predict the probability of each band of a model that was tuned with bands.

        Parameters
        ----------
        texts, facts, batch_size
            As in :meth:`predict`.

        Returns
        -------
        ndarray of float64, shape (n, n_bands)
            Probabilities; the ends of the bands are `band_edges_`.

        Raises
        ------
        ConfigError
            If the head has no bands.
        """
        fitted = self._parts
        rows, known = self._checked(texts, facts)
        return _engine().predict_bands(fitted, rows, known, batch_size)

    def embed(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the tuned encoder's mean-pooled states, of length 1.

        Parameters
        ----------
        texts : sequence of str, length n
            The texts.
        batch_size : int, default 64
            Texts of 64 tokens read at once.

        Returns
        -------
        ndarray of float32, shape (n, hidden_size)
            One unit vector a text; the dot product of two is their cosine similarity.
        """
        return _engine().embed(self._parts, check_texts(texts), batch_size)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return how many tokens of each text are read, shape (n,), int64: at most ``max_length``."""
        fitted = self._parts
        return fitted.tokenizer.encode(check_texts(texts), fitted.config.max_length).lengths

    def save(self, folder: Path | str) -> None:
        """Write the tuned model into a folder without pickle; see :meth:`load`."""
        _engine().save_fitted(self._parts, Path(folder))

    def export_onnx(self, file: Path | str) -> None:
        """Write the tuned model as an ONNX graph in fp32, for any number and length of texts.

        Parameters
        ----------
        file : pathlib.Path or str
            Where the graph goes. Its inputs are ``token_ids`` and ``token_mask``, its outputs ``log_price``
            (the prediction in the targets' unit) and ``unit_state`` (what :meth:`embed` gives).

        Raises
        ------
        ConfigError
            If the model was trained with facts.
        BackboneError
            If this kind of backbone cannot be written as a graph.
        MissingExtraError
            If ``onnx`` is not installed.
        """
        require_training_libraries()
        require("onnx", extra="train", purpose="export a language model")
        from pricelm.language.onnx_export import export_graph

        export_graph(self._parts, Path(file))

    @property
    def tokenizer_(self) -> TextTokenizer:
        """The tokenizer of the backbone."""
        return self._parts.tokenizer

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a saved model, offline and from wherever the folder is now.

        Raises
        ------
        BundleError
            If a file is missing or broken; ``BundleVersionError`` if a later pricelm wrote it.
        """
        fitted = _engine().load_fitted(Path(folder))
        model = cls(fitted.config)
        model._fitted = fitted
        return model

    def _checked(self, texts: Sequence[str], facts: np.ndarray | None) -> tuple[list[str], np.ndarray | None]:
        scaler = self._parts.facts
        n_facts = len(scaler.means) if scaler else 0
        if (facts is not None) != bool(n_facts):
            raise DataError(
                f"the model was trained with {n_facts} facts a text, so facts must "
                f"{'be given' if n_facts else 'be left out'}"
            )
        rows = check_texts(texts)
        return rows, None if facts is None else check_facts(facts, len(rows), n_facts)

    @property
    def _parts(self) -> Fitted:
        if self._fitted is None:
            raise ConfigError("this LanguageRegressor is not fitted yet; call fit or load first")
        return self._fitted


def _engine() -> ModuleType:
    # Torch is asked for at the first use, so that a machine without it is told which extra brings it.
    require_training_libraries()
    from pricelm.language import engine

    return engine

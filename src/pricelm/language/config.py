"""The options of tuning a language model, validated before anything slow begins; no torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.language.heads import check_head_name, head_class
from pricelm.language.methods import last_layers, method_class, method_entry

OPTIMIZERS = ("adamw", "sgd", "adafactor", "muon")
SCHEDULES = ("cosine", "linear", "constant", "inverse-sqrt")
PRECISIONS = ("auto", "fp32", "bf16")
ENGINES = ("local", "ray")

# Options that change how a run is watched or carried out, not which weights it looks for.
_NOT_PART_OF_THE_RESULT = (
    "gradient_checkpointing",
    "engine",
    "processes",
    "sharded",
    "threads",
    "checkpoint_every_steps",
)
# Adafactor and Muon need a matrix as a whole, of which a process holds only a part.
_SHARDED_OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True)
class TuningConfig:
    """How a pretrained language model is tuned.

    Parameters
    ----------
    backbone : str, default "minilm"
        Alias of an installed model, a Hugging Face folder, or a hub id.
    max_length : int, default 64
        Tokens of a text that are read; the rest is cut.
    epochs : int, default 3
        Passes over the training texts.
    batch_size : int, default 32
        Texts that are in memory at once.
    method : str, default "full"
        What is tuned, a name of :data:`pricelm.language.methods.METHODS`: ``"full"`` is everything,
        ``"last-N"`` the topmost N layers, ``"frozen"`` the head alone (each text is read once, which is fast
        and wants more epochs and a higher ``head_learning_rate``); ``"lora"`` and others add small weights.
    method_options : mapping, default {}
        Options of the method, for example ``{"rank": 4}``.
    head : str, default "regression"
        What is predicted: a name of :data:`pricelm.language.heads.HEADS`.
    head_options : mapping, default {}
        Options of the head, for example ``{"loss": "mae"}``.
    learning_rate : float or None, default None
        Peak rate of the topmost layer and of added weights; ``None`` takes the method's usual one.
    head_learning_rate : float or None, default None
        Peak rate of the head; ``None`` takes the usual one of the method.
    layer_decay : float or None, default None
        Factor by which the rate falls with every layer further down; 1 gives all layers the same rate,
        ``None`` takes the method's usual one.
    optimizer : {"adamw", "sgd", "adafactor", "muon"}, default "adamw"
        SGD uses a momentum of 0.9. Adafactor remembers rows and columns instead of every weight, which
        saves memory. Muon steps along orthogonalized gradients; it takes the matrices of the encoder's
        layers, and AdamW takes everything else.
    schedule : {"cosine", "linear", "constant", "inverse-sqrt"}, default "cosine"
        Course of the rate after the warm-up.
    warmup_share : float, default 0.1
        Share of all steps in which the rate rises from near zero to its peak.
    weight_decay : float, default 0.01
        Decoupled decay of weight matrices; biases and norms are never decayed.
    dropout : float, default 0.1
        Dropout of the encoder and before the head.
    clip_norm : float or None, default 1.0
        Largest length of the gradient; ``None`` switches clipping off.
    accumulation_steps : int, default 1
        Batches whose gradients are added before a step; the result is that of one larger batch.
    patience : int or None, default None
        Stop after this many epochs without a lower validation loss, and go back to the best weights.
        ``None`` never stops early and keeps the last weights.
    bucketed : bool, default True
        Put texts of similar length into one batch, which saves padding.
    precision : {"auto", "fp32", "bf16"}, default "auto"
        Arithmetic of training. ``"auto"`` takes bf16 only where the hardware has it. Predictions are
        always made in fp32.
    gradient_checkpointing : bool, default False
        Forget the states between layers and compute them again on the way back: less memory, more time,
        the same weights. It pays with long texts or large batches.
    engine : {"local", "ray"}, default "local"
        Where the processes run: on this machine, or on those of a Ray cluster, which all have to see
        the folder of the run.
    processes : int, default 1
        Processes that train together, each on its share of every batch. The result is that
        of one process except for rounding and for which units dropout picks.
    sharded : bool, default False
        Divide the encoder's weights, gradients and optimizer memory among the processes instead of keeping
        them whole in each.
    threads : int or None, default None
        Threads that torch may use; ``None`` leaves torch's own choice, or with several processes gives each
        its share of the cores.
    checkpoint_every_steps : int or None, default None
        Write a checkpoint every so many steps, besides the one after each epoch.
    seed : int, default 0
        Seed of the head, of dropout and of the order of the texts.

    Raises
    ------
    ConfigError
        If an option has a value that it cannot have.

    Examples
    --------
    >>> TuningConfig(method="lora").peak_learning_rate
    0.002
    >>> TuningConfig.from_dict({"epochs": 5}).epochs
    5
    """

    backbone: str = "minilm"
    max_length: int = 64
    epochs: int = 3
    batch_size: int = 32
    method: str = "full"
    method_options: Mapping[str, Any] = field(default_factory=dict)
    head: str = "regression"
    head_options: Mapping[str, Any] = field(default_factory=dict)
    learning_rate: float | None = None
    head_learning_rate: float | None = None
    layer_decay: float | None = None
    optimizer: str = "adamw"
    schedule: str = "cosine"
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    clip_norm: float | None = 1.0
    accumulation_steps: int = 1
    patience: int | None = None
    bucketed: bool = True
    precision: str = "auto"
    gradient_checkpointing: bool = False
    engine: str = "local"
    processes: int = 1
    sharded: bool = False
    threads: int | None = None
    checkpoint_every_steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, str) or not self.backbone:
            raise ConfigError(
                f"expected backbone to be an alias, a folder or a hub id, got {self.backbone!r}"
            )
        for name, least in (
            ("max_length", 4),
            ("epochs", 1),
            ("batch_size", 1),
            ("accumulation_steps", 1),
            ("processes", 1),
            ("seed", 0),
        ):
            _check_whole_number(name, getattr(self, name), least)
        for name in ("patience", "threads", "checkpoint_every_steps"):
            if getattr(self, name) is not None:
                _check_whole_number(name, getattr(self, name), 1)
        for name in ("learning_rate", "head_learning_rate"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), above=0.0)
        if self.layer_decay is not None:
            _check_number("layer_decay", self.layer_decay, above=0.0, up_to=1.0)
        _check_number("warmup_share", self.warmup_share, least=0.0, below=1.0)
        _check_number("weight_decay", self.weight_decay, least=0.0)
        _check_number("dropout", self.dropout, least=0.0, below=1.0)
        if self.clip_norm is not None:
            _check_number("clip_norm", self.clip_norm, above=0.0)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("schedule", self.schedule, SCHEDULES)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("engine", self.engine, ENGINES)
        for name in ("bucketed", "gradient_checkpointing", "sharded"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"expected {name} to be True or False, got {getattr(self, name)!r}")
        method_entry(self.method)
        check_head_name(self.head)
        self._check_options()
        self._check_combinations()

    def _check_options(self) -> None:
        """Check the options of head and method, which know torch and so are asked only if there are any."""
        for name in ("method_options", "head_options"):
            options = getattr(self, name)
            if not isinstance(options, Mapping):
                raise ConfigError(f"expected {name} to be a mapping of options, got {options!r}")
            # a copy, so that nobody changes a frozen config from outside
            object.__setattr__(self, name, dict(options))
        if self.method_options:
            kind = method_class(self.method).options_class
            kind.from_mapping(self.method_options, f"method {self.method!r}")
        if self.head_options:
            head_class(self.head).options_class.from_mapping(self.head_options, f"head {self.head!r}")

    @property
    def peak_learning_rate(self) -> float:
        """The peak rate: ``learning_rate``, or the usual one of the method."""
        return method_entry(self.method).learning_rate if self.learning_rate is None else self.learning_rate

    @property
    def peak_head_rate(self) -> float:
        """The peak rate of the head: ``head_learning_rate``, or the usual one of the method."""
        usual = method_entry(self.method).head_learning_rate
        return usual if self.head_learning_rate is None else self.head_learning_rate

    @property
    def rate_decay(self) -> float:
        """The decay of the rate a layer: ``layer_decay``, or the usual one of the method."""
        return method_entry(self.method).layer_decay if self.layer_decay is None else self.layer_decay

    def with_seed(self, seed: int) -> TuningConfig:
        """Return the same options with another seed."""
        return replace(self, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Return the options as a dictionary that JSON can hold."""
        return asdict(self)

    def result_options(self) -> dict[str, Any]:
        """Return the options that decide the tuned weights; a run may be resumed only with the same ones."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_PART_OF_THE_RESULT}

    def _check_combinations(self) -> None:
        own = self.method == "full" or last_layers(self.method) is not None
        if not own and self.optimizer == "muon":
            raise ConfigError(
                f"expected method 'full' or 'last-N' with optimizer 'muon', got {self.method!r}: muon is for "
                "the matrices of the encoder, which are frozen; use optimizer 'adamw'"
            )
        if self.method == "frozen" and self.processes > 1:
            raise ConfigError(
                f"expected processes 1 with method 'frozen', got {self.processes}: a frozen encoder reads "
                "every text once, and the head is too small to be shared; raise threads instead"
            )
        if self.sharded and not own:
            raise ConfigError(
                f"expected method 'full' or 'last-N' with sharded, got {self.method!r}: added weights "
                "are too small to be shared out; switch sharded off"
            )
        if self.sharded and self.processes == 1:
            raise ConfigError("expected sharded with at least 2 processes, got 1; raise processes")
        if self.sharded and self.optimizer not in _SHARDED_OPTIMIZERS:
            raise ConfigError(
                f"expected optimizer {' or '.join(map(repr, _SHARDED_OPTIMIZERS))} with sharded, got "
                f"{self.optimizer!r}, which needs every matrix as a whole; switch sharded off or take another"
            )

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> TuningConfig:
        """Build a config from a dictionary.

        Parameters
        ----------
        options : mapping of str to object
            Any of the fields; those left out take their defaults.

        Returns
        -------
        TuningConfig
            The validated config.

        Raises
        ------
        ConfigError
            If an option is unknown (close matches are named) or has a wrong value.
        """
        known = [item.name for item in fields(cls)]
        for name in options:
            if name not in known:
                close = get_close_matches(str(name), known, n=3)
                hint = (
                    f"did you mean {' or '.join(map(repr, close))}?"
                    if close
                    else f"known: {', '.join(known)}"
                )
                raise ConfigError(f"unknown tuning option {name!r}; {hint}")
        return cls(**options)


def _check_whole_number(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"expected {name} to be a whole number of at least {least}, got {value!r}")


def _check_number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    up_to: float = math.inf,
) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and above < value < below and least <= value <= up_to:  # type: ignore[arg-type, operator]
        return
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("above", above), ("at least", least), ("below", below), ("at most", up_to))
        if math.isfinite(limit)
    ]
    raise ConfigError(f"expected {name} to be a number {' and '.join(limits)}, got {value!r}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"expected {name} to be one of {', '.join(choices)}, got {value!r}")

"""The settings that a search tries: ranges around those of the preset. No optuna and no torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.methods import last_layers, method_entry

_RATE_TIMES = (0.1, 5.0)
_EPOCH_TIMES = (0.5, 2.0)
_LAYER_DECAY = (0.6, 1.0)
_DROPOUT = (0.0, 0.3)
_WARMUP_SHARE = (0.0, 0.3)
_WEIGHT_DECAY = (1e-4, 0.3)
_SCHEDULES = ("cosine", "linear", "constant")
_HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "regression": ("regression", {}),
    "regression, loss mse": ("regression", {"loss": "mse"}),
    "regression, loss mae": ("regression", {"loss": "mae"}),
    "both": ("both", {}),
    "bands": ("bands", {}),
    "quantile": ("quantile", {}),
}
_OWN_HEAD = "as given"
# The head has a rate of its own, so where nothing else is tuned there is no other.
_RATE = "learning_rate"


class Suggester(Protocol):
    """What proposes values, such as a trial of optuna."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number of a range."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""
        ...


@dataclass(frozen=True)
class SearchSpace:
    """Ranges around one configuration, which is itself a point of them.

    Rates and epochs are factors of what the method usually takes, so that one range serves every method.
    Rates and weight decay are searched on a logarithmic scale.

    Parameters
    ----------
    base : TuningConfig
        Where the ranges are centered; the settings that are not searched are taken from it.
    methods : tuple of str, default ()
        Methods to choose among besides that of ``base``; without any the method stays as it is.
    longest : int or None, default None
        Most tokens worth reading: what the backbone can read, or what the texts have.

    Raises
    ------
    ConfigError
        If a method does not exist, or ``base`` asks for several processes.

    Examples
    --------
    >>> space = SearchSpace(TuningConfig())
    >>> space.config(space.base_values()) == TuningConfig()
    True
    >>> space.config(space.base_values() | {"learning_rate": 0.5}).learning_rate
    0.0001
    """

    base: TuningConfig
    methods: tuple[str, ...] = ()
    longest: int | None = None

    def __post_init__(self) -> None:
        for name in self.methods:
            method_entry(name)
        if self.base.processes > 1 or self.base.engine != "local":
            raise ConfigError(
                f"expected processes 1 and engine 'local' in a search, got {self.base.processes} and "
                f"{self.base.engine!r}: a search runs whole trials side by side; ask for workers instead"
            )
        if self.base.method_options and len(self.all_methods) > 1:
            raise ConfigError(
                f"expected no method_options in a search over methods, got {dict(self.base.method_options)} "
                f"of {self.base.method!r}; leave out one of the two"
            )

    @property
    def all_methods(self) -> tuple[str, ...]:
        """The methods to choose among, that of the base first."""
        return tuple(dict.fromkeys((self.base.method, *self.methods)))

    def suggest(self, trial: Suggester) -> TuningConfig:
        """Return the configuration of the values that a trial proposes."""
        values: dict[str, Any] = {}
        for name, choices in self._choices().items():
            values[name] = choices[0] if len(choices) == 1 else trial.suggest_categorical(name, choices)
        for name, (low, high, options) in self._ranges(values["method"]).items():
            values[name] = trial.suggest_float(name, low, high, **options)
        return self.config(values)

    def config(self, values: Mapping[str, Any]) -> TuningConfig:
        """Return the configuration that values of this space stand for.

        Parameters
        ----------
        values : mapping
            A value for each name of :meth:`base_values`.
        """
        if values == self.base_values():
            return self.base
        method = values["method"]
        entry = method_entry(method)
        head, head_options = self._heads()[values["head"]]
        # Muon steps along whole matrices of the backbone, which only these methods tune.
        fits = self.base.optimizer != "muon" or _has_layers(method)
        return replace(
            self.base,
            method=method,
            optimizer=self.base.optimizer if fits else "adamw",
            learning_rate=_short(entry.learning_rate * values.get("learning_rate", 1.0)),
            head_learning_rate=_short(entry.head_learning_rate * values["head_learning_rate"]),
            layer_decay=_short(values["layer_decay"]) if "layer_decay" in values else entry.layer_decay,
            epochs=max(1, round(self._usual_epochs(method) * values["epochs"])),
            batch_size=int(values["batch_size"]),
            max_length=int(values["max_length"]),
            head=head,
            head_options=head_options,
            schedule=values["schedule"],
            dropout=_short(values["dropout"]),
            weight_decay=_short(values["weight_decay"]),
            warmup_share=_short(values["warmup_share"]),
        )

    def base_values(self) -> dict[str, Any]:
        """Return the point of the space that is the base itself."""
        base = self.base
        entry = method_entry(base.method)
        values = {
            "method": base.method,
            "head": next(iter(self._heads())),
            "schedule": base.schedule,
            "batch_size": base.batch_size,
            "max_length": base.max_length,
            "learning_rate": base.peak_learning_rate / entry.learning_rate,
            "head_learning_rate": base.peak_head_rate / entry.head_learning_rate,
            "epochs": 1.0,
            "dropout": base.dropout,
            "weight_decay": base.weight_decay,
            "warmup_share": base.warmup_share,
        }
        if _has_layers(base.method):
            values["layer_decay"] = base.rate_decay
        return {name: value for name, value in values.items() if base.method != "frozen" or name != _RATE}

    def to_dict(self) -> dict[str, Any]:
        """Return the space as JSON-ready values, enough to tell it from another."""
        return {"base": self.base.to_dict(), "methods": list(self.methods), "longest": self.longest}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchSpace:
        """Rebuild the space from `to_dict`."""
        return cls(TuningConfig.from_dict(values["base"]), tuple(values["methods"]), values["longest"])

    def lines(self) -> list[str]:
        """Return the space as lines for people."""
        choices = {name: values for name, values in self._choices().items() if len(values) > 1}
        told = [
            f"{name.replace('_', ' ')}: {' | '.join(str(value) for value in values)}"
            for name, values in choices.items()
        ]
        for name, (low, high, _) in self._ranges(self.base.method).items():
            times = " times the usual" if name.endswith("learning_rate") or name == "epochs" else ""
            told.append(f"{name.replace('_', ' ')}: {low:g} to {high:g}{times}")
        return told

    def _choices(self) -> dict[str, list[Any]]:
        base = self.base
        lengths = {max(4, base.max_length // 2), base.max_length, base.max_length * 2}
        if self.longest is not None:
            lengths = {n for n in lengths if n <= max(base.max_length, self.longest)}
        return {
            "method": list(self.all_methods),
            "head": list(self._heads()),
            "schedule": list(dict.fromkeys((*_SCHEDULES, base.schedule))),
            "batch_size": sorted({max(1, base.batch_size // 2), base.batch_size, base.batch_size * 2}),
            "max_length": sorted(lengths),
        }

    def _heads(self) -> dict[str, tuple[str, dict[str, Any]]]:
        own = (self.base.head, dict(self.base.head_options))
        name = next((name for name, head in _HEADS.items() if head == own), _OWN_HEAD)
        return {name: own} | _HEADS

    def _ranges(self, method: str) -> dict[str, tuple[float, float, dict[str, Any]]]:
        at = {_RATE: 1.0} | self.base_values()
        decay = self.base.weight_decay
        ranges: dict[str, tuple[float, float, dict[str, Any]]] = {
            _RATE: (*_around(_RATE_TIMES, at[_RATE]), {"log": True}),
            "head_learning_rate": (*_around(_RATE_TIMES, at["head_learning_rate"]), {"log": True}),
            "epochs": (*_EPOCH_TIMES, {"step": 0.5}),
            "dropout": (*_around(_DROPOUT, at["dropout"]), {}),
            # No logarithm reaches a decay of 0.
            "weight_decay": (
                (*_around(_WEIGHT_DECAY, decay), {"log": True}) if decay else (0.0, _WEIGHT_DECAY[1], {})
            ),
            "warmup_share": (*_around(_WARMUP_SHARE, at["warmup_share"]), {}),
        }
        if _has_layers(method):
            at_decay = self.base.rate_decay if _has_layers(self.base.method) else _LAYER_DECAY[1]
            ranges["layer_decay"] = (*_around(_LAYER_DECAY, at_decay), {})
        if method == "frozen":
            del ranges[_RATE]
        return ranges

    def _usual_epochs(self, method: str) -> float:
        return self.base.epochs * method_entry(method).passes / method_entry(self.base.method).passes


def _has_layers(method: str) -> bool:
    """Tell whether layers of the backbone itself are tuned, so that each can have its own rate."""
    return method == "full" or last_layers(method) is not None


def _around(usual: tuple[float, float], value: float) -> tuple[float, float]:
    return min(usual[0], value), max(usual[1], value)


def _short(value: float) -> float:
    """Round to four digits, as many as a setting that a person reads and copies needs."""
    return float(f"{value:.4g}")

"""Methods of tuning: which weights of a backbone change, and which small ones are added to it.

Each method is a class and one line here. This module imports no torch, so that names can be checked anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import ConfigError

if TYPE_CHECKING:
    from pricelm.language.methods.method import Method

_SELECTIVE = "pricelm.language.methods.selective"
_ADAPTERS = "pricelm.language.methods.adapters"
_LAST_LAYERS = re.compile(r"last-([1-9]\d*)")


@dataclass(frozen=True)
class MethodEntry:
    """Where a method is and what it is usually tuned with.

    Parameters
    ----------
    module, attribute : str
        Where its class is.
    learning_rate : float
        Usual peak rate.
    layer_decay : float
        Usual decay of the rate from layer to layer downwards.
    about : str
        One line for people.
    head_learning_rate : float
        Usual peak rate of the head.
    passes : int
        How many times as many epochs it usually wants as full tuning.
    """

    module: str
    attribute: str
    learning_rate: float
    layer_decay: float
    about: str
    head_learning_rate: float = 1e-3
    passes: int = 1


METHODS: dict[str, MethodEntry] = {
    "full": MethodEntry(_SELECTIVE, "Full", 2e-4, 0.8, "every weight of the backbone"),
    "last-N": MethodEntry(_SELECTIVE, "LastLayers", 2e-4, 0.8, "the topmost N layers, for example last-2"),
    "frozen": MethodEntry(
        _SELECTIVE, "Frozen", 2e-4, 1.0, "the head alone; each text is read once", 1e-2, 10
    ),
    "bitfit": MethodEntry(_SELECTIVE, "BitFit", 4e-3, 1.0, "the biases alone (norms where there are none)"),
    "lora": MethodEntry(_ADAPTERS, "Lora", 2e-3, 1.0, "low-rank changes of every linear layer"),
    "dora": MethodEntry(_ADAPTERS, "Dora", 2e-3, 1.0, "LoRA with the length of each weight apart"),
    "adalora": MethodEntry(_ADAPTERS, "AdaLora", 1e-2, 1.0, "LoRA whose ranks go where they matter"),
    "prefix": MethodEntry(
        _ADAPTERS, "Prefix", 3e-2, 1.0, "learned keys and values before the text in each layer"
    ),
    "prompt": MethodEntry(_ADAPTERS, "Prompt", 1e-2, 1.0, "learned tokens before the text"),
    "ia3": MethodEntry(_ADAPTERS, "Ia3", 2e-2, 1.0, "learned factors of keys, values and inner states"),
    "adapter": MethodEntry(
        "pricelm.language.methods.bottleneck",
        "BottleneckAdapter",
        3e-3,
        1.0,
        "a small network after each layer",
    ),
}


def method_entry(name: str) -> MethodEntry:
    """Return the entry of a method.

    Parameters
    ----------
    name : str
        A key of :data:`METHODS`, with a number instead of the N of ``last-N``.

    Raises
    ------
    ConfigError
        If there is no such method.

    Examples
    --------
    >>> method_entry("last-2").attribute
    'LastLayers'
    """
    if isinstance(name, str):
        if _LAST_LAYERS.fullmatch(name):
            return METHODS["last-N"]
        if name in METHODS and name != "last-N":
            return METHODS[name]
    close = get_close_matches(str(name), METHODS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close and name != "last-N" else ""
    raise ConfigError(
        f"expected method to be one of {', '.join(METHODS)} with a number for N, got {name!r}{hint}"
    )


def method_class(name: str) -> type[Method]:
    """Return the class of a method; torch is imported now."""
    entry = method_entry(name)
    found: type[Method] = getattr(import_module(entry.module), entry.attribute)
    return found


def build_method(name: str, options: Mapping[str, Any]) -> Method:
    """Return a method with its options.

    Raises
    ------
    ConfigError
        If there is no such method, or it has no such option.
    """
    kind = method_class(name)
    return kind(name, kind.options_class.from_mapping(options, f"method {name!r}"))


def last_layers(name: str) -> int | None:
    """Return the N of ``last-N``, None for every other method.

    Examples
    --------
    >>> last_layers("last-3"), last_layers("full")
    (3, None)
    """
    found = _LAST_LAYERS.fullmatch(name)
    return int(found[1]) if found else None

"""Heads: what the network is asked to predict of a text, and how its outputs become one number.

Each head is a small module with its options, its class and one line here. This module imports no torch, so
that a name can be checked anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import ConfigError

if TYPE_CHECKING:
    from pricelm.language.heads.head import Head

_HERE = "pricelm.language.heads"
HEADS: dict[str, tuple[str, str]] = {
    "regression": (f"{_HERE}.regression", "RegressionHead"),
    "quantile": (f"{_HERE}.quantile", "QuantileHead"),
    "bands": (f"{_HERE}.bands", "BandsHead"),
    "ordinal": (f"{_HERE}.ordinal", "OrdinalHead"),
    "both": (f"{_HERE}.both", "RegressionAndBandsHead"),
}


def check_head_name(name: object) -> None:
    """Raise ConfigError unless ``name`` is a registered head.

    Examples
    --------
    >>> check_head_name("regresion")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.ConfigError: expected head to be one of ..., got 'regresion'; did you mean ...
    """
    if name in HEADS:
        return
    close = get_close_matches(str(name), HEADS, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"expected head to be one of {', '.join(HEADS)}, got {name!r}{hint}")


def head_class(name: str) -> type[Head]:
    """Return the class of a head; torch is imported now.

    Raises
    ------
    ConfigError
        If there is no such head.
    """
    check_head_name(name)
    module, attribute = HEADS[name]
    found: type[Head] = getattr(import_module(module), attribute)
    return found


def head_from_dict(saved: Mapping[str, Any]) -> Head:
    """Rebuild a fitted head from what its ``to_dict`` gave."""
    return head_class(str(saved["head"])).from_dict(saved)

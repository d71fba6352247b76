"""Serving: a bundle made fast, in an install without torch, which this room never imports.

Examples
--------
>>> from pricelm.serving import ServingOptions, load_predictor
>>> ServingOptions().precision
'auto'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pricelm.serving.cache import CacheStatistics
    from pricelm.serving.options import ServingOptions
    from pricelm.serving.predictor import ServedModel, load_predictor

_HOME_OF_NAME = {
    "CacheStatistics": "pricelm.serving.cache",
    "ServedModel": "pricelm.serving.predictor",
    "ServingOptions": "pricelm.serving.options",
    "load_predictor": "pricelm.serving.predictor",
}

__all__ = ["CacheStatistics", "ServedModel", "ServingOptions", "load_predictor"]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF_NAME:
        return getattr(import_module(_HOME_OF_NAME[name]), name)
    raise AttributeError(f"module 'pricelm.serving' has no attribute {name!r}")

"""pricelm prices things from what is written about them.

The public names are imported on first use, so that ``import pricelm`` loads no
torch, no pandas and no model.

Examples
--------
>>> import pricelm
>>> "PriceModel" in dir(pricelm)
True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pricelm.catalog.columns import ColumnMap
    from pricelm.catalog.quantities import parse_quantities
    from pricelm.catalog.readers import read_listings
    from pricelm.catalog.shops import load_shop
    from pricelm.catalog.splits import split_listings
    from pricelm.core.errors import PricelmError
    from pricelm.core.nouns import Comparable, PriceBand, PriceEstimate, PriceInterval, Quote, WordEffect
    from pricelm.evaluation.evaluator import evaluate
    from pricelm.explanation.words import explain_words
    from pricelm.language.config import TuningConfig
    from pricelm.models.bundle import load_model
    from pricelm.models.price_model import PriceModel
    from pricelm.models.shop_bands import ShopBands

__version__ = "0.1.0"

_HOME_OF_NAME = {
    "PriceModel": "pricelm.models.price_model",
    "load_model": "pricelm.models.bundle",
    "TuningConfig": "pricelm.language.config",
    "ColumnMap": "pricelm.catalog.columns",
    "read_listings": "pricelm.catalog.readers",
    "load_shop": "pricelm.catalog.shops",
    "split_listings": "pricelm.catalog.splits",
    "parse_quantities": "pricelm.catalog.quantities",
    "evaluate": "pricelm.evaluation.evaluator",
    "explain_words": "pricelm.explanation.words",
    "Quote": "pricelm.core.nouns",
    "PriceEstimate": "pricelm.core.nouns",
    "PriceInterval": "pricelm.core.nouns",
    "Comparable": "pricelm.core.nouns",
    "WordEffect": "pricelm.core.nouns",
    "ShopBands": "pricelm.models.shop_bands",
    "PriceBand": "pricelm.core.nouns",
    "PricelmError": "pricelm.core.errors",
}

__all__ = [
    "Comparable",
    "ColumnMap",
    "PriceBand",
    "PriceEstimate",
    "PriceInterval",
    "PriceModel",
    "PricelmError",
    "Quote",
    "ShopBands",
    "TuningConfig",
    "WordEffect",
    "evaluate",
    "explain_words",
    "load_model",
    "load_shop",
    "parse_quantities",
    "read_listings",
    "split_listings",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF_NAME:
        return getattr(import_module(_HOME_OF_NAME[name]), name)
    raise AttributeError(f"module 'pricelm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

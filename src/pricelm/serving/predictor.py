"""A bundle that is ready to price: the model as it was trained, its language member in another runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import BundleError
from pricelm.core.nouns import Quote
from pricelm.models.bundle import load_model, read_document
from pricelm.models.language_member import LanguageMember
from pricelm.models.price_model import PriceModel
from pricelm.serving.cache import CacheStatistics
from pricelm.serving.engine import OnnxCopy, OnnxEngine
from pricelm.serving.export_folder import EXPORT_FOLDER, chosen_precision, read_export
from pricelm.serving.options import ServingOptions

_VERSION_DIGITS = 16
_LANGUAGE = "language"


class ServedModel:
    """A price model that many threads may ask at once.

    Parameters
    ----------
    model : PriceModel
        The model.
    version : str
        What tells this bundle from every other.
    engine : OnnxEngine, optional
        What runs its language member; None if it has none, or if torch runs it.
    precision : str, default ""
        Arithmetic of the engine.

    Attributes
    ----------
    model : PriceModel
        The model itself, for what is not here, such as explanations.
    """

    def __init__(
        self, model: PriceModel, version: str, engine: OnnxEngine | None = None, precision: str = ""
    ) -> None:
        self.model = model
        self.version = version
        self.precision = precision
        self._engine = engine

    @property
    def fingerprint(self) -> str:
        """Hash of the listings that the model was trained on."""
        return str(self.model.fingerprint_)

    @property
    def columns(self) -> ColumnMap:
        """Roles of the columns that the model reads."""
        return self.model.columns_

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted prices, shape (n_listings,); NaN where there is nothing to read."""
        return self.model.predict(X)

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper ends of price intervals, shape (n_listings, 2)."""
        return self.model.predict_interval(X, confidence_level)

    def quote(self, X: pd.DataFrame, comparables: int = 3) -> list[Quote]:
        """Return everything that is known about the price of each listing."""
        return self.model.quote(X, comparables=comparables)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return how many tokens of each text the language member reads, shape (n_texts,), int64.

        Without a language member a text counts as one, whatever its length.
        """
        member = self.model.members_.get(_LANGUAGE)
        if isinstance(member, LanguageMember):
            return member.regressors_[0].count_tokens(texts)
        return np.ones(len(texts), dtype=np.int64)

    def cache_statistics(self) -> CacheStatistics:
        """Return what the memory of texts has done; all zero where there is none."""
        return CacheStatistics(0, 0, 0, 0) if self._engine is None else self._engine.statistics()


def load_predictor(bundle: Path, options: ServingOptions = ServingOptions()) -> ServedModel:
    """Read a bundle for serving, without torch.

    Parameters
    ----------
    bundle : pathlib.Path
        Folder of the bundle.
    options : ServingOptions
        Precision, threads, batches and memory.

    Returns
    -------
    ServedModel
        Ready to price.

    Raises
    ------
    BundleError
        If a file is missing or changed, or if the bundle has a language member that was not exported;
        ``BundleVersionError`` if a later pricelm wrote it.
    MissingExtraError
        If the bundle has a member whose library is not installed.
    """
    bundle = Path(bundle)
    if _LANGUAGE not in read_document(bundle)["members"]:
        model = load_model(bundle, image_root=options.image_root)
        return ServedModel(model, bundle_version(bundle))
    wanted = ("int8", "fp32") if options.precision == "auto" else (options.precision,)
    record = read_export(bundle, wanted)
    if record is None:
        raise BundleError(
            f"expected an export of the language member in {bundle / EXPORT_FOLDER}, found none: run "
            f"'pricelm export {bundle}' where the model was trained, and copy the bundle again"
        )
    precision = chosen_precision(record, options.precision)
    threads = options.threads_here
    copies = [OnnxCopy(bundle / EXPORT_FOLDER, copy, precision, threads) for copy in record.copies]
    engine = OnnxEngine(copies, options)
    model = load_model(bundle, image_root=options.image_root, language_copies=[engine])
    return ServedModel(model, bundle_version(bundle, precision), engine, precision)


def bundle_version(bundle: Path, precision: str = "") -> str:
    """Return what tells a bundle from every other.

    Parameters
    ----------
    bundle : pathlib.Path
        Folder of the bundle.
    precision : str, default ""
        Arithmetic of its language member, if an export is served.

    Returns
    -------
    str
        16 hexadecimal digits; equal for copies of the same bundle, another after every training.
    """
    digest = hashlib.sha256((bundle / "files.json").read_bytes())
    if precision:
        digest.update(precision.encode() + (bundle / EXPORT_FOLDER / "export.json").read_bytes())
    return digest.hexdigest()[:_VERSION_DIGITS]

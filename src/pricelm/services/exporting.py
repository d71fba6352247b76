"""Exporting: the language member of a bundle as ONNX graphs, so that a service prices without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pricelm.catalog.readers import read_listings
from pricelm.catalog.validation import check_listings
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.models.bundle import load_model
from pricelm.models.fingerprint import software_versions
from pricelm.models.language_member import LanguageMember
from pricelm.models.text import compose_text, log_price
from pricelm.models.whole_folders import sha256, whole_folder
from pricelm.serving.engine import OnnxCopy, OnnxEngine
from pricelm.serving.export_folder import EXPORT_FOLDER, ExportedCopy, ExportRecord, language_digest
from pricelm.serving.options import ServingOptions
from pricelm.serving.parity import Parity, check_parity, measure_parity
from pricelm.serving.quantization import write_int8
from pricelm.serving.weights import move_weights_out, weights_name

if TYPE_CHECKING:
    from pricelm.models.price_model import PriceModel

_MOST_TEXTS = 512


@dataclass(frozen=True)
class ExportRequest:
    """What `export_model` is asked for.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    int8 : bool, default False
        Write graphs with 8-bit weights too.
    listings : str or pathlib.Path, optional
        File or database address of listings to compare the graphs with the model on, by default the
        titles and prices of the bundle's comparables.
    query : str, optional
        SQL query, with a database address.
    """

    model: Path
    int8: bool = False
    listings: str | Path | None = None
    query: str | None = None


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the export.
    copies : int
        Tuned copies of the language model.
    file_bytes : dict of str to int
        Size of the graphs by precision, over all copies.
    parity : dict of str to Parity
        How far each precision is from the model.
    """

    folder: Path
    copies: int
    file_bytes: dict[str, int]
    parity: dict[str, Parity]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "folder": str(self.folder),
            "copies": self.copies,
            "file_bytes": self.file_bytes,
            "parity": {name: one.to_dict() for name, one in self.parity.items()},
        }


@dataclass(frozen=True)
class _Sample:
    """Texts to compare on, with their log prices where they are known (NaN elsewhere)."""

    texts: list[str]
    log_prices: np.ndarray


def export_model(request: ExportRequest, progress: Progress = Silence()) -> ExportResult:
    """Write ``onnx/`` into a bundle, whole or not at all.

    Parameters
    ----------
    request : ExportRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    ExportResult
        Sizes and measured parity.

    Raises
    ------
    ConfigError
        If the bundle has no language member.
    DataError
        If there is nothing to compare the graphs with the model on.
    BundleError
        If a graph is too far from the model, or the bundle cannot be read or written.
    BackboneError
        If this kind of backbone cannot be written as a graph.
    """
    progress.start(f"loading {request.model.name}", 0)
    model = load_model(request.model)
    member = model.members_.get("language")
    if not isinstance(member, LanguageMember):
        raise ConfigError(
            f"expected a bundle with a language member, got {', '.join(model.members_)} in {request.model}: "
            "it is served as it is, without an export"
        )
    sample = _sample(request, model)
    place = request.model / EXPORT_FOLDER
    with whole_folder(place, "export") as draft:
        copies = _write_copies(member.regressors_, draft, request.int8, progress)
        progress.start(f"comparing on {len(sample.texts):,} texts", 0)
        parity = _compare(member.regressors_, copies, sample, draft)
        for one in parity.values():
            check_parity(one)
        measured = {name: one.to_dict() for name, one in parity.items()}
        ExportRecord(language_digest(request.model), copies, measured, software_versions()).write(draft)
    sizes = {precision: sum(_size(place, copy.graphs[precision]) for copy in copies) for precision in parity}
    return ExportResult(place, len(copies), sizes, parity)


def _sample(request: ExportRequest, model: PriceModel) -> _Sample:
    """Take texts that the model may meet, spread over all there are."""
    if request.listings is not None:
        frame = read_listings(request.listings, query=request.query)
        has_prices = model.columns_.price in frame.columns
        listings = check_listings(
            frame, model.columns_, training=has_prices, currency=model.currency_ or None
        ).listings
    elif model.comparables_ is not None:
        listings = model.comparables_.listings_
    else:
        raise DataError(
            "expected comparables in the bundle to compare the graphs on, found none: give --listings"
        )
    if not len(listings):
        raise DataError("expected listings to compare the graphs on, got none that can be read")
    listings = listings.iloc[:: -(-len(listings) // _MOST_TEXTS)]
    prices = listings["price"] if "price" in listings else pd.Series(np.nan, listings.index)
    return _Sample(compose_text(listings, model.features_), log_price(prices.to_numpy(dtype=float)))


def _write_copies(
    regressors: Sequence[Any], folder: Path, int8: bool, progress: Progress
) -> tuple[ExportedCopy, ...]:
    copies: list[ExportedCopy] = []
    tokenizers: dict[str, str] = {}
    progress.start("exporting", len(regressors) * (1 + int8))
    for number, regressor in enumerate(regressors):
        graphs = {"fp32": f"copy-{number}.fp32.onnx"}
        regressor.export_onnx(folder / graphs["fp32"])
        progress.advance()
        if int8:
            graphs["int8"] = f"copy-{number}.int8.onnx"
            write_int8(folder / graphs["fp32"], folder / graphs["int8"])
            progress.advance()
        for name in graphs.values():
            move_weights_out(folder / name)
        file = folder / f"tokenizer-{number}.json"
        file.write_text(regressor.tokenizer_.backend.to_str(), encoding="utf-8")
        name = tokenizers.setdefault(sha256(file), file.name)
        if name != file.name:
            file.unlink()
        tokenizer = regressor.tokenizer_
        copies.append(ExportedCopy(graphs, name, tokenizer.pad_id, regressor.config.max_length))
    return tuple(copies)


def _size(folder: Path, graph: str) -> int:
    files = [folder / graph, folder / weights_name(graph)]
    return sum(file.stat().st_size for file in files if file.exists())


def _compare(
    regressors: Sequence[Any], copies: Sequence[ExportedCopy], sample: _Sample, folder: Path
) -> dict[str, Parity]:
    expected = [regressor.predict(sample.texts) for regressor in regressors]
    options = ServingOptions(cached_texts=0)
    found: dict[str, Parity] = {}
    for precision in copies[0].graphs:
        engines = [
            OnnxEngine([OnnxCopy(folder, copy, precision, options.threads_here)], options) for copy in copies
        ]
        got = [engine.predict(sample.texts) for engine in engines]
        # each copy for itself, since what is wrong with one may hide in the mean of several
        found[precision] = _worst(
            [
                measure_parity(precision, one, other, sample.log_prices)
                for one, other in zip(expected, got, strict=True)
            ]
        )
    return found


def _worst(parities: Sequence[Parity]) -> Parity:
    return max(
        parities,
        key=lambda one: (
            (one.error_ratio or 0.0, one.mean_square_root)
            if one.precision != "fp32"
            else (one.largest_difference, 0.0)
        ),
    )

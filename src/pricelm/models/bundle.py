"""The bundle: a model as a folder that a person can read and that cannot run code.

::

    model.json          schema version, parameters, columns, currency, fingerprint, training, versions
    card.md             the same for people
    members/<name>/     safetensors, JSON, LightGBM text
    blend.json          weights of the members, and of every blend without one of them
    calibration/        conformal scores and quantile models
    comparables/        known listings as Parquet, their vectors as safetensors
    files.json          size and SHA-256 of every other file
    onnx/               after an export: the language member for a service without torch

Nothing is pickled. A bundle is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import BundleError, BundleVersionError, MissingExtraError
from pricelm.language.config import TuningConfig
from pricelm.models.blend import Blend
from pricelm.models.calibration import Calibration
from pricelm.models.card import model_card
from pricelm.models.comparables import ComparableIndex
from pricelm.models.fingerprint import software_versions
from pricelm.models.language_member import TunedCopy
from pricelm.models.price_model import PriceModel
from pricelm.models.roster import load_member
from pricelm.models.shop_bands import ShopBands
from pricelm.models.text import FeatureColumns
from pricelm.models.whole_folders import check_files, describe_files, read_index, whole_folder, write_json

SCHEMA_VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From schema version to a function that lifts model.json to the next version."""

_FORMAT = "pricelm bundle"
_PARAMETERS = ("preset", "backbone", "confidence_level", "abstain_ratio", "currency", "keep_leaks", "seed")
_INDEX = "files.json"
_LANGUAGE_FILES = "members/language/"


def save_model(model: PriceModel, path: Path) -> Path:
    """Write a fitted model to a folder, whole or not at all.

    Parameters
    ----------
    model : PriceModel
        A fitted model.
    path : pathlib.Path
        The folder; a bundle that is there is replaced, anything else is refused.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    BundleError
        If the folder holds something else, or cannot be written (for example on a full disk).
    """
    path = Path(path)
    if path.exists() and not _is_bundle(path) and (not path.is_dir() or any(path.iterdir())):
        raise BundleError(
            f"expected a new folder or an old bundle at {path}, found something else: choose another place"
        )
    with whole_folder(path, "bundle") as draft:
        _write_parts(model, draft)
        write_json(draft / _INDEX, describe_files(draft))
    return path


def load_model(
    path: str | Path,
    *,
    image_root: str | Path | None = None,
    language_copies: Sequence[TunedCopy] | None = None,
) -> PriceModel:
    """Read a bundle.

    Parameters
    ----------
    path : str or pathlib.Path
        The folder; it may have been moved or copied from another machine.
    image_root : path, optional
        Folder of the pictures of the listings to price, by default the working directory.
    language_copies : sequence of TunedCopy, optional
        What runs the language member instead of the bundle's own copies, which are not read then.

    Returns
    -------
    PriceModel
        A model that predicts what the saved one predicted.

    Raises
    ------
    BundleError
        If a file is missing, cut short or changed.
    BundleVersionError
        If a later pricelm wrote it.
    """
    folder = Path(path)
    document = read_document(folder)
    _check_index(folder, unread=() if language_copies is None else (_LANGUAGE_FILES,))
    try:
        return _read_parts(folder, document, image_root, language_copies)
    except (BundleError, MissingExtraError):
        raise
    except Exception as error:
        raise BundleError(
            f"expected a whole bundle at {folder}, but reading it failed ({type(error).__name__}: {error}); "
            "copy it again or train again"
        ) from error


def _write_parts(model: PriceModel, folder: Path) -> None:
    for name, member in model.members_.items():
        member.save(folder / "members" / name)
    model.calibration_.save(folder / "calibration")
    if model.comparables_ is not None:
        model.comparables_.save(folder / "comparables")
    write_json(folder / "blend.json", model.blend_.to_dict())
    document = _describe(model)
    write_json(folder / "model.json", document)
    (folder / "card.md").write_text(model_card(document, model.blend_), encoding="utf-8")


def _describe(model: PriceModel) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "parameters": {name: getattr(model, name) for name in _PARAMETERS},
        "tuning": dict(_settings(model.tuning)) if model.tuning else None,
        "bands": model.bands.to_dict() if model.bands else None,
        "columns": model.columns_.to_dict(),
        "features": model.features_.to_dict(),
        "currency": model.currency_,
        "target": "log(1 + price)",
        "n_features_in": model.n_features_in_,
        "feature_names_in": list(getattr(model, "feature_names_in_", [])),
        "members": list(model.members_),
        "refused": model.refused_,
        "has_comparables": model.comparables_ is not None,
        "fingerprint": model.fingerprint_,
        "training": model.training_,
        "metrics": getattr(model, "metrics_", {}),
        "versions": software_versions(),
    }


def _settings(tuning: TuningConfig | Mapping[str, Any]) -> Mapping[str, Any]:
    return tuning.to_dict() if isinstance(tuning, TuningConfig) else tuning


def read_document(folder: Path) -> dict[str, Any]:
    """Return the ``model.json`` of a bundle in today's schema.

    Raises
    ------
    BundleError
        If there is none; ``BundleVersionError`` if a later pricelm wrote it.
    """
    file = folder / "model.json"
    if not file.is_file():
        raise BundleError(f"expected a bundle folder with model.json at {folder}, found none: check the path")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise BundleError(f"expected JSON in {file}, got {error}: copy the bundle again") from error
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise BundleError(f"expected a pricelm bundle at {folder}, got another kind of model.json")
    schema = document.get("schema_version")
    if not isinstance(schema, int) or schema > SCHEMA_VERSION:
        raise BundleVersionError(
            f"expected a bundle of schema version {SCHEMA_VERSION} or earlier, got {schema!r} "
            f"at {folder}: update pricelm"
        )
    while schema < SCHEMA_VERSION:
        if schema not in MIGRATIONS:
            raise BundleVersionError(
                f"expected a bundle of a known schema version, got {schema} at {folder}: train again"
            )
        document, schema = MIGRATIONS[schema](document), schema + 1
    return document


def _is_bundle(path: Path) -> bool:
    return (path / "model.json").is_file() and (path / _INDEX).is_file()


def _read_parts(
    folder: Path,
    document: dict[str, Any],
    image_root: str | Path | None,
    language_copies: Sequence[TunedCopy] | None,
) -> PriceModel:
    tuning = document["tuning"]
    if tuning is not None:
        checked = TuningConfig.from_dict(tuning)
        tuning = checked if set(tuning) == set(checked.to_dict()) else tuning
    columns = ColumnMap.from_dict(document["columns"])
    model = PriceModel(**document["parameters"], tuning=tuning, columns=columns, image_root=image_root)
    # earlier bundles have none
    model.bands = ShopBands.from_dict(document["bands"]) if document.get("bands") else None
    model.columns_ = columns
    model.features_ = FeatureColumns.from_dict(document["features"])
    model.currency_ = document["currency"]
    model.n_features_in_ = document["n_features_in"]
    if document["feature_names_in"]:
        model.feature_names_in_ = np.array(document["feature_names_in"], dtype=object)
    root = Path(image_root) if image_root is not None else None
    model.members_ = {
        name: load_member(
            name, folder / "members" / name, model.features_, image_root=root, language_copies=language_copies
        )
        for name in document["members"]
    }
    model.refused_ = document["refused"]
    model.blend_ = Blend.from_dict(json.loads((folder / "blend.json").read_text(encoding="utf-8")))
    model.calibration_ = Calibration.load(folder / "calibration")
    model.comparables_ = ComparableIndex.load(folder / "comparables") if document["has_comparables"] else None
    model.fingerprint_ = document["fingerprint"]
    model.training_ = document["training"]
    model.metrics_ = document["metrics"]
    return model


def _check_index(folder: Path, unread: Sequence[str] = ()) -> None:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        listed = read_index(index)
    except (ValueError, OSError, RecursionError, AttributeError, LookupError, TypeError) as error:
        raise BundleError(
            f"expected {_INDEX} in {folder}, got {error}: copy the whole bundle again"
        ) from error
    check_files(folder, listed, unread)

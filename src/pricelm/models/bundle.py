"""The bundle: a model as a folder that a person can read and that cannot run code.

::

    model.json          schema version, parameters, columns, currency, fingerprint, training, versions
    card.md             the same for people
    members/<name>/     safetensors, JSON, LightGBM text
    blend.json          weights of the members, and of every blend without one of them
    calibration/        conformal scores and quantile models
    comparables/        known listings as Parquet, their vectors as safetensors
    files.json          size and SHA-256 of every other file

Nothing is pickled. A bundle is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import BundleError, BundleVersionError, MissingExtraError
from pricelm.language.config import TuningConfig
from pricelm.models.blend import Blend
from pricelm.models.calibration import Calibration
from pricelm.models.card import model_card
from pricelm.models.comparables import ComparableIndex
from pricelm.models.fingerprint import software_versions
from pricelm.models.price_model import PriceModel
from pricelm.models.roster import load_member
from pricelm.models.shop_bands import ShopBands
from pricelm.models.text import FeatureColumns

SCHEMA_VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From schema version to a function that lifts model.json to the next version."""

_FORMAT = "pricelm bundle"
_PARAMETERS = ("preset", "backbone", "confidence_level", "abstain_ratio", "currency", "keep_leaks", "seed")
_INDEX = "files.json"


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise BundleError(
            f"cannot write a bundle at {path}: {error}; choose a folder that can be written"
        ) from error
    try:
        _write_parts(model, draft)
        _write_index(draft)
        _open_to_readers(draft)
        _replace(draft, path)
    except (OSError, SafetensorError) as error:  # safetensors has its own error for a full disk
        raise BundleError(
            f"the bundle at {path} could not be written ({error}); nothing was changed there"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return path


def load_model(path: str | Path, *, image_root: str | Path | None = None) -> PriceModel:
    """Read a bundle.

    Parameters
    ----------
    path : str or pathlib.Path
        The folder; it may have been moved or copied from another machine.
    image_root : path, optional
        Folder of the pictures of the listings to price, by default the working directory.

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
    document = _read_document(folder)
    _check_index(folder)
    try:
        return _read_parts(folder, document, image_root)
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
    _write_json(folder / "blend.json", model.blend_.to_dict())
    document = _describe(model)
    _write_json(folder / "model.json", document)
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


def _read_document(folder: Path) -> dict[str, Any]:
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


def _read_parts(folder: Path, document: dict[str, Any], image_root: str | Path | None) -> PriceModel:
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
        name: load_member(name, folder / "members" / name, model.features_, image_root=root)
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


def _write_index(folder: Path) -> None:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    index = {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        for file in files
    }
    _write_json(folder / _INDEX, index)


def _check_index(folder: Path) -> None:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        listed = {name: (int(entry["bytes"]), str(entry["sha256"])) for name, entry in index.items()}
    except (ValueError, OSError, RecursionError, AttributeError, LookupError, TypeError) as error:
        raise BundleError(
            f"expected {_INDEX} in {folder}, got {error}: copy the whole bundle again"
        ) from error
    root = folder.resolve()
    for name, (size, digest) in listed.items():
        file = (folder / name).resolve()
        if not file.is_relative_to(root):
            raise BundleError(f"the bundle {folder} names a file outside itself ({name}): do not trust it")
        if not file.is_file():
            raise BundleError(
                f"expected the file {name} in {folder}, found none: copy the whole bundle again"
            )
        if file.stat().st_size != size or _sha256(file) != digest:
            raise BundleError(
                f"the file {name} in {folder} is cut short or changed: copy the whole bundle again"
            )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_to_readers(folder: Path) -> None:
    """Let other users read it, as a service runs as; temporary folders and safetensors forbid it."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _write_json(file: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1, default=_plain)
    file.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Write what JSON does not know, such as a seed that came out of an array."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _replace(draft: Path, path: Path) -> None:
    if not path.exists():
        draft.replace(path)
        return
    old = path.with_name(f".{path.name}-old-{os.getpid()}")
    path.replace(old)
    try:
        draft.replace(path)
    except OSError:
        old.replace(path)
        raise
    shutil.rmtree(old, ignore_errors=True)

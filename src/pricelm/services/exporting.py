"""Exporting: the language member of a bundle as ONNX, so that a service prices without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import ConfigError
from pricelm.core.protocols import Progress, Silence
from pricelm.models.bundle import load_model
from pricelm.models.fingerprint import software_versions
from pricelm.models.language_member import LanguageMember
from pricelm.models.whole_folders import whole_folder
from pricelm.serving.export_folder import EXPORT_FOLDER, ExportedCopy, ExportRecord, language_digest

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class ExportRequest:
    """What `export_model` is asked for.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    int8 : bool, default False
        Write graphs with 8-bit weights too.
    """

    model: Path
    int8: bool = False


@dataclass(frozen=True)
class ExportResult:
    """What was written."""

    folder: Path
    record: ExportRecord


def export_model(request: ExportRequest, progress: Progress = Silence()) -> ExportResult:
    """Write ``onnx/`` into a bundle."""
    model = load_model(request.model)
    member = model.members_.get("language")
    if not isinstance(member, LanguageMember):
        raise ConfigError(f"the bundle {request.model} has no language member; it is served as it is")
    place = request.model / EXPORT_FOLDER
    with whole_folder(place, "export") as draft:
        copies = tuple(
            _write_copy(regressor, number, draft) for number, regressor in enumerate(member.regressors_)
        )
        record = ExportRecord(language_digest(request.model), copies, versions=software_versions())
        record.write(draft)
    return ExportResult(place, record)


def _write_copy(regressor: Any, number: int, folder: Path) -> ExportedCopy:
    name = f"copy-{number}.fp32.onnx"
    regressor.export_onnx(folder / name)
    tokenizer = f"tokenizer-{number}.json"
    (folder / tokenizer).write_text(regressor.tokenizer_.backend.to_str(), encoding="utf-8")
    return ExportedCopy({"fp32": name}, tokenizer, regressor.tokenizer_.pad_id, regressor.config.max_length)

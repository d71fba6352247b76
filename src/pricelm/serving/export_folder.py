"""The folder ``onnx/`` of a bundle: which files are in it, and which bundle they belong to.

::

    export.json             what is here: copies, files with SHA-256, source, measured parity, versions
    copy-0.fp32.onnx        each tuned copy: tokens in, log price and embedding out
    copy-0.fp32.weights     its weights, apart so that several processes share them in memory
    copy-0.int8.onnx, ...   the same with 8-bit weights, if it was asked for
    tokenizer-0.json        the tokenizer of the copies, once for all that share it
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pricelm.core.errors import BundleError, BundleVersionError
from pricelm.models.whole_folders import FileIndex, check_files, describe_files, read_index, write_json
from pricelm.serving.weights import weights_name

SCHEMA_VERSION = 1
EXPORT_FOLDER = "onnx"
_FORMAT = "pricelm onnx export"
_RECORD = "export.json"
_LANGUAGE_FILES = "members/language/"
_AGAIN = "run 'pricelm export' on the bundle again"


@dataclass(frozen=True)
class ExportedCopy:
    """Files and reading rules of one tuned copy.

    Parameters
    ----------
    graphs : mapping of str to str
        Precision to the name of the file.
    tokenizer : str
        Name of the file of the tokenizer.
    pad_id : int
        Id that fills up a batch.
    max_length : int
        Most tokens of a text.
    """

    graphs: Mapping[str, str]
    tokenizer: str
    pad_id: int
    max_length: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ExportedCopy:
        """Rebuild the copy from JSON; whatever is not of its form is an error."""
        graphs = {str(precision): str(name) for precision, name in values["graphs"].items()}
        return cls(graphs, str(values["tokenizer"]), int(values["pad_id"]), int(values["max_length"]))


@dataclass(frozen=True)
class ExportRecord:
    """What is in an export.

    Parameters
    ----------
    source : str
        Digest of the language member that was exported; see :func:`language_digest`.
    copies : tuple of ExportedCopy
        The tuned copies.
    parity : mapping
        What was measured beside torch, by precision.
    versions : mapping of str to str
        Software that made it.
    """

    source: str
    copies: tuple[ExportedCopy, ...]
    parity: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that every copy has."""
        first = self.copies[0].graphs
        return tuple(name for name in first if all(name in copy.graphs for copy in self.copies))

    def write(self, folder: Path) -> None:
        """Write the record beside the files that it describes."""
        document = {"format": _FORMAT, "schema_version": SCHEMA_VERSION, **asdict(self)}
        write_json(folder / _RECORD, {**document, "files": describe_files(folder)})


def language_digest(bundle: Path) -> str:
    """Return a digest of the language member of a bundle, from the checksums that the bundle keeps.

    Parameters
    ----------
    bundle : pathlib.Path
        Folder of the bundle; the weights themselves need not be there.

    Returns
    -------
    str
        64 hexadecimal digits; another for every other training.

    Raises
    ------
    BundleError
        If the bundle has no readable list of its files.
    """
    try:
        index = read_index(json.loads((bundle / "files.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError) as error:
        raise BundleError(
            f"expected files.json in {bundle}, got {error}: copy the whole bundle again"
        ) from error
    parts = sorted(
        f"{name} {digest}" for name, (_, digest) in index.items() if name.startswith(_LANGUAGE_FILES)
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_export(bundle: Path, precisions: Sequence[str] = ()) -> ExportRecord | None:
    """Read and check the export of a bundle.

    Parameters
    ----------
    bundle : pathlib.Path
        Folder of the bundle.
    precisions : sequence of str, optional
        The precisions that will be read, the first that is there wins; the graphs of others are not
        looked at. Without it all files are checked.

    Returns
    -------
    ExportRecord or None
        None if the bundle was never exported.

    Raises
    ------
    BundleError
        If a file is missing or changed, or if the export is of another training of the bundle;
        ``BundleVersionError`` if a later pricelm wrote it.
    """
    folder = bundle / EXPORT_FOLDER
    if not folder.is_dir():
        return None
    record, index = _read_record(folder)
    if record.source != language_digest(bundle):
        raise BundleError(f"the export in {folder} was made of another training of this bundle: {_AGAIN}")
    for copy in record.copies:
        unlisted = {copy.tokenizer, *copy.graphs.values()} - set(index)
        if unlisted:
            raise BundleError(f"expected {sorted(unlisted)[0]!r} among the files of {folder}: {_AGAIN}")
    check_files(folder, index, unread=_graphs_not_read(record, precisions))
    return record


def chosen_precision(record: ExportRecord, precision: str) -> str:
    """Return the precision to serve in.

    Parameters
    ----------
    record : ExportRecord
        The export.
    precision : {"auto", "fp32", "int8"}
        What was asked for.

    Raises
    ------
    BundleError
        If it was not exported.

    Examples
    --------
    >>> copy = ExportedCopy({"fp32": "a.onnx"}, "tokenizer-0.json", pad_id=0, max_length=8)
    >>> chosen_precision(ExportRecord("", (copy,)), "auto")
    'fp32'
    """
    wanted = ("int8", "fp32") if precision == "auto" else (precision,)
    for name in wanted:
        if name in record.precisions:
            return name
    hint = "pricelm export MODEL --int8" if precision == "int8" else "pricelm export MODEL"
    raise BundleError(
        f"expected an export in {precision}, got {', '.join(record.precisions) or 'none'}: run '{hint}'"
    )


def _read_record(folder: Path) -> tuple[ExportRecord, FileIndex]:
    file = folder / _RECORD
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        schema = document["schema_version"] if document["format"] == _FORMAT else None
    except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
        raise BundleError(f"expected the record of an export in {file}, got {error!r}: {_AGAIN}") from error
    if not isinstance(schema, int) or schema > SCHEMA_VERSION:
        raise BundleVersionError(
            f"expected an export of schema version {SCHEMA_VERSION} or earlier, got {schema!r} in {file}: "
            "update pricelm"
        )
    try:
        copies = tuple(ExportedCopy.from_dict(copy) for copy in document["copies"])
        if not copies:
            raise ValueError("no copies")
        record = ExportRecord(str(document["source"]), copies, document["parity"], document["versions"])
        return record, read_index(document["files"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BundleError(
            f"expected a whole record of an export in {file}, got {error!r}: {_AGAIN}"
        ) from error


def _graphs_not_read(record: ExportRecord, precisions: Sequence[str]) -> list[str]:
    read = next((name for name in precisions if name in record.precisions), None)
    if read is None:
        return []
    graphs = [name for copy in record.copies for other, name in copy.graphs.items() if other != read]
    return graphs + [weights_name(name) for name in graphs]

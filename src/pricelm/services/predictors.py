"""Opening a bundle for whoever serves it: the export where there is one, torch where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pricelm.models.bundle import load_model, read_document
from pricelm.serving.export_folder import EXPORT_FOLDER
from pricelm.serving.options import ServingOptions
from pricelm.serving.predictor import ServedModel, bundle_version, load_predictor

_TORCH = "torch"


def open_predictor(bundle: Path, options: ServingOptions = ServingOptions()) -> ServedModel:
    """Read a bundle for serving.

    Parameters
    ----------
    bundle : pathlib.Path
        Folder of the bundle.
    options : ServingOptions
        Precision, threads, batches and memory; torch knows only the precision ``auto`` and remembers
        no texts.

    Returns
    -------
    ServedModel
        Ready to price; its precision is ``"torch"`` where a language member was not exported and torch
        is installed.

    Raises
    ------
    BundleError
        If the bundle is broken, or its language member was not exported and torch is not installed or not
        to be taken.
    """
    bundle = Path(bundle)
    exported = (bundle / EXPORT_FOLDER).is_dir()
    by_torch = options.precision == "auto" and not exported and find_spec(_TORCH) is not None
    if by_torch and "language" in read_document(bundle)["members"]:
        model = load_model(bundle, image_root=options.image_root)
        return ServedModel(model, bundle_version(bundle), precision=_TORCH)
    return load_predictor(bundle, options)

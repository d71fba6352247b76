"""The one place where services get a predictor from a bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pricelm.core.errors import BundleError
from pricelm.models.bundle import load_model
from pricelm.models.price_model import PriceModel

_INDEX = "files.json"


def open_predictor(bundle: Path, *, image_root: Path | None = None) -> PriceModel:
    """Read a bundle to price with.

    Parameters
    ----------
    bundle : pathlib.Path
        Its folder.
    image_root : pathlib.Path, optional
        Folder of the pictures, by default the working directory.

    Returns
    -------
    PriceModel
        What prices listings.

    Raises
    ------
    BundleError
        If the bundle cannot be loaded.
    """
    return load_model(bundle, image_root=image_root)


def bundle_digest(bundle: Path) -> str:
    """Return what tells a bundle from any other: a hash of the list of its files and their hashes.

    Raises
    ------
    BundleError
        If there is no bundle.
    """
    try:
        return hashlib.sha256((bundle / _INDEX).read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"expected a bundle folder with {_INDEX} at {bundle}: check the path") from error

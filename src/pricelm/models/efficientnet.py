"""EfficientNet-Lite0 as plain functions: folded weights in, picture vectors out.

The network is frozen, so that batch normalization can be folded into the convolution before
it: 50 pairs of weight and bias are left, which are saved and read as safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

SIDE = 224
"""Height and width of the pictures that it reads, in pixels."""
WIDTH = 1280
"""Numbers in the vector of one picture."""

_BLOCKS = 16
_HALVING_BLOCKS = (1, 3, 5, 11)
_NORM_EPSILON = 1e-3
_MIDDLE, _SPREAD = 127.0, 128.0


def fold(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Fold batch normalization into the convolutions.

    Parameters
    ----------
    state : mapping of str to torch.Tensor
        Weights by the names of the package's checkpoint; the classifier is left out.

    Returns
    -------
    dict of str to ndarray
        ``<layer>.weight`` and ``<layer>.bias`` in float32 for every convolution.

    Raises
    ------
    KeyError
        If the state is that of another network.
    """
    folded = {}
    for layer, norm in _layers(state):
        values = {name: state[f"{norm}.{name}"].double().numpy() for name in _NORM}
        scale = values["weight"] / np.sqrt(values["running_var"] + _NORM_EPSILON)
        kernel = state[f"{layer}.weight"].double().numpy() * scale[:, None, None, None]
        name = layer.replace("_", "", 1).replace("._", ".")
        folded[f"{name}.weight"] = np.ascontiguousarray(kernel, dtype=np.float32)
        bias = values["bias"] - values["running_mean"] * scale
        folded[f"{name}.bias"] = np.ascontiguousarray(bias, dtype=np.float32)
    return folded


def vectors(pictures: np.ndarray, weights: Mapping[str, torch.Tensor]) -> np.ndarray:
    """Run the network.

    Parameters
    ----------
    pictures : ndarray of shape (n, 224, 224, 3)
        RGB, unsigned bytes.
    weights : mapping of str to torch.Tensor
        What `fold` returned, as tensors.

    Returns
    -------
    ndarray of shape (n, 1280)
        The mean of the last feature maps.
    """
    import torch

    with torch.inference_mode():
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        x = _convolve((x - _MIDDLE) / _SPREAD, weights, "conv_stem", stride=2).clamp(0, 6)
        for number in range(_BLOCKS):
            x = _block(x, weights, f"blocks.{number}", 2 if number in _HALVING_BLOCKS else 1)
        x = _convolve(x, weights, "conv_head").clamp(0, 6)
        return np.asarray(x.mean((2, 3)).numpy())


_NORM = ("weight", "bias", "running_mean", "running_var")


def _layers(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names of every convolution and of the normalization after it."""
    pairs = [("_conv_stem", "_bn0")]
    for number in range(_BLOCKS):
        block = f"_blocks.{number}"
        if f"{block}._expand_conv.weight" in state:
            pairs.append((f"{block}._expand_conv", f"{block}._bn0"))
        pairs += [(f"{block}._depthwise_conv", f"{block}._bn1"), (f"{block}._project_conv", f"{block}._bn2")]
    return [*pairs, ("_conv_head", "_bn1")]


def _block(x: torch.Tensor, weights: Mapping[str, torch.Tensor], name: str, stride: int) -> torch.Tensor:
    """Expand, filter every channel, project; the input is added where the shapes allow it."""
    inside = x
    if f"{name}.expand_conv.weight" in weights:
        inside = _convolve(inside, weights, f"{name}.expand_conv").clamp(0, 6)
    groups = inside.shape[1]
    inside = _convolve(inside, weights, f"{name}.depthwise_conv", stride=stride, groups=groups).clamp(0, 6)
    out = _convolve(inside, weights, f"{name}.project_conv")
    return out + x if out.shape == x.shape else out


def _convolve(
    x: torch.Tensor, weights: Mapping[str, torch.Tensor], name: str, *, stride: int = 1, groups: int = 1
) -> torch.Tensor:
    from torch.nn import functional

    kernel = weights[f"{name}.weight"]
    # The weights were trained with TensorFlow's padding, which puts the odd pixel at the end.
    total = max(kernel.shape[-1] - stride if x.shape[-1] % stride == 0 else kernel.shape[-1] - 1, 0)
    before = total // 2
    padded = functional.pad(x, (before, total - before, before, total - before)) if total else x
    return functional.conv2d(padded, kernel, weights[f"{name}.bias"], stride=stride, groups=groups)

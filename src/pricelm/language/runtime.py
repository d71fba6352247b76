"""Where and how torch runs: device, arithmetic, threads, random state. Every change is undone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from pricelm.core.errors import ConfigError

_CPU_INFO = Path("/proc/cpuinfo")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def pick_device() -> torch.device:
    """Return the first CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_native_bf16(device: torch.device) -> bool:
    """Say whether a device multiplies bf16 numbers in hardware.

    Without it, bf16 works on a CPU but is emulated, and more than ten times slower than fp32.

    Parameters
    ----------
    device : torch.device
        The device that is asked about.

    Returns
    -------
    bool
        True only if the hardware is known to have it.

    Examples
    --------
    >>> isinstance(has_native_bf16(torch.device("cpu")), bool)
    True
    """
    if device.type == "cuda":
        # is_bf16_supported() also counts emulation, so the generation of the card is asked instead.
        return torch.cuda.get_device_capability(device) >= (8, 0)
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if probe is not None:
        return bool(probe())
    try:
        flags = _CPU_INFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return not _BF16_FLAGS.isdisjoint(flags.split())


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn the option ``precision`` into the arithmetic that is used.

    Parameters
    ----------
    precision : {"auto", "fp32", "bf16"}
        What was asked for.
    device : torch.device
        Where training runs.

    Returns
    -------
    {"fp32", "bf16"}
        The arithmetic of training.

    Raises
    ------
    ConfigError
        If bf16 is asked for where it would be emulated.

    Examples
    --------
    >>> resolve_precision("fp32", torch.device("cpu"))
    'fp32'
    """
    native = has_native_bf16(device)
    if precision == "bf16" and not native:
        wanted = (
            "compute capability 8.0 or later" if device.type == "cuda" else " or ".join(sorted(_BF16_FLAGS))
        )
        raise ConfigError(
            f"precision 'bf16' needs a {device.type} with {wanted}; this one has neither that nor a fast "
            "way around it (emulated bf16 is many times slower). Use precision 'auto' or 'fp32'"
        )
    return "bf16" if native and precision != "fp32" else "fp32"


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return the context for a forward pass in a resolved precision."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def forget_states(encoder: Any, backbone: str) -> None:
    """Let an encoder compute the states between its layers again on the way back instead of keeping them.

    Parameters
    ----------
    encoder : transformers.PreTrainedModel
        The encoder; it does so whenever it is in training mode.
    backbone : str
        Its name, for a message.

    Raises
    ------
    ConfigError
        If this kind of encoder cannot.
    """
    if not encoder.supports_gradient_checkpointing:
        raise ConfigError(
            f"backbone {backbone!r} is of the type {encoder.config.model_type!r}, which does not support "
            "gradient_checkpointing; switch it off, and lower batch_size or max_length to save memory"
        )
    # The older name is deprecated, and the newer one is missing in the oldest transformers that is supported.
    enable = (
        getattr(encoder, "activation_checkpointing_enable", None) or encoder.gradient_checkpointing_enable
    )
    enable({"use_reentrant": False})
    # A cache serves generation only; transformers would print that it does not go together with this.
    encoder.config.use_cache = False
    # Only the reentrant way needs gradients at the embeddings; here they would go through frozen layers.
    encoder.disable_input_require_grads()


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Let torch use a number of threads inside the block; ``None`` changes nothing."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def isolated_random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block and give the caller's random state back afterwards.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with isolated_random_state(3, torch.device("cpu")):
    ...     _ = torch.rand(2)
    >>> bool(torch.equal(before, torch.get_rng_state()))
    True
    """
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield

"""How fast this machine reads and tunes with a backbone, measured in a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from pricelm.language.network import TextRegressor
from pricelm.language.runtime import autocast, isolated_random_state, pick_device, resolve_precision

_ROWS, _LENGTH = 8, 64


def measure_speed(encoder: Any, seconds: float = 2.0) -> tuple[float, float]:
    """Read and tune texts of 64 tokens for a while.

    Parameters
    ----------
    encoder : transformers.PreTrainedModel
        A loaded backbone; its weights are moved by a hair.
    seconds : float, default 2.0
        How long to do each; one step is the least.

    Returns
    -------
    reading, tuning : float
        Tokens a second; tuning is full, in the precision that ``"auto"`` stands for here.
    """
    device = pick_device()
    precision = resolve_precision("auto", device)
    with isolated_random_state(0, device):
        network = TextRegressor(encoder, dropout=0.1).to(device)
        ids = torch.randint(int(encoder.config.vocab_size), (_ROWS, _LENGTH), device=device)
        mask = torch.ones_like(ids)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-7)

        def read() -> None:
            with torch.inference_mode():
                network(ids, mask).sum().item()

        def tune() -> None:
            with autocast(precision, device):
                loss = network(ids, mask).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()

        reading = _tokens_per_second(read, seconds)
        network.train()
        return reading, _tokens_per_second(tune, seconds)


def _tokens_per_second(step: Callable[[], None], seconds: float) -> float:
    # What is allocated at the first step is not the speed of those that follow.
    step()
    started, steps = time.perf_counter(), 0
    while not steps or time.perf_counter() - started < seconds:
        step()
        steps += 1
    return steps * _ROWS * _LENGTH / (time.perf_counter() - started)

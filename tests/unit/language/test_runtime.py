"""Device, arithmetic, threads and random state: detected, and given back."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pricelm.core.errors import ConfigError, DataError
from pricelm.language import runtime
from pricelm.language.facts import FactScaler, check_facts
from pricelm.language.heads.regression import LOSSES
from pricelm.language.interrupts import InterruptFlag
from pricelm.language.network import TextRegressor
from pricelm.language.pretrained import load_encoder
from pricelm.language.runtime import (
    autocast,
    forget_states,
    has_native_bf16,
    isolated_random_state,
    limited_threads,
    resolve_precision,
)
from pricelm.language.training_log import TrainingLog

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("native", "asked", "used"),
    [(True, "auto", "bf16"), (True, "bf16", "bf16"), (True, "fp32", "fp32"), (False, "auto", "fp32")],
)
def test_precision_follows_the_hardware(
    monkeypatch: pytest.MonkeyPatch, native: bool, asked: str, used: str
) -> None:
    monkeypatch.setattr(runtime, "has_native_bf16", lambda device: native)
    assert resolve_precision(asked, CPU) == used


def test_emulated_bf16_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "has_native_bf16", lambda device: False)
    with pytest.raises(ConfigError, match=r"avx512_bf16.*many times slower.*'auto' or 'fp32'"):
        resolve_precision("bf16", CPU)


@pytest.mark.parametrize(
    ("flags", "native"),
    [
        ("fpu avx2 avx512f", False),
        ("fpu avx512_bf16", True),
        ("amx_bf16 amx_tile", True),
        ("not_avx512_bf16", False),
    ],
)
def test_an_older_torch_reads_the_flags_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, native: bool
) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.setattr(runtime, "_CPU_INFO", tmp_path / "cpuinfo")
    assert not has_native_bf16(CPU)
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert has_native_bf16(CPU) is native


def test_autocast_works_in_the_precision_it_is_told() -> None:
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    with autocast("bf16", CPU):
        assert (left @ right).dtype is torch.bfloat16
    with autocast("fp32", CPU):
        assert (left @ right).dtype is torch.float32


def test_an_encoder_that_cannot_forget_its_states_is_said() -> None:
    encoder = SimpleNamespace(supports_gradient_checkpointing=False, config=SimpleNamespace(model_type="odd"))
    with pytest.raises(ConfigError, match=r"'mine' is of the type 'odd'.*lower batch_size"):
        forget_states(encoder, "mine")


def test_states_between_layers_are_forgotten_in_training_only(tiny_backbone: Path) -> None:
    network = TextRegressor(load_encoder(tiny_backbone), dropout=0.0)
    ids = torch.ones(3, 9, dtype=torch.int64)

    def kept_bytes() -> int:
        sizes: list[int] = []

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            network(ids, ids)
        return sum(sizes)

    network.train()
    before = kept_bytes()
    forget_states(network.encoder, "tiny")
    assert kept_bytes() < before / 2
    network.eval()
    assert kept_bytes() == before


def test_threads_are_given_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError), limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise RuntimeError
    with limited_threads(None):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before


def test_random_state_is_seeded_inside_and_untouched_outside() -> None:
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with isolated_random_state(5, CPU):
            draws.append(torch.rand(3))
    assert torch.equal(*draws)
    assert torch.equal(before, torch.get_rng_state())


def test_the_first_ctrl_c_is_noted_and_the_second_obeyed() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), InterruptFlag() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.raised
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_told_to_ignore_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with InterruptFlag() as interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        assert not interrupt.raised
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_log_is_rewound_to_a_step(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.jsonl"
    log = TrainingLog(path)
    for step in (1, 2, 3):
        log.write({"step": step})
    with path.open("a") as file:
        file.write('{"step": 2, "cut in the mid')
    log.rewind(2)
    assert path.read_text().splitlines() == ['{"step": 1}', '{"step": 2}']


@pytest.mark.parametrize(
    ("loss", "error", "value"),
    [
        ("mse", 3.0, 9.0),
        ("mae", -3.0, 3.0),
        ("huber", 0.5, 0.125),
        ("huber", -3.0, 2.5),
        ("log_cosh", 0.0, 0.0),
    ],
)
def test_losses_are_those_of_the_textbook(loss: str, error: float, value: float) -> None:
    found = LOSSES[loss](torch.tensor([error, 0.0]), torch.zeros(2))
    assert found.tolist() == [value, 0.0]


def test_facts_are_standardized_and_missing_ones_marked() -> None:
    facts = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, 5.0], [np.inf, np.nan, 5.0]])
    scaled = FactScaler.fit(facts).transform(facts)
    assert scaled.dtype == np.float32
    assert scaled[:, :3].tolist() == [[-1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert scaled[:, 3:].tolist() == [[0, 1, 0], [0, 1, 0], [1, 1, 0]]


def test_an_absurd_fact_is_held_back() -> None:
    scaler = FactScaler.fit(np.array([[1.0], [3.0]]))
    assert np.abs(scaler.transform(np.array([[1e30], [-1e30]]))).max() == 10.0


@pytest.mark.parametrize("facts", [[["red"]], [[1.0], [2.0]], [1.0], [[]], None])
def test_facts_of_another_shape_are_refused(facts: object) -> None:
    with pytest.raises(DataError, match="facts"):
        check_facts(facts, n_rows=1)

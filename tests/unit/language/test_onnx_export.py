"""Exported graphs say what torch says: every head, added weights, encoders and decoders, 8-bit weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pricelm.core.errors import BackboneError, BundleError, ConfigError
from pricelm.language import network as network_module
from pricelm.language.config import TuningConfig
from pricelm.language.heads import HEADS
from pricelm.language.regressor import LanguageRegressor
from pricelm.serving.engine import EMBEDDING, LOG_PRICE, OnnxCopy
from pricelm.serving.export_folder import ExportedCopy
from pricelm.serving.quantization import write_int8

THINGS = {"cup": 1.0, "lamp": 2.5, "chair": 4.0, "sofa": 6.0}
TEXTS = [f"{color} {thing} {n}" for n in (1, 2, 3) for color in ("red", "new") for thing in THINGS]
TARGETS = np.array([THINGS[text.split()[1]] for text in TEXTS])
# One to twenty tokens, so that every length up to the cut occurs, alone and beside others.
ASKED = ["", "sofa", *TEXTS[:9], "red cup and old lamp " * 9, "wine, cheese."]
SIZES: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 1},
    "gemma3_text": {"head_dim": 8, "num_key_value_heads": 1, "sliding_window": 8},
    "gpt2": {"n_inner": 32},
}


def tuned(folder: Path, **options: Any) -> LanguageRegressor:
    usual = {"epochs": 1, "max_length": 20, "batch_size": 8}
    return LanguageRegressor(TuningConfig(backbone=str(folder), **(usual | options))).fit(TEXTS, TARGETS)


def opened(model: LanguageRegressor, folder: Path, int8: bool = False) -> OnnxCopy:
    """Export into a folder and open what was written there."""
    graphs = {"fp32": "fp32.onnx"}
    model.export_onnx(folder / "fp32.onnx")
    if int8:
        graphs["int8"] = "int8.onnx"
        write_int8(folder / "fp32.onnx", folder / "int8.onnx")
    (folder / "tokenizer.json").write_text(model.tokenizer_.backend.to_str(), encoding="utf-8")
    copy = ExportedCopy(graphs, "tokenizer.json", model.tokenizer_.pad_id, model.config.max_length)
    return OnnxCopy(folder, copy, "int8" if int8 else "fp32", threads=1)


def assert_same(model: LanguageRegressor, copy: OnnxCopy) -> None:
    predicted = model.predict(ASKED)
    assert np.ptp(predicted) > 1e-3
    for budget in (1, 100, 4096):
        got = copy.run(copy.encode(ASKED), LOG_PRICE, token_budget=budget)
        np.testing.assert_allclose(got, predicted, atol=1e-5)
    states = copy.run(copy.encode(ASKED), EMBEDDING, token_budget=100)
    np.testing.assert_allclose(states, model.embed(ASKED), atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_every_head(head: str, tiny_backbone: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {} if head in ("regression", "quantile") else {"n_bands": 4}
    if head == "both":
        options["band_share"] = 0.5
    model = tuned(tiny_backbone, head=head, head_options=options, learning_rate=1e-2)
    assert_same(model, opened(model, tmp_path))


def test_bands_that_are_averaged(tiny_backbone: Path, tmp_path: Path) -> None:
    options = {"n_bands": 4, "decoding": "expectation"}
    model = tuned(tiny_backbone, head="bands", head_options=options, learning_rate=1e-2)
    assert_same(model, opened(model, tmp_path))


@pytest.mark.parametrize("method", ["lora", "dora", "prefix", "prompt", "ia3", "adapter"])
def test_added_weights_are_part_of_the_graph(method: str, tiny_backbone: Path, tmp_path: Path) -> None:
    model = tuned(tiny_backbone, method=method, learning_rate=3e-2)
    plain = tuned(tiny_backbone, method="frozen", learning_rate=3e-2)
    assert np.abs(model.predict(ASKED) - plain.predict(ASKED)).max() > 1e-3
    assert_same(model, opened(model, tmp_path))


@pytest.mark.parametrize("model_type", ["llama", "gemma3_text", "gpt2"])
def test_decoders(model_type: str, make_backbone: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_backbone(tmp_path / "backbone", model_type, **SIZES[model_type])
    model = tuned(folder)
    assert_same(model, opened(model, tmp_path))


def test_a_saved_model_is_exported_as_the_fitted_one(tiny_backbone: Path, tmp_path: Path) -> None:
    model = tuned(tiny_backbone, method="adapter")
    model.save(tmp_path / "saved")
    assert_same(model, opened(LanguageRegressor.load(tmp_path / "saved"), tmp_path))


@pytest.mark.parametrize("model_type", ["bert", "llama", "gpt2"])
def test_8_bit_weights(model_type: str, make_backbone: Callable[..., Path], tmp_path: Path) -> None:
    model = tuned(make_backbone(tmp_path / "backbone", model_type, **SIZES.get(model_type, {})))
    copy = opened(model, tmp_path, int8=True)
    got = copy.run(copy.encode(ASKED), LOG_PRICE, token_budget=4096)
    change = np.abs(got - model.predict(ASKED)) / TARGETS.std()
    assert 1e-6 < change.max() < 0.05
    graph = onnx.load(str(tmp_path / "int8.onnx")).graph
    small = [one.name for one in graph.initializer if one.data_type == onnx.TensorProto.INT8 and one.dims]
    assert len(small) >= 2 * 4 and not [name for name in small if "head" in name]
    backwards = copy.run(copy.encode(ASKED[::-1]), LOG_PRICE, token_budget=4096)[::-1]
    np.testing.assert_array_equal(backwards, got)


def test_a_graph_without_weights_is_not_made_smaller(tmp_path: Path) -> None:
    same = onnx.helper.make_node("Identity", ["a"], ["b"])
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "ab"]
    graph = onnx.helper.make_graph([same], "nothing", ends[:1], ends[1:])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "graph.onnx"))
    with pytest.raises(BundleError, match="without --int8"):
        write_int8(tmp_path / "graph.onnx", tmp_path / "small.onnx")


def test_a_model_with_facts_is_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    config = TuningConfig(backbone=str(tiny_backbone), epochs=1, max_length=8)
    model = LanguageRegressor(config).fit(TEXTS, TARGETS, facts=np.ones((len(TEXTS), 1)))
    with pytest.raises(ConfigError, match="facts"):
        model.export_onnx(tmp_path / "graph.onnx")


def test_what_cannot_be_written_is_said_to_be_so(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tuned(tiny_backbone)

    def fail(*_: object) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(network_module.TextRegressor, "pool", fail)
    with pytest.raises(BackboneError, match=r"bert.*no such operator"):
        model.export_onnx(tmp_path / "graph.onnx")

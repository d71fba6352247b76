"""pricelm export: what it writes, and that it refuses a graph that says something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pricelm.cli.main import app
from pricelm.core.errors import BundleError, ConfigError, DataError
from pricelm.language.config import TuningConfig
from pricelm.models.price_model import PriceModel
from pricelm.services.exporting import ExportRequest, export_model
from pricelm.services.predictors import open_predictor
from pricelm.serving import ServingOptions, load_predictor
from tests.generated_listings import ROLE_NAMES, listings_frame


@pytest.fixture(scope="module")
def model(tiny_backbone: Path) -> PriceModel:
    tuning = TuningConfig(backbone=str(tiny_backbone), epochs=1, max_length=16, batch_size=32)
    return PriceModel(preset="balanced", columns=ROLE_NAMES, tuning=tuning).fit(listings_frame(120))


@pytest.fixture
def bundle(model: PriceModel, tmp_path: Path) -> Path:
    return model.save(tmp_path / "model")


def damage(monkeypatch: pytest.MonkeyPatch, name: str, factor: float) -> None:
    """Let a writer of graphs write one whose head is wrong by a factor."""
    import onnx
    from onnx import numpy_helper

    module, attribute = {
        "fp32": ("pricelm.language.onnx_export", "export_graph"),
        "int8": ("pricelm.services.exporting", "write_int8"),
    }[name]
    write: Callable[..., None] = getattr(__import__(module, fromlist=["_"]), attribute)

    def broken(source: object, file: Path) -> None:
        write(source, file)
        graph = onnx.load(str(file))
        head = next(one for one in graph.graph.initializer if "head.weight" in one.name)
        head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) * np.float32(factor), head.name))
        onnx.save(graph, str(file))

    monkeypatch.setattr(f"{module}.{attribute}", broken)


def test_one_command_exports_and_says_so(bundle: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(bundle), "--int8", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["folder"] == str(bundle / "onnx") and said["copies"] > 1
    assert said["parity"]["fp32"]["largest_difference"] < 1e-4
    assert said["parity"]["int8"]["error_ratio"] < 1.01
    assert said["parity"]["int8"]["texts"] == 120
    shown = CliRunner().invoke(app, ["export", str(bundle)])
    assert "fp32" in shown.stdout and "int8" not in shown.stdout
    assert sorted(file.name for file in (bundle / "onnx").glob("*int8*")) == [], "the old export is replaced"
    tokenizers = list((bundle / "onnx").glob("tokenizer-*.json"))
    assert len(tokenizers) == 1, "copies of one backbone share their tokenizer"


@pytest.mark.parametrize(("precision", "said"), [("fp32", "of torch"), ("int8", "raise the error")])
def test_a_graph_that_says_something_else_is_refused(
    precision: str, said: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_model(ExportRequest(bundle))
    before = {file.name: file.read_bytes() for file in (bundle / "onnx").iterdir()}
    damage(monkeypatch, precision, 1.01 if precision == "fp32" else 20.0)
    with pytest.raises(BundleError, match=said):
        export_model(ExportRequest(bundle, int8=True))
    assert {file.name: file.read_bytes() for file in (bundle / "onnx").iterdir()} == before
    assert not list(bundle.glob(".onnx*"))


def test_listings_without_prices_bound_the_change_instead(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings_frame(70, seed=3).drop(columns="cost").to_csv(tmp_path / "new.csv", index=False)
    request = ExportRequest(bundle, int8=True, listings=tmp_path / "new.csv")
    parity = export_model(request).parity["int8"]
    assert parity.error_ratio is None and parity.texts == 70
    damage(monkeypatch, "int8", 20.0)
    with pytest.raises(BundleError, match="--listings"):
        export_model(request)


def test_listings_with_prices_are_compared_by_their_error(bundle: Path, tmp_path: Path) -> None:
    listings_frame(700, seed=3).to_csv(tmp_path / "new.csv", index=False)
    parity = export_model(ExportRequest(bundle, int8=True, listings=tmp_path / "new.csv")).parity["int8"]
    assert parity.error_ratio is not None and 256 <= parity.texts <= 512


def test_a_bundle_without_a_language_member_needs_no_export(fast_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="without an export"):
        export_model(ExportRequest(fast_bundle))


def test_without_anything_to_compare_on_it_asks_for_listings(
    model: PriceModel, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "comparables_", None)
    with pytest.raises(DataError, match="--listings"):
        export_model(ExportRequest(model.save(bundle)))


def test_torch_serves_what_was_not_exported(bundle: Path, model: PriceModel, fast_bundle: Path) -> None:
    new = listings_frame(5, seed=2)
    served = open_predictor(bundle)
    assert served.precision == "torch"
    np.testing.assert_allclose(served.predict(new), model.predict(new), rtol=1e-6)
    assert served.count_tokens(["red cup"]).tolist() == [4]
    with pytest.raises(BundleError, match="pricelm export"):
        open_predictor(bundle, ServingOptions(precision="fp32"))
    export_model(ExportRequest(bundle))
    assert open_predictor(bundle).precision == "fp32"
    assert open_predictor(bundle).version != served.version
    assert open_predictor(fast_bundle).precision == load_predictor(fast_bundle).precision == ""


def test_without_torch_it_names_the_export(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pricelm.services.predictors.find_spec", lambda name: None)
    with pytest.raises(BundleError, match="pricelm export"):
        open_predictor(bundle)

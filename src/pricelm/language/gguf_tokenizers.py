"""Rebuilds the fast tokenizer of a model from what a GGUF file says about it."""

from __future__ import annotations

from typing import Any

import numpy as np
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from pricelm.language.gguf_files import GgufFile

_CONTROL, _USER_DEFINED = 3, 4
_SPACE = "▁"


def rebuild_tokenizer(file: GgufFile) -> Tokenizer:
    """Return the tokenizer of a GGUF file; it adds a start token where the model was trained with one.

    Parameters
    ----------
    file : GgufFile
        The file.

    Returns
    -------
    tokenizers.Tokenizer
        Without padding and truncation, and never with an end token.

    Raises
    ------
    BackboneError
        If the vocabulary is broken, or of a kind that is not read.
    """
    pieces = file.fact("tokenizer.ggml.tokens", list)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    if len(vocabulary) != len(pieces) or not all(isinstance(piece, str) for piece in pieces):
        raise file.reader.broken("has the same token twice in its vocabulary")
    kind = file.fact("tokenizer.ggml.model", str)
    if kind not in _BUILDERS:
        raise file.reader.broken(f"has a tokenizer of the kind {kind!r}, expected {' or '.join(_BUILDERS)}")
    try:
        tokenizer = _BUILDERS[kind](file, vocabulary)
        _add_special_tokens(file, tokenizer, pieces)
    except (ValueError, TypeError) as error:
        raise file.reader.broken(f"has a vocabulary that does not work: {error}") from error
    return tokenizer


def _byte_level(file: GgufFile, vocabulary: dict[str, int]) -> Tokenizer:
    """Byte-level BPE, with the merges in the file."""
    splits: dict[str, list[Any]] = {
        "gpt-2": [],
        "smollm": [pre_tokenizers.Digits(individual_digits=True)],
    }
    cut = file.fact("tokenizer.ggml.pre", str, "gpt-2")
    if cut not in splits:
        raise file.reader.broken(f"cuts texts in the way {cut!r}, expected one of {', '.join(splits)}")
    merges = []
    for line in file.fact("tokenizer.ggml.merges", list):
        left, _, right = str(line).partition(" ")
        if left not in vocabulary or right not in vocabulary or left + right not in vocabulary:
            raise file.reader.broken(f"merges {line!r}, which its vocabulary lacks")
        merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits[cut], byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _scored(file: GgufFile, vocabulary: dict[str, int]) -> Tokenizer:
    """SentencePiece BPE: whichever neighbors make the piece of the highest score are merged first."""
    if file.fact("tokenizer.ggml.add_space_prefix", bool, True):
        raise file.reader.broken("puts a space before every text, which pricelm does not read")
    scores = file.fact("tokenizer.ggml.scores", np.ndarray)
    kinds = file.fact("tokenizer.ggml.token_type", np.ndarray)
    if not len(scores) == len(kinds) == len(vocabulary):
        raise file.reader.broken("has scores or types for another number of tokens than it has")
    ranked = []
    for piece, number in vocabulary.items():
        # What is not made of other pieces is a control token, a byte or a single character.
        if kinds[number] not in (1, _USER_DEFINED):
            continue
        for cut in range(1, len(piece)):
            left, right = vocabulary.get(piece[:cut]), vocabulary.get(piece[cut:])
            if left is not None and right is not None:
                ranked.append((-float(scores[number]), number, left, right))
    ranked.sort()
    pieces = list(vocabulary)
    unknown = _piece(file, pieces, "unknown_token_id")
    model = models.BPE(
        vocabulary,
        [(pieces[left], pieces[right]) for _, _, left, right in ranked],
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=all(f"<0x{byte:02X}>" in vocabulary for byte in range(256)),
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(Regex(" "), _SPACE)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


_BUILDERS = {"gpt2": _byte_level, "llama": _scored}


def _add_special_tokens(file: GgufFile, tokenizer: Tokenizer, pieces: list[str]) -> None:
    kinds = file.fact("tokenizer.ggml.token_type", np.ndarray)
    if len(kinds) != len(pieces):
        raise file.reader.broken("has types for another number of tokens than it has")
    control = [pieces[number] for number in np.flatnonzero(kinds == _CONTROL)]
    named = [pieces[number] for number in np.flatnonzero(kinds == _USER_DEFINED)]
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in control])
    tokenizer.add_tokens([AddedToken(piece, special=False, normalized=False) for piece in named])
    if file.fact("tokenizer.ggml.add_bos_token", bool, False):
        start = _piece(file, pieces, "bos_token_id")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, pieces.index(start))]
        )


def _piece(file: GgufFile, pieces: list[str], key: str) -> str:
    number = file.fact(f"tokenizer.ggml.{key}", int)
    if not 0 <= number < len(pieces):
        raise file.reader.broken(f"has {number} as {key}, and {len(pieces):,} tokens")
    return pieces[number]

"""Reads a pretrained model from a folder that may come from a stranger.

Only JSON and safetensors are read, and by this module itself: the file search of transformers also knows
pickled weights, adapters that name other models, and kernels that are fetched by a name in ``config.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModel

from pricelm.core.errors import BackboneError
from pricelm.language.runtime import isolated_random_state
from pricelm.language.tokens import TextTokenizer

# Encoders read a text both ways, decoders only forwards; each type is covered by a test.
ENCODER_TYPES = (
    "bert",
    "camembert",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
DECODER_TYPES = ("gemma3_text", "gpt2", "llama", "qwen2", "qwen3")
MODEL_TYPES = ENCODER_TYPES + DECODER_TYPES

# These count positions from behind the padding id, so that many positions are out of reach.
_POSITIONS_AFTER_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
_NAMES_FOREIGN_CODE = (
    "auto_map",
    "attn_implementation",
    "experts_implementation",
    "quantization_config",
    "kernel",
)
_OLD_NAMES = ((".gamma", ".weight"), (".beta", ".bias"))
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_PAD_TOKENS = ("[PAD]", "<pad>", "<|endoftext|>")


def load_encoder(folder: Path) -> Any:
    """Load an encoder or decoder in fp32 from its folder, offline.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``config.json`` and safetensors weights, whole or in shards.

    Returns
    -------
    transformers.PreTrainedModel
        The model in evaluation mode, without a pooling layer or a head that writes text.

    Raises
    ------
    BackboneError
        If a file is missing or broken, a weight is missing, or the folder asks for foreign code.
    """
    options = _read_config(folder)
    weights = _read_weights(folder)
    model_type = options.pop("model_type")
    # Building a model draws random weights, all of which are replaced below.
    with isolated_random_state(0, torch.device("cpu")):
        try:
            config = AutoConfig.for_model(model_type, **options)
            encoder = AutoModel.from_config(
                config, attn_implementation=_attention(config), dtype=torch.float32
            )
        except Exception as error:
            # Any nonsense in config.json surfaces here, as whatever error the model's code happens to raise.
            raise BackboneError(
                f"{folder / 'config.json'} does not describe a {model_type} model: "
                f"{type(error).__name__}: {error}"
            ) from error
    if getattr(encoder, "pooler", None) is not None:
        # Its output is never used, so it would be saved and counted for nothing.
        encoder.pooler = None
    if is_decoder(config):
        # It would keep the states of every token for a text that is never continued.
        config.use_cache = False
    _fill(encoder, weights, folder)
    return encoder.eval()


def is_decoder(config: Any) -> bool:
    """Say whether a model reads only forwards, so that only its last token has read the whole text.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        Of a model that :func:`load_encoder` loaded.

    Returns
    -------
    bool
        Follows from ``model_type`` alone.

    Examples
    --------
    >>> from transformers import BertConfig, LlamaConfig
    >>> is_decoder(LlamaConfig()), is_decoder(BertConfig())
    (True, False)
    """
    return config.model_type in DECODER_TYPES


def load_tokenizer(folder: Path) -> TextTokenizer:
    """Load the fast tokenizer of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``tokenizer.json`` and ``config.json``.

    Returns
    -------
    TextTokenizer
        The tokenizer.

    Raises
    ------
    BackboneError
        If ``tokenizer.json`` is missing or broken.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise BackboneError(
            f"{folder} has no tokenizer.json; a fast tokenizer is needed. Convert an old one with: "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"
        )
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises bare Exception
        raise BackboneError(f"{path} is not a readable tokenizer: {error}") from error
    pad_id = _read_config(folder).get("pad_token_id")
    # Decoders are trained without padding: some name no such token, some one that does not exist.
    if not isinstance(pad_id, int) or pad_id < 0 or backend.id_to_token(pad_id) is None:
        known = [found for token in _PAD_TOKENS if (found := backend.token_to_id(token)) is not None]
        pad_id = known[0] if known else 0
    model = json.loads(backend.to_str())["model"]
    unknown = model.get("unk_token")
    unknown_id = backend.token_to_id(unknown) if unknown is not None else model.get("unk_id")
    return TextTokenizer(backend, pad_id, unknown_id)


def save_encoder(encoder: Any, folder: Path) -> None:
    """Write an encoder so that :func:`load_encoder`, and transformers itself, can read it."""
    (folder / "config.json").write_text(encoder.config.to_json_string(use_diff=False), encoding="utf-8")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    save_file(state, folder / _WEIGHTS, metadata={"format": "pt"})


def longest_text(encoder: Any) -> int:
    """Return how many tokens an encoder can read at once."""
    positions = int(encoder.config.max_position_embeddings)
    if encoder.config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= int(encoder.embeddings.padding_idx) + 1
    return positions


def digest(folder: Path) -> str:
    """Return a SHA-256 over what decides a backbone's output: config, tokenizer and weights."""
    total = hashlib.sha256()
    for path in [folder / "config.json", folder / "tokenizer.json", *sorted(folder.glob("*.safetensors"))]:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if (folder / "adapter_config.json").exists():
        raise BackboneError(
            f"{folder} holds an adapter, not a whole model; merge it into its base model first"
        )
    options = _read_json(path)
    for key, value in _walk(options):
        if value not in (None, False, {}) and any(name in key for name in _NAMES_FOREIGN_CODE):
            raise BackboneError(
                f"{path} sets {key!r} to {value!r}, which asks for code or weights that do not belong to a "
                "plain model. pricelm runs no foreign code; remove the entry if you trust the rest"
            )
    model_type = options.get("model_type")
    if model_type not in MODEL_TYPES:
        raise BackboneError(f"{path} has model_type {model_type!r}; expected one of {', '.join(MODEL_TYPES)}")
    return options


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BackboneError(f"{path} is missing; expected a Hugging Face model folder") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BackboneError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise BackboneError(f"{path} holds a {type(content).__name__}; expected a JSON object")
    return content


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    if (folder / _WEIGHTS).is_file():
        names = [_WEIGHTS]
    elif (folder / _INDEX).is_file():
        shards = _read_json(folder / _INDEX).get("weight_map")
        names = sorted({str(name) for name in shards.values()}) if isinstance(shards, dict) else []
        if not names or any(Path(name).name != name or not name.endswith(".safetensors") for name in names):
            raise BackboneError(f"{folder / _INDEX} names no shards, or shards outside its folder")
    else:
        others = sorted(
            path.name for path in folder.glob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
        )
        found = (
            f"found {', '.join(others)}, which is a pickle and is never opened"
            if others
            else "found no weights"
        )
        raise BackboneError(
            f"{folder} has no {_WEIGHTS}; {found}. Convert the weights once, where you trust them, with "
            "transformers: model.save_pretrained(folder)"
        )
    weights: dict[str, Tensor] = {}
    for name in names:
        try:
            weights.update(load_file(folder / name))
        except (OSError, SafetensorError) as error:
            raise BackboneError(
                f"{folder / name} is missing, truncated or not a safetensors file: {error}"
            ) from error
    return weights


def _attention(config: Any) -> str:
    from transformers import MODEL_MAPPING

    return "sdpa" if getattr(MODEL_MAPPING[type(config)], "_supports_sdpa", False) else "eager"


def _fill(encoder: Any, weights: dict[str, Tensor], folder: Path) -> None:
    # A checkpoint of a model with a language-modelling head nests the encoder under its own name.
    prefix = f"{encoder.base_model_prefix}."
    named = {}
    for name, tensor in weights.items():
        plain = name.removeprefix(prefix)
        for old, new in _OLD_NAMES:
            plain = plain.removesuffix(old) + new if plain.endswith(old) else plain
        named[plain] = tensor
    expected = encoder.state_dict()
    missing = sorted(set(expected) - set(named))
    if missing:
        raise BackboneError(
            f"{folder} lacks {len(missing)} of {len(expected)} weights, for example {missing[0]!r}; "
            "a model with random weights in it would be worthless"
        )
    odd = [name for name, tensor in expected.items() if tensor.shape != named[name].shape]
    if odd:
        raise BackboneError(
            f"in {folder} the weight {odd[0]!r} has shape {tuple(named[odd[0]].shape)}, but config.json says "
            f"{tuple(expected[odd[0]].shape)}; the two files do not belong together"
        )
    # Copies, so that the model does not live on in a mapped file that somebody may overwrite.
    encoder.load_state_dict({name: named[name] for name in expected})

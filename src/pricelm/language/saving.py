"""A tuned regressor as a folder that a person can read and that loads offline from any path."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import pricelm
from pricelm.core.errors import BackboneError, BundleError, BundleVersionError, ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.facts import FactScaler
from pricelm.language.heads import head_from_dict
from pricelm.language.heads.head import Scale
from pricelm.language.methods import build_method
from pricelm.language.network import TextRegressor
from pricelm.language.pretrained import load_encoder, load_tokenizer, save_encoder
from pricelm.language.runtime import isolated_random_state, pick_device
from pricelm.language.tokens import TextTokenizer

SCHEMA_VERSION = 1
_DESCRIPTION, _HEAD, _TOKENIZER = "language.json", "head.safetensors", "tokenizer.json"
_ENCODER = "encoder."
# Weights of methods that cannot be folded into the backbone.
_NOT_FOLDED = ("adapters.", "encoder.prompt_encoder.")


@dataclass
class Fitted:
    """Everything that a tuned regressor consists of.

    Parameters
    ----------
    config : TuningConfig
        The options it was tuned with.
    network : TextRegressor
        The tuned network.
    tokenizer : TextTokenizer
        Its tokenizer.
    scale : Scale
        Mean and deviation of the targets.
    facts : FactScaler or None
        Scale of the facts; None if it was trained without.
    n_trained_parameters : int
        Parameters that were tuned.
    history : list of dict
        One record an epoch.
    method_report : dict
        What the method found out, for example the ranks of AdaLoRA.
    """

    config: TuningConfig
    network: TextRegressor
    tokenizer: TextTokenizer
    scale: Scale
    facts: FactScaler | None = None
    n_trained_parameters: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    method_report: dict[str, Any] = field(default_factory=dict)


def save_fitted(fitted: Fitted, folder: Path) -> None:
    """Write a tuned regressor: ``language.json``, the encoder, the head, the tokenizer.

    Parameters
    ----------
    fitted : Fitted
        What to write.
    folder : pathlib.Path
        Made if it is missing; files of an earlier save are replaced.

    Raises
    ------
    BundleError
        If the folder cannot be written.
    """
    description = {
        "schema_version": SCHEMA_VERSION,
        "config": fitted.config.to_dict(),
        "target": {"mean": fitted.scale.mean, "std": fitted.scale.std},
        "task": fitted.network.task.to_dict(),
        "facts": fitted.facts.to_dict() if fitted.facts else None,
        "n_trained_parameters": fitted.n_trained_parameters,
        "history": fitted.history,
        "method_report": fitted.method_report,
        "versions": {
            "pricelm": pricelm.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    head = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in fitted.network.state_dict().items()
        if not name.startswith(_encoder_prefix(fitted.network))
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_encoder(fitted.network.base_encoder, folder)
        save_file(head, folder / _HEAD)
        (folder / _TOKENIZER).write_text(fitted.tokenizer.backend.to_str(), encoding="utf-8")
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2), encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise BundleError(f"the language model could not be written to {folder}: {error}") from error


def load_fitted(folder: Path) -> Fitted:
    """Read back what :func:`save_fitted` wrote.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, wherever it is now.

    Returns
    -------
    Fitted
        The regressor's parts, with the network in evaluation mode.

    Raises
    ------
    BundleVersionError
        If a later pricelm wrote it.
    BundleError
        If a file is missing, truncated or of another model.
    """
    description = _read_description(folder / _DESCRIPTION)
    try:
        config = TuningConfig.from_dict(description["config"])
        facts = FactScaler.from_dict(description["facts"]) if description["facts"] else None
        target = description["target"]
        encoder, tokenizer = load_encoder(folder), load_tokenizer(folder)
        # The head is drawn at random and then overwritten; strict loading below leaves nothing random.
        with isolated_random_state(0, torch.device("cpu")):
            task = head_from_dict(description["task"])
            n_facts = len(facts.means) if facts else 0
            network = TextRegressor(encoder, task, dropout=config.dropout, n_facts=n_facts)
            head = load_file(folder / _HEAD)
            weights = encoder.state_dict()
            if any(name.startswith(_NOT_FOLDED) for name in head):
                build_method(config.method, config.method_options).apply(network)
        prefix = _encoder_prefix(network)
        network.load_state_dict({f"{prefix}{name}": tensor for name, tensor in weights.items()} | head)
        return Fitted(
            config,
            network.to(pick_device()).eval(),
            tokenizer,
            Scale(float(target["mean"]), float(target["std"])),
            facts,
            int(description["n_trained_parameters"]),
            list(description["history"]),
            dict(description["method_report"]),
        )
    except (
        BackboneError,
        ConfigError,
        SafetensorError,
        OSError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise BundleError(
            f"the language model in {folder} is incomplete or broken: {error}. Copy the folder again "
            "from its source, or train the model anew"
        ) from error


def _encoder_prefix(network: TextRegressor) -> str:
    """Return what the names of the backbone's own weights begin with, wrapped by a method or not."""
    return _ENCODER if network.encoder is network.base_encoder else f"{_ENCODER}base_model."


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        version = description["schema_version"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BundleError(
            f"expected a saved language model with a readable {path.name} in {path.parent}: {error}. "
            "Give the folder that LanguageRegressor.save wrote"
        ) from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise BundleVersionError(
            f"{path} has schema version {version!r}, and this pricelm {pricelm.__version__} reads up to "
            f"{SCHEMA_VERSION}; upgrade pricelm"
        )
    return description

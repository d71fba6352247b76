"""The engine behind LanguageRegressor: everything between checked rows and arrays that needs torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.core.extras import require_installed
from pricelm.core.protocols import Progress
from pricelm.language.backbones import Backbone, find_backbone
from pricelm.language.config import TuningConfig
from pricelm.language.distributed import Team
from pricelm.language.examples import Examples, StateSource, TokenSource, pool_all, predict_all
from pricelm.language.facts import FactScaler
from pricelm.language.handover import Job
from pricelm.language.heads import head_class
from pricelm.language.heads.head import Head, Scale
from pricelm.language.methods import build_method
from pricelm.language.network import TextRegressor, trained_parameters
from pricelm.language.pretrained import digest, longest_text
from pricelm.language.rows import Rows
from pricelm.language.runtime import forget_states, isolated_random_state, limited_threads, pick_device
from pricelm.language.saving import Fitted, load_fitted, save_fitted
from pricelm.language.supervision import NoSupervisor, Supervisor
from pricelm.language.trackers import make_tracker
from pricelm.language.tracking import Watch
from pricelm.language.trainer import Run, Trainer

__all__ = [
    "embed",
    "embed_untuned",
    "load_fitted",
    "predict",
    "predict_bands",
    "predict_quantiles",
    "save_fitted",
    "train_here",
    "tune",
]


def tune(
    config: TuningConfig,
    rows: Rows,
    held_out: Rows | None,
    run_dir: Path | None,
    progress: Progress,
    trackers: tuple[str, ...] = (),
    supervisor: Supervisor = NoSupervisor(),
) -> Fitted:
    """Tune a backbone on checked rows.

    Parameters
    ----------
    config : TuningConfig
        The options.
    rows : Rows
        Training rows.
    held_out : Rows or None
        Validation rows.
    run_dir : pathlib.Path or None
        Folder for checkpoints and the log.
    progress : Progress
        Display for the person who waits.
    trackers : tuple of str
        What else draws the run; it needs a folder.
    supervisor : Supervisor
        Sees each epoch and may end the training; with one process only.

    Returns
    -------
    Fitted
        The tuned parts, the network in evaluation mode.
    """
    job = Job(config, rows, held_out, run_dir, trackers)
    if config.engine == "ray":
        require_installed("ray", extra="ray", purpose="tune on a cluster")
        from pricelm.language.ray_launcher import train_on_ray as train_elsewhere
    elif config.processes > 1:
        from pricelm.language.launcher import train_in_processes as train_elsewhere
    else:
        return train_here(job, progress, Team(), supervisor)
    with TemporaryDirectory(prefix="pricelm-") as passing:
        place = run_dir or Path(passing)
        try:
            train_elsewhere(job, place, progress)
        except TrainingStopped as error:
            if run_dir is not None:
                raise
            what = str(error).split(";")[0]
            raise TrainingStopped(f"{what}; nothing was kept, because no run_dir was given") from error
        # The processes left a finished checkpoint, so this only takes up its weights.
        return train_here(replace(job, run_dir=place), progress, Team())


def train_here(job: Job, progress: Progress, team: Team, supervisor: Supervisor = NoSupervisor()) -> Fitted:
    """Tune a backbone in this process, alone or as one of a team; see :func:`tune`."""
    device, config, rows, held_out = pick_device(), job.config, job.rows, job.held_out
    with limited_threads(config.threads), isolated_random_state(config.seed, device):
        backbone = find_backbone(config.backbone, progress)
        fitted = _untuned(config, backbone, rows)
        network = fitted.network.to(device)
        progress.say(f"reading {len(rows.texts)} texts with backbone {config.backbone!r}")
        training = _prepared(fitted, rows)
        checking = None if held_out is None else _prepared(fitted, held_out)
        stamp = _fingerprint(config, backbone, [rows, held_out]) if job.run_dir else ""
        watch = _watch(job, stamp, progress) if team.leads else Watch()
        run = Run(job.run_dir, stamp, progress, fitted.scale.std, team, watch, supervisor)
        fitted.history = Trainer(network, config, training, checking, run).train().history
        method = build_method(config.method, config.method_options)
        fitted.method_report = method.report(network)
        method.finish(network)
    network.eval()
    return fitted


def predict(fitted: Fitted, texts: list[str], facts: np.ndarray | None, batch_size: int) -> np.ndarray:
    """Return predictions in the targets' unit, float64, shape (n_texts,)."""
    outputs = _outputs(fitted, texts, facts, batch_size)
    return _restored(fitted, fitted.network.task.decode(outputs))


def predict_quantiles(
    fitted: Fitted, texts: list[str], facts: np.ndarray | None, batch_size: int
) -> np.ndarray:
    """Return quantiles in the targets' unit, float64, shape (n_texts, n_levels)."""
    outputs = _outputs(fitted, texts, facts, batch_size)
    return _restored(fitted, fitted.network.task.quantiles(outputs))


def predict_bands(fitted: Fitted, texts: list[str], facts: np.ndarray | None, batch_size: int) -> np.ndarray:
    """Return the probability of each band, float64, shape (n_texts, n_bands)."""
    outputs = _outputs(fitted, texts, facts, batch_size)
    return fitted.network.task.probabilities(outputs).numpy().astype(np.float64)


def embed(fitted: Fitted, texts: list[str], batch_size: int) -> np.ndarray:
    """Return mean-pooled states of length 1, float32, shape (n_texts, hidden_size)."""
    with limited_threads(fitted.config.threads):
        return _unit_states(fitted.network, _source(fitted, texts), batch_size)


def embed_untuned(config: TuningConfig, parts: Sequence[list[str]], batch_size: int = 64) -> list[np.ndarray]:
    """Return the untuned backbone's states of several lists of texts, each as :func:`embed` does."""
    device = pick_device()
    backbone = find_backbone(config.backbone)
    with limited_threads(config.threads), isolated_random_state(config.seed, device):
        network = TextRegressor(backbone.load_encoder(), dropout=0.0).to(device)
        tokenizer = backbone.load_tokenizer()
        sources = [TokenSource(tokenizer.encode(texts, config.max_length), device) for texts in parts]
        return [_unit_states(network, source, batch_size) for source in sources]


def _outputs(fitted: Fitted, texts: list[str], facts: np.ndarray | None, batch_size: int) -> Tensor:
    with limited_threads(fitted.config.threads):
        return predict_all(fitted.network, _examples(fitted, texts, facts), batch_size)


def _restored(fitted: Fitted, values: Tensor) -> np.ndarray:
    return fitted.scale.restore(values.numpy().astype(np.float64))


def _unit_states(network: TextRegressor, source: TokenSource, batch_size: int) -> np.ndarray:
    return functional.normalize(pool_all(network, source, batch_size), dim=1).numpy()


def _untuned(config: TuningConfig, backbone: Backbone, rows: Rows) -> Fitted:
    encoder = backbone.load_encoder()
    if config.max_length > longest_text(encoder):
        raise ConfigError(
            f"max_length {config.max_length} is more than the {longest_text(encoder)} tokens that backbone "
            f"{config.backbone!r} can read; lower it"
        )
    if config.gradient_checkpointing:
        forget_states(encoder, config.backbone)
    scale = Scale(float(rows.targets.mean()), float(rows.targets.std()))
    task = _fit_head(config, rows.targets, scale)
    network = TextRegressor(encoder, task, dropout=config.dropout, n_facts=rows.n_facts)
    build_method(config.method, config.method_options).apply(network)
    facts = None if rows.facts is None else FactScaler.fit(rows.facts)
    n_trained = sum(parameter.numel() for parameter in trained_parameters(network).values())
    return Fitted(config, network, backbone.load_tokenizer(), scale, facts, n_trained)


def _fit_head(config: TuningConfig, targets: np.ndarray, scale: Scale) -> Head:
    kind = head_class(config.head)
    options = kind.options_class.from_mapping(config.head_options, f"head {config.head!r}")
    return kind.fit(options, scale.standardize(targets), scale)


def _source(fitted: Fitted, texts: list[str]) -> TokenSource:
    device = fitted.network.head.weight.device
    return TokenSource(fitted.tokenizer.encode(texts, fitted.config.max_length), device)


def _examples(
    fitted: Fitted, texts: list[str], facts: np.ndarray | None, targets: np.ndarray | None = None
) -> Examples:
    device = fitted.network.head.weight.device
    scaled: Tensor | None = None
    if targets is not None:
        scaled = torch.from_numpy(fitted.scale.standardize(targets)).float().to(device)
    known: Tensor | None = None
    if facts is not None and fitted.facts is not None:
        known = torch.from_numpy(fitted.facts.transform(facts)).to(device)
    return Examples(_source(fitted, texts), known, scaled)


def _prepared(fitted: Fitted, rows: Rows) -> Examples:
    examples = _examples(fitted, rows.texts, rows.facts, rows.targets)
    if not build_method(fitted.config.method, fitted.config.method_options).reads_once:
        return examples
    # A frozen encoder says the same of a text in every epoch, so it is asked only once.
    states = pool_all(fitted.network, examples.source, batch_size=64)
    return Examples(
        StateSource(states.to(fitted.network.head.weight.device)), examples.facts, examples.targets
    )


def _watch(job: Job, stamp: str, progress: Progress) -> Watch:
    if job.run_dir is None:
        return Watch()
    parts = {"training": job.rows, "validation": job.held_out}
    data = {
        name: {"rows": len(rows.texts), "facts": rows.n_facts, "sha256": rows.digest()}
        for name, rows in parts.items()
        if rows is not None
    }
    facts = {"config": job.config.to_dict(), "data": data, "fingerprint": stamp}
    trackers = {name: make_tracker(name, job.run_dir) for name in job.trackers}
    return Watch(job.run_dir, facts, trackers, progress)


def _fingerprint(config: TuningConfig, backbone: Backbone, data: Sequence[Rows | None]) -> str:
    parts = [config.result_options(), digest(backbone.folder), *(rows and rows.digest() for rows in data)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

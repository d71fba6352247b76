"""The training loop: epochs of accumulated, clipped steps that can be interrupted and resumed exactly."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.core.protocols import Progress, Silence
from pricelm.language.batching import BatchPlan, Step
from pricelm.language.checkpoints import (
    RunState,
    optimizer_tensors,
    random_tensors,
    read_checkpoint,
    restore_optimizer,
    restore_random,
    write_checkpoint,
)
from pricelm.language.config import TuningConfig
from pricelm.language.distributed import Team
from pricelm.language.examples import Examples, predict_all
from pricelm.language.interrupts import InterruptFlag
from pricelm.language.methods import build_method
from pricelm.language.network import TextRegressor, trained_parameters
from pricelm.language.optimizers import build_optimizer, learning_rate_factor, set_learning_rate
from pricelm.language.runtime import autocast, resolve_precision
from pricelm.language.supervision import NoSupervisor, Supervisor
from pricelm.language.tracking import Watch
from pricelm.language.training_log import TrainingLog


@dataclass(frozen=True)
class Run:
    """Where a training run reports to and where it may be resumed from.

    Parameters
    ----------
    run_dir : pathlib.Path or None
        Holds checkpoints and ``training_log.jsonl``; None keeps nothing.
    fingerprint : str
        Identifies config and data.
    progress : Progress
        Display for the person who waits.
    target_std : float
        Size of one standardized unit, so that errors are reported in the caller's units.
    team : Team
        The processes that train together; by default this one alone.
    watch : Watch
        ``run.json`` and trackers.
    supervisor : Supervisor
        Sees each epoch and may end the training.
    """

    run_dir: Path | None = None
    fingerprint: str = ""
    progress: Progress = field(default_factory=Silence)
    target_std: float = 1.0
    team: Team = field(default_factory=Team)
    watch: Watch = field(default_factory=Watch)
    supervisor: Supervisor = field(default_factory=NoSupervisor)


class Trainer:
    """Tunes a network whose frozen parameters are already marked.

    Parameters
    ----------
    network : TextRegressor
        The network; its trained parameters change in place.
    config : TuningConfig
        The options.
    training : Examples
        Texts with standardized targets.
    validation : Examples or None
        Texts with targets on the same scale that are not trained on.
    run : Run
        Checkpoints, log and progress.

    Attributes
    ----------
    state : RunState
        How far the run has come.
    """

    def __init__(
        self,
        network: TextRegressor,
        config: TuningConfig,
        training: Examples,
        validation: Examples | None,
        run: Run,
    ) -> None:
        if config.patience is not None and validation is None:
            raise ConfigError(
                "patience needs validation data to stop by; pass validation=... or patience=None"
            )
        self.network, self.config, self.training, self.validation, self.run = (
            network,
            config,
            training,
            validation,
            run,
        )
        self.device = network.head.weight.device
        self.precision = resolve_precision(config.precision, self.device)
        self.team = run.team
        self.team.join(network, config.seed)
        self.method = build_method(config.method, config.method_options)
        self.parameters = trained_parameters(network)
        self.optimizer = build_optimizer(network, config)
        self.plan = BatchPlan(config.batch_size, config.accumulation_steps, config.bucketed, config.seed)
        self.steps_per_epoch = self.plan.steps_per_epoch(len(training))
        self.total_steps = self.steps_per_epoch * config.epochs
        self.method.start(network, self.total_steps)
        self.log = TrainingLog(
            run.run_dir / "training_log.jsonl" if run.run_dir and self.team.leads else None
        )
        self.state = RunState()
        self._best: dict[str, Tensor] = {}
        self._texts_this_session = 0

    def train(self) -> RunState:
        """Train to the end, from a checkpoint of the same run if there is one.

        Returns
        -------
        RunState
            The final state, with the history.

        Raises
        ------
        TrainingStopped
            If the user interrupted it or a checkpoint could not be written; the message says how to go on.
        ConfigError
            If the loss stops being a number.
        """
        self._resume()
        if self.state.finished:
            return self.state
        self.run.progress.start("tuning the language model", self.total_steps)
        self.run.progress.advance(self.state.step)
        self._started = time.monotonic() - self.state.seconds
        self._session_started = time.monotonic()
        self.network.train()
        try:
            with InterruptFlag() as interrupt, self.run.watch.session(self.state.step, self._result):
                while self.state.epoch < self.config.epochs and not self._out_of_patience():
                    self._train_epoch(interrupt)
                    self._close_epoch()
                    self._stop_if(self.team.agree(interrupt.raised))
                self._finish()
                self._stop_if(self.team.agree(interrupt.raised))
        except KeyboardInterrupt:
            raise TrainingStopped(self._how_to_resume("at once")) from None
        return self.state

    def _train_epoch(self, interrupt: InterruptFlag) -> None:
        state = self.state
        every = self.config.checkpoint_every_steps
        for step in self.plan.epoch(self.training.source.lengths, state.epoch)[state.steps_in_epoch :]:
            factor = learning_rate_factor(state.step, self.total_steps, self.config)
            set_learning_rate(self.optimizer, factor)
            loss, n_texts = self._take_step(step)
            state.step += 1
            state.steps_in_epoch += 1
            state.loss_sum += loss * n_texts
            state.texts_in_epoch += n_texts
            self._report_step(loss, n_texts, factor)
            interrupted = self.team.agree(interrupt.raised or self.run.supervisor.wants_stop())
            if interrupted or (every and state.step % every == 0):
                self._write_checkpoint()
            self._stop_if(interrupted)

    def _take_step(self, step: Step) -> tuple[float, int]:
        n_texts = sum(len(rows) for rows in step)
        targets = self.training.targets
        assert targets is not None
        total = 0.0
        self.optimizer.zero_grad()
        for rows, weight in self.team.shares(step):
            outputs = self.training.predict(self.network, rows, autocast(self.precision, self.device))
            # Divided by the texts of the whole step: batches of unequal size weigh as in one large one.
            loss = self.network.task.loss(outputs, targets[torch.from_numpy(rows)]).sum() / n_texts
            total += loss.item() * weight
            self._refuse_unless_finite(total, "loss")
            (loss * weight).backward()
        self.team.add_gradients(self.parameters.values())
        penalty = self.method.penalty(self.network)
        if penalty is not None:
            penalty.backward()
        limit = math.inf if self.config.clip_norm is None else self.config.clip_norm
        norm = self.team.clip_gradients(self.parameters.values(), limit)
        self._refuse_unless_finite(norm, "gradient")
        self.optimizer.step()
        self.method.after_step(self.network, self.state.step + 1)
        return float(self.team.total(torch.tensor(total, dtype=torch.float64))), n_texts

    def _refuse_unless_finite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise ConfigError(
                f"the {what} became {value} at step {self.state.step + 1} with learning_rate "
                f"{self.config.peak_learning_rate:g} and head_learning_rate "
                f"{self.config.peak_head_rate:g}; lower both, lengthen warmup_share, or keep clip_norm "
                "at 1.0"
            )

    def _report_step(self, loss: float, n_texts: int, factor: float) -> None:
        state, config = self.state, self.config
        now = time.monotonic()
        state.seconds = now - self._started
        self._texts_this_session += n_texts
        speed = self._texts_this_session / max(now - self._session_started, 1e-9)
        peak = config.peak_head_rate if config.method == "frozen" else config.peak_learning_rate
        record = {
            "event": "step",
            "epoch": state.epoch + 1,
            "step": state.step,
            "loss": loss,
            "learning_rate": peak * factor,
            "texts_per_second": round(speed, 2),
            "eta_seconds": round((self.total_steps - state.step) * self.plan.rows_per_step / speed, 1),
        }
        self._keep(record)
        self.run.progress.advance(
            1, f"epoch {state.epoch + 1}/{config.epochs}, loss {loss:.4f}, {speed:.0f} texts/s"
        )

    def _close_epoch(self) -> None:
        state = self.state
        record = {
            "event": "epoch",
            "epoch": state.epoch + 1,
            "step": state.step,
            "train_loss": state.loss_sum / state.texts_in_epoch,
        }
        if self.validation is not None:
            record |= self._validate(self.validation)
        record["seconds"] = round(state.seconds, 3)
        state.epoch += 1
        state.steps_in_epoch, state.texts_in_epoch, state.loss_sum = 0, 0, 0.0
        state.history.append(record)
        self._keep(record)
        if state.epoch < self.config.epochs and not self._out_of_patience():
            self._write_checkpoint()
        # After the checkpoint, so that an epoch that was seen is never trained again.
        self.run.supervisor.after_epoch(state.history)

    def _keep(self, record: dict[str, Any]) -> None:
        self.log.write(record)
        self.run.watch.log(record)

    def _result(self) -> dict[str, Any]:
        state = self.state
        last = state.history[-1] if state.history else {}
        losses = {name: value for name, value in last.items() if "loss" in name or "rmse" in name}
        counts = {"steps": state.step, "epochs": state.epoch, "seconds": round(state.seconds, 3)}
        return counts | losses | ({"best_epoch": state.best_epoch} if state.best_epoch else {})

    def _validate(self, validation: Examples) -> dict[str, float]:
        state = self.state
        assert validation.targets is not None
        outputs = predict_all(self.network, validation, self.config.batch_size, self.team)
        task, targets = self.network.task, validation.targets.cpu()
        loss = float(task.loss(outputs, targets).mean())
        rmse = float((task.decode(outputs) - targets).square().mean().sqrt()) * self.run.target_std
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_epoch = loss, state.epoch + 1
            if self.config.patience is not None:
                self._best = {name: value.detach().clone() for name, value in self.parameters.items()}
        self.run.progress.say(f"epoch {state.epoch + 1}: validation loss {loss:.4f}, RMSE {rmse:.4f}")
        return {"validation_loss": loss, "validation_rmse": rmse}

    def _out_of_patience(self) -> bool:
        patience = self.config.patience
        return patience is not None and self.state.epoch - self.state.best_epoch >= patience

    def _finish(self) -> None:
        if self._best:
            self._load(self._best)
        self.state.finished = True
        self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        if self.run.run_dir is None:
            return
        team = self.team
        groups: dict[str, dict[str, Tensor]] = {"model": team.whole(self.parameters)}
        if not self.state.finished:
            groups["optimizer"] = team.whole(optimizer_tensors(self.optimizer, self.parameters))
            groups["random"] = team.all_random(random_tensors(self.device))
            groups["method"] = self.method.state(self.network)
            if self._best:
                groups["best"] = team.whole(self._best)
        if team.leads:
            write_checkpoint(self.run.run_dir, self.state, self.run.fingerprint, groups)

    def _resume(self) -> None:
        run = self.run
        found = read_checkpoint(run.run_dir) if run.run_dir else None
        if found is not None and found.fingerprint != run.fingerprint:
            run.progress.say(
                f"{run.run_dir} holds a run with other options or other data; training from the start"
            )
            found = None
        if found is None:
            self.log.rewind(0)
            return
        self.state = found.state
        self.log.rewind(self.state.step)
        self._load(found.tensors["model"])
        self._best = {name: value.to(self.device) for name, value in found.tensors.get("best", {}).items()}
        if not self.state.finished:
            restore_optimizer(self.optimizer, self.parameters, found.tensors["optimizer"], self.team.place)
            restore_random(self.team.own_random(found.tensors["random"]), self.device)
            self.method.restore(self.network, found.tensors.get("method", {}))
            run.progress.say(f"resuming after step {self.state.step} of {self.total_steps}")

    def _load(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.team.place(weights[name], parameter))

    def _stop_if(self, interrupted: bool) -> None:
        if interrupted:
            raise TrainingStopped(self._how_to_resume(f"after step {self.state.step} of {self.total_steps}"))

    def _how_to_resume(self, when: str) -> str:
        if self.run.run_dir is None:
            return f"training was interrupted {when}; nothing was kept, because no run_dir was given"
        return (
            f"training was interrupted {when}; run the same command again with the same run_dir to go on "
            f"from the last checkpoint in {self.run.run_dir}"
        )

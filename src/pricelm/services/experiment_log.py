"""The experiment log: what was tried on purpose, how it was drawn, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.services.recording import plain
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import utc_now
from pricelm.storage.experiments import Experiment, add_experiment, all_experiments, get_experiment


@dataclass(frozen=True)
class ExperimentRecord:
    """An experiment: its design (arms, shares, seed, scope), where it stands, and its result."""

    name: str
    kind: str
    state: str
    actor: str
    started: datetime
    ended: datetime | None
    design: dict[str, Any]
    result: dict[str, Any]


def begin_experiment(place: StorePlace, name: str, kind: str, actor: str, design: dict[str, Any]) -> None:
    """Write an experiment down before it starts; its design is not changed afterwards.

    Raises
    ------
    ConfigError
        If the name is empty, too long, or taken.
    """
    if not name.strip() or len(name) > 120:
        raise ConfigError(f"expected a name of 1 to 120 characters, got {len(name)}")
    with opened_store(place) as store, store.writing() as session:
        if get_experiment(session, name) is not None:
            raise ConfigError(f"expected a new name, got {name!r}, which an experiment has already")
        add_experiment(session, name, kind[:40], actor, plain(design))
        write_audit(session, actor, "begin experiment", f"experiment {name}", plain(design))


def end_experiment(place: StorePlace, name: str, actor: str, result: dict[str, Any]) -> None:
    """Write down what came out.

    Raises
    ------
    ConfigError
        If there is no such experiment, or it has ended.
    """
    with opened_store(place) as store, store.writing() as session:
        row = get_experiment(session, name)
        if row is None or row.state != "running":
            raise ConfigError(f"expected a running experiment, got {name[:120]!r}, which is none")
        row.state, row.ended, row.result = "ended", utc_now(), plain(result)
        write_audit(session, actor, "end experiment", f"experiment {name}", plain(result))


def recorded_experiments(place: StorePlace, limit: int = 100) -> list[ExperimentRecord]:
    """Return the experiments, newest first."""
    with opened_store(place) as store, store.reading() as session:
        return [_record(row) for row in all_experiments(session, limit)]


def _record(row: Experiment) -> ExperimentRecord:
    return ExperimentRecord(
        row.name, row.kind, row.state, row.actor, row.started, row.ended, row.design, row.result
    )

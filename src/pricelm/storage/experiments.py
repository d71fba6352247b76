"""Experiments: what was tried on purpose, and how it was drawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pricelm.storage.base import Base, JsonText, UtcTime, utc_now


class Experiment(Base):
    """One experiment. ``design`` holds arms, shares, seed and scope; ``result`` what came out."""

    __tablename__ = "experiments"

    experiment: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(120))
    started: Mapped[datetime] = mapped_column(UtcTime)
    ended: Mapped[datetime | None] = mapped_column(UtcTime)
    design: Mapped[Any] = mapped_column(JsonText)
    result: Mapped[Any] = mapped_column(JsonText)


def add_experiment(session: Session, name: str, kind: str, actor: str, design: dict[str, Any]) -> Experiment:
    """Begin an experiment."""
    row = Experiment(
        name=name, kind=kind, state="running", actor=actor[:120], started=utc_now(), ended=None,
        design=design, result={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def get_experiment(session: Session, name: str) -> Experiment | None:
    """Return one experiment, or None."""
    return session.scalar(select(Experiment).where(Experiment.name == name))


def all_experiments(session: Session, limit: int = 100) -> list[Experiment]:
    """Return the experiments, newest first."""
    return list(session.scalars(select(Experiment).order_by(Experiment.experiment.desc()).limit(limit)))

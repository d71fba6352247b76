"""Trainings from the console: one at a time, in a process of its own, below the folder of models."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pricelm
from pricelm.core.errors import ConfigError, OutputError
from pricelm.services.store_admin import opened_store
from pricelm.services.store_listings import write_store_listings
from pricelm.services.training_folder import (
    MODEL,
    REMARKS,
    RESULT,
    STATE,
    STOP,
    TrainingOrder,
    read_document,
)
from pricelm.services.training_process import STORE_VARIABLE
from pricelm.storage.audit import write_audit

_PREFIX = "training-"
_NAME = re.compile(r"training-[0-9]{4,8}")
_LOCK = ".training.lock"
_LAST_CHARACTERS = 400
_USUAL_MEGABYTES = 8_192
_MOST_LOG_BYTES = 8 << 20
_MOST_LOSSES = 200
_BETWEEN_TRIES_SECONDS = 0.1
_TRIES, _TRIES_AT_THE_END = 3, 50
_UPLOADS = (".csv", ".tsv", ".jsonl", ".parquet", ".xlsx")


@dataclass(frozen=True)
class TrainingRun:
    """One training, as it stands now.

    Parameters
    ----------
    name : str
        Name of its folder.
    order : TrainingOrder
        What it was to do.
    state : {"running", "finished", "failed", "cancelled"}
        How it stands.
    stage, note : str
        What it is doing.
    done, total : int
        Steps of this stage; a total of 0 is not known.
    seconds : float
        Time since the start, or that it took.
    seconds_left : float or None
        Until the stage ends, by its speed so far.
    said : tuple of str
        The last lines that it reported.
    reason : str
        Why it failed.
    result : dict
        What came out: version, labels, rows.
    """

    name: str
    order: TrainingOrder
    state: str
    stage: str = ""
    note: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    said: tuple[str, ...] = ()
    reason: str = ""
    result: Mapping[str, Any] | None = None


class TrainingRuns:
    """The trainings of one folder of models.

    Parameters
    ----------
    models : pathlib.Path
        The folder.
    store_url : str
        Where labels come from and versions are registered.
    """

    def __init__(self, models: Path, store_url: str) -> None:
        self.models = models.resolve()
        self._store_url = store_url

    def start(self, order: TrainingOrder, upload: Path | None = None) -> str:
        """Start a training and return its name.

        Parameters
        ----------
        order : TrainingOrder
            What is to be done; ``listings`` is set here.
        upload : pathlib.Path, optional
            The listings; without it those of the store.

        Raises
        ------
        ConfigError
            If a training runs already, or the store has no listings with a price.
        OutputError
            If the folder cannot be written.
        """
        with self._alone() as lock:
            folder = self._new_folder()
            try:
                name = f"listings{_suffix(upload)}"
                if upload is not None:
                    shutil.copyfile(upload, folder / name)
                elif not write_store_listings(self._store_url, folder / name):
                    raise ConfigError(
                        "expected listings with a price in the store, found none: load some with "
                        "'pricelm store load listings', or upload a file"
                    )
                order = replace(order, listings=name, begun=time.time())
                order.write(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._write_down(order.actor, "train", folder.name, order.preset)
            self._launch(folder, lock)
        return folder.name

    def go_on(self, name: str, actor: str) -> None:
        """Start a training again that did not finish; it goes on from its last checkpoint.

        Raises
        ------
        ConfigError
            If a training runs already, or this one has finished.
        """
        folder = self._folder(name)
        if read_document(folder / RESULT).get("state") == "finished":
            raise ConfigError(f"expected a training that did not finish, and {name} did")
        with self._alone() as lock:
            replace(TrainingOrder.read(folder), begun=time.time()).write(folder)
            for file in (RESULT, STOP, STATE):
                (folder / file).unlink(missing_ok=True)
            self._write_down(actor, "train", name, "goes on")
            self._launch(folder, lock)

    def cancel(self, name: str, actor: str) -> None:
        """Ask a training to stop; it leaves a checkpoint where its stage has one."""
        (self._folder(name) / STOP).touch()
        self._write_down(actor, "stop training", name, "")

    def all(self, limit: int = 20) -> list[TrainingRun]:
        """Return the newest trainings, newest first."""
        known = self._orders()
        # only the one that was started last can be running
        newest = max(known, key=lambda name: known[name].begun, default="")
        names = sorted(known, key=lambda name: (len(name), name), reverse=True)[:limit]
        return [self._look(name, known[name], may_run=name == newest) for name in names]

    def show(self, name: str) -> TrainingRun:
        """Return one training.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        known = self._orders()
        if name not in known:
            raise ConfigError(f"expected the name of a training, got {name[:40]!r}")
        newest = max(one.begun for one in known.values())
        return self._look(name, known[name], may_run=known[name].begun == newest)

    def losses(self, name: str) -> list[tuple[int, float]]:
        """Return the steps of the newest tuning log of a training with their loss, at most 200."""
        logs = sorted(self._folder(name).glob(f"{MODEL}-run/**/training_log.jsonl"), key=_changed)
        if not logs or logs[-1].stat().st_size > _MOST_LOG_BYTES:
            return []
        found = []
        for line in logs[-1].read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                found.append((int(record["step"]), float(record["loss"])))
            except (ValueError, LookupError, TypeError):  # an epoch, or a line that is just being written
                continue
        return found[:: max(1, -(-len(found) // _MOST_LOSSES))]

    def _orders(self) -> dict[str, TrainingOrder]:
        """Return what each training was to do; a folder without an order is not one."""
        found = {}
        for folder in self.models.glob(f"{_PREFIX}*"):
            if _NAME.fullmatch(folder.name):
                with suppress(ConfigError):
                    found[folder.name] = TrainingOrder.read(folder)
        return found

    def _look(self, name: str, order: TrainingOrder, *, may_run: bool) -> TrainingRun:
        folder = self.models / name
        state, result = read_document(folder / STATE), read_document(folder / RESULT)
        known: dict[str, Any] = {
            "stage": str(state.get("stage", "")),
            "note": str(state.get("note", "")),
            "done": int(state.get("done", 0)),
            "total": int(state.get("total", 0)),
            "said": tuple(map(str, state.get("said", ()))),
        }
        if not result and may_run and self._is_taken():
            seconds = time.time() - order.begun
            return TrainingRun(name, order, "running", **known, seconds=seconds, seconds_left=_left(state))
        # it may have ended between the two looks
        result = result or read_document(folder / RESULT)
        if not result:
            reason = _last_words(folder)
            ended = float(state.get("at", order.begun))
            return TrainingRun(name, order, "failed", **known, seconds=ended - order.begun, reason=reason)
        seconds = float(result.get("ended", order.begun)) - order.begun
        reason = str(result.get("reason", ""))
        return TrainingRun(
            name, order, str(result["state"]), **known, seconds=seconds, reason=reason, result=result
        )

    def _folder(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or not (self.models / name).is_dir():
            raise ConfigError(f"expected the name of a training, got {name[:40]!r}")
        return self.models / name

    def _new_folder(self) -> Path:
        taken = [int(one.name[len(_PREFIX) :]) for one in self.models.iterdir() if _NAME.fullmatch(one.name)]
        folder = self.models / f"{_PREFIX}{max(taken, default=0) + 1:04d}"
        try:
            folder.mkdir()
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be made ({error.strerror}): check the folder of models"
            ) from error
        return folder

    @contextmanager
    def _alone(self, tries: int | None = None) -> Iterator[IO[bytes]]:
        """Hold the lock that a training holds as long as it runs; whoever only looks holds it briefly."""
        import fcntl

        try:
            self.models.mkdir(parents=True, exist_ok=True)
            lock = (self.models / _LOCK).open("wb")
        except OSError as error:
            raise OutputError(f"{self.models} cannot be written ({error.strerror})") from error
        with lock:
            for left in reversed(range(tries or self._tries())):
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if not left:
                        raise ConfigError(
                            "expected no other training, and one is running: wait for it, or stop it"
                        ) from None
                    time.sleep(_BETWEEN_TRIES_SECONDS)
            yield lock

    def _tries(self) -> int:
        """Return how often to try: a process that has told its result still has to end."""
        known = self._orders()
        newest = max(known, key=lambda name: known[name].begun, default="")
        return _TRIES_AT_THE_END if newest and (self.models / newest / RESULT).exists() else _TRIES

    def _is_taken(self) -> bool:
        try:
            with self._alone(tries=1):
                return False
        except ConfigError:
            return True

    def _launch(self, folder: Path, lock: IO[bytes]) -> None:
        own_code = str(Path(pricelm.__file__).parents[1])
        paths = [own_code, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        threads = str(max(1, (os.cpu_count() or 2) // 2))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads),
            # an address may hold a password, and arguments can be read by everybody on the machine
            STORE_VARIABLE: self._store_url,
        }
        with (folder / REMARKS).open("wb") as remarks:
            # It keeps the lock open, so that the lock ends with it however it ends. -P: a file in the
            # current folder that is called like a library must not be imported in its place.
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "pricelm.services.training_process", str(folder)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=remarks,
                stderr=remarks,
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )
        threading.Thread(target=process.wait, daemon=True).start()

    def _write_down(self, actor: str, action: str, name: str, details: str) -> None:
        with opened_store(self._store_url) as store, store.writing() as session:
            write_audit(session, actor, action, name, {"details": details})


def memory_limit(megabytes: int | None) -> int:
    """Return how many megabytes a training may take: what is set, or three quarters of the machine's.

    Examples
    --------
    >>> memory_limit(500), memory_limit(None) > 100
    (500, True)
    """
    if megabytes is not None:
        return megabytes
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (ValueError, OSError):
        return _USUAL_MEGABYTES
    return machine * 3 // 4


def _suffix(upload: Path | None) -> str:
    if upload is None:
        return ".csv"
    suffix = upload.suffix.lower()
    if suffix not in _UPLOADS:
        raise ConfigError(f"expected a file that ends in {', '.join(_UPLOADS)}, got {upload.name[:80]!r}")
    return suffix


def _left(state: Mapping[str, Any]) -> float | None:
    done, total = int(state.get("done", 0)), int(state.get("total", 0))
    if not 0 < done <= total:
        return None
    spent = float(state.get("at", 0.0)) - float(state.get("stage_begun", 0.0))
    return spent / done * (total - done)


def _last_words(folder: Path) -> str:
    """Return why a process ended that said nothing."""
    try:
        text = (folder / REMARKS).read_bytes()[-_LAST_CHARACTERS:].decode("utf-8", errors="replace")
    except OSError:
        text = ""
    said = " ".join(text.split())
    killed = "its process was ended from outside, perhaps because memory ran out or the machine stopped"
    return f"its process ended: {said}" if said else killed


def _changed(file: Path) -> float:
    return file.stat().st_mtime

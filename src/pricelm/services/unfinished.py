"""A file of prices that is not finished yet: what is there of it, and how a later run takes it up.

Beside ``prices.csv`` stands ``.prices.csv.unfinished`` while it is written::

    journal.jsonl   what is priced with what, and a line for every finished chunk
    prices          the draft
    rejected.csv    rows that cannot be used

A chunk is first in the drafts and then in the journal, both on the disk; what the drafts hold beyond the
journal's last line is cut off when a run takes them up. So a run may end at any moment.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from pricelm.catalog.validation import append_rejected
from pricelm.core.errors import OutputError, ReadError
from pricelm.services.outputs import cannot_write
from pricelm.services.price_files import PriceDraft, finish_draft, price_format
from pricelm.services.pricing import PricedChunk
from pricelm.services.rejections import publish_rejected, reason_kinds, rejected_place

_JOURNAL, _DRAFT, _REJECTED, _LOCK = "journal.jsonl", "prices", "rejected.csv", "lock"
_FORMAT = 1


@dataclass(frozen=True)
class FinishedChunk:
    """A line of the journal.

    Parameters
    ----------
    digest : str
        Of the listings.
    rows, abstained : int
        Listings priced, and those among them for a person to look at.
    draft_bytes, rejected_bytes : int
        Sizes of the drafts with this chunk.
    reasons, pictures : dict of str to int
        Rejected rows by reason, and pictures.
    """

    digest: str
    rows: int
    abstained: int
    draft_bytes: int
    rejected_bytes: int
    reasons: dict[str, int] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)


class UnfinishedPrices:
    """The unfinished file beside ``target``: taken up if it is of the same job, else begun anew.

    A context manager. If the block fails, what is finished stays for the next run.

    Parameters
    ----------
    target : pathlib.Path
        The file to be.
    job : mapping of str to str
        What decides the content, by name; all of it has to be the same for a later run to go on.

    Attributes
    ----------
    chunks : list of FinishedChunk
        What is finished.
    rows : int
        Listings that are priced.
    changed : list of str
        The names in ``job`` for which an earlier run was thrown away.

    Raises
    ------
    OutputError
        If it cannot be written, or another process is writing the same file.
    """

    def __init__(self, target: Path, job: Mapping[str, str]) -> None:
        self.target = target
        self.job = dict(job)
        self.chunks: list[FinishedChunk] = []
        self.rows = 0
        self.changed: list[str] = []
        self.folder = target.with_name(f".{target.name}.unfinished")
        self.form = price_format(target)
        self._lock: BinaryIO | None = None
        self._draft: PriceDraft | None = None

    @property
    def abstained(self) -> int:
        """Those among them that a person should look at."""
        return sum(chunk.abstained for chunk in self.chunks)

    @property
    def reasons(self) -> dict[str, int]:
        """Rejected rows by reason."""
        return _added(chunk.reasons for chunk in self.chunks)

    @property
    def pictures(self) -> dict[str, int]:
        """Pictures that were read, and that were not, by reason."""
        return _added(chunk.pictures for chunk in self.chunks)

    def __enter__(self) -> Self:
        if self.target.is_dir():
            raise OutputError(
                f"expected a file name to write to, got the folder {self.target}; name a file in it"
            )
        rejected_place(self.target)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.folder / _LOCK, self.target)
            self._take_up()
        except OSError as error:
            self._leave()
            raise cannot_write(self.target, error) from error
        except OutputError:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def add(self, priced: PricedChunk) -> None:
        """Write a chunk, so that it is kept whatever happens next."""
        assert self._draft is not None
        rejected = self.folder / _REJECTED
        try:
            draft_bytes = self._draft.append(priced.prices)
            append_rejected(rejected, priced.rejected)
            if len(priced.rejected):
                _to_disk(rejected)
            chunk = FinishedChunk(
                priced.digest,
                len(priced.prices),
                int(priced.prices["abstained"].sum()),
                draft_bytes,
                rejected.stat().st_size if rejected.exists() else 0,
                dict(reason_kinds(priced.rejected)),
                priced.pictures,
            )
            self._note(asdict(chunk))
        except OSError as error:
            raise self._failure(error) from error
        self.chunks.append(chunk)
        self.rows += chunk.rows

    def start_anew(self) -> None:
        """Throw away what is there."""
        if self._draft is not None:
            self._draft.close()
        self.chunks, self.rows = [], 0
        try:
            for name in (_JOURNAL, _DRAFT, _REJECTED):
                (self.folder / name).unlink(missing_ok=True)
            self._note({"format": _FORMAT, **self.job})
            self._draft = PriceDraft(self.folder / _DRAFT, self.form)
        except OSError as error:
            raise cannot_write(self.target, error) from error

    def publish(self) -> Path | None:
        """Let the finished file take its place, and ``rejected.csv`` beside it, which is returned."""
        assert self._draft is not None
        self._draft.close()
        try:
            whole = finish_draft(self.folder / _DRAFT, self.form, self.folder / f"{_DRAFT}.whole")
            rejected = publish_rejected(self.folder / _REJECTED, rejected_place(self.target))
            whole.replace(self.target)
        except OSError as error:
            raise self._failure(error) from error
        self.chunks = []
        return rejected

    def _take_up(self) -> None:
        job, chunks, end = _read_journal(self.folder / _JOURNAL)
        if chunks:
            self.changed = [name for name in self.job if job.get(name) != self.job[name]]
        if not chunks or self.changed or not self._cut_back(chunks[-1], end):
            self.start_anew()
            return
        self.chunks, self.rows = chunks, sum(chunk.rows for chunk in chunks)

    def _cut_back(self, last: FinishedChunk, journal_bytes: int) -> bool:
        """Cut the files back to the end of a chunk; False if they do not hold what the journal says."""
        sizes = {_JOURNAL: journal_bytes, _DRAFT: last.draft_bytes, _REJECTED: last.rejected_bytes}
        for name, size in sizes.items():
            file = self.folder / name
            if (file.stat().st_size if file.exists() else 0) < size:
                return False
            if size:
                os.truncate(file, size)
            else:
                file.unlink(missing_ok=True)
        try:
            self._draft = PriceDraft(self.folder / _DRAFT, self.form)
        except ReadError:
            return False
        return True

    def _note(self, record: dict[str, Any]) -> None:
        with (self.folder / _JOURNAL).open("ab") as journal:
            journal.write(json.dumps(record).encode() + b"\n")
            journal.flush()
            os.fsync(journal.fileno())

    def _failure(self, error: OSError) -> OutputError:
        if not self.chunks:
            return cannot_write(self.target, error)
        return OutputError(
            f"{self.target} could not be written ({error.strerror or error}). {self.rows:,} listings are "
            f"priced and kept in {self.folder}; free some space, and the same command goes on from there"
        )

    def _leave(self) -> None:
        if self._draft is not None:
            self._draft.close()
        if not self.chunks and self._lock is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def _locked(path: Path, target: Path) -> BinaryIO:
    """Open a file that one process at a time may hold; the system lets go of it when the process ends."""
    file = path.open("ab")
    try:
        import fcntl
    except ImportError:  # another system, where two runs that write one file are not noticed
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise OutputError(
            f"another pricelm is writing {target}; wait for it, end it, or name another file"
        ) from None
    except OSError:  # some network folders know no locks
        pass
    return file


def _read_journal(path: Path) -> tuple[dict[str, Any], list[FinishedChunk], int]:
    """Return the job, the finished chunks, and where the last whole line ends."""
    job: dict[str, Any] = {}
    chunks: list[FinishedChunk] = []
    end = 0
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return job, chunks, end
    for line in lines:
        try:
            record = json.loads(line)
            if not line.endswith(b"\n"):
                break
            if not end:
                if record["format"] != _FORMAT:
                    break
                job = record
            else:
                chunks.append(FinishedChunk(**record))
        except (ValueError, TypeError, LookupError):
            break
        end += len(line)
    return job, chunks, end


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _added(parts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)

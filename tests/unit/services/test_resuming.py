"""A run that ended at any moment is taken up by the next one, to the same bytes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap
from pricelm.cli.exit_codes import ExitCode, exit_code_of
from pricelm.core.errors import DataError, OutputError
from pricelm.core.nouns import PriceEstimate, PriceInterval
from pricelm.services import predicting, unfinished
from pricelm.services.predicting import PredictionRequest, predict_prices
from pricelm.services.pricing import chunk_digest
from pricelm.services.unfinished import UnfinishedPrices

ROWS = 23
CHUNK = 5


class WordCounter:
    """A model whose price is the length of the name; a stand-in that is exact and has no threads to fork."""

    columns = ColumnMap(title="name", listing_id="sku")
    version = "1"

    def __init__(self) -> None:
        self.model = SimpleNamespace(members_={})
        self.priced = 0

    def quote(self, raw: pd.DataFrame, *, comparables: int) -> list[SimpleNamespace]:
        self.priced += len(raw)
        return [SimpleNamespace(estimate=self._estimate(name)) for name in raw["name"]]

    def _estimate(self, name: object) -> PriceEstimate:
        if not isinstance(name, str):
            return PriceEstimate(np.nan, PriceInterval(0, np.inf, 0.9), abstained=True, reason="no text")
        return PriceEstimate(len(name) / 3, PriceInterval(0, len(name), 0.9))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> WordCounter:
    counter = WordCounter()
    monkeypatch.setattr(predicting, "predictor_for", lambda bundle, image_root: counter)
    return counter


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., PredictionRequest]:
    """Return a function that makes requests for a file with ragged and empty rows."""
    write_listings(tmp_path / "new.csv")

    def make(out: str = "out/prices.csv", **options: Any) -> PredictionRequest:
        given = {"chunk_rows": CHUNK, "keep_columns": True} | options
        return PredictionRequest(tmp_path / "model", tmp_path / "new.csv", tmp_path / out, **given)

    return make


def write_listings(path: Path, change: str = "", *, rows: int = ROWS) -> None:
    """Write listings, the fourth without a name and the twelfth with too many fields."""
    lines = [f"S{number},{'x' * (number + 1)}" for number in range(rows)]
    lines[3], lines[11] = "S3,", "S11,a,b,c"
    path.write_text("\n".join(["sku,name", *lines, change]))


def stop_after(
    chunks: int, request: PredictionRequest, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """Run until some chunks are finished, and raise an error then."""
    with monkeypatch.context() as patch:
        add = UnfinishedPrices.add

        def add_some(self: UnfinishedPrices, priced: Any) -> None:
            if len(self.chunks) == chunks:
                raise error
            add(self, priced)

        patch.setattr(UnfinishedPrices, "add", add_some)
        predict_prices(request)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.parametrize(("suffix", "torn"), [(".csv", False), (".jsonl.gz", True), (".parquet", True)])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
    model: WordCounter, request_for: Callable[..., PredictionRequest], suffix: str, torn: bool
) -> None:
    request = request_for(f"whole/prices{suffix}")
    write_listings(Path(request.listings), rows=13)
    predict_prices(request)
    expected = files_in(request.out.parent)
    assert set(expected) == {f"prices{suffix}", "rejected.csv"}
    request = request_for(f"out/prices{suffix}")
    moments = 0
    while True:
        shutil.rmtree(request.out.parent, ignore_errors=True)
        if not killed_at(moments, request, torn):
            break
        # the second run is killed as well, soon after it has begun
        killed_at(moments % 4, request, torn)
        assert not request.out.exists() or moments > 10, "a file that is not finished has its name"
        predict_prices(request)
        assert files_in(request.out.parent) == expected, f"after a kill at moment {moments}"
        moments += 1
    assert moments > 15
    assert files_in(request.out.parent) == expected


def killed_at(moment: int, request: PredictionRequest, torn: bool) -> bool:
    """Price in a process that is killed at its n-th way to the disk; False if it ended well."""
    child = os.fork()
    if not child:
        try:
            arm(moment, torn)
            predict_prices(request)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def arm(moment: int, torn: bool) -> None:
    """Let this process kill itself before its n-th write to the disk, renaming, cut or removal."""
    seen = 0
    to_disk = os.fsync

    def count(descriptor: int | None = None) -> None:
        nonlocal seen
        if seen == moment:
            if torn and descriptor is not None:
                os.ftruncate(descriptor, max(os.fstat(descriptor).st_size - 3, 0))
            os.kill(os.getpid(), signal.SIGKILL)
        seen += 1

    def fsync(descriptor: int) -> None:
        count(descriptor)
        to_disk(descriptor)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.truncate", "os.remove", "os.mkdir", "shutil.rmtree"):
            count()

    os.fsync = fsync
    sys.addaudithook(audit)


def test_what_is_finished_is_not_priced_again(
    model: WordCounter,
    request_for: Callable[..., PredictionRequest],
    monkeypatch: pytest.MonkeyPatch,
    notes: Any,
) -> None:
    request = request_for()
    with pytest.raises(KeyboardInterrupt):
        stop_after(3, request, monkeypatch, KeyboardInterrupt())
    assert not request.out.exists()
    model.priced = 0
    result = predict_prices(request, notes)
    assert model.priced == 22 - 3 * CHUNK
    assert "15 listings are priced already; reading on to the others" in notes.said
    assert (result.rows, result.abstained) == (22, 1)
    assert result.rejected_counts == {"no text": 1, "too many fields": 1}
    assert notes.steps == 22
    assert sorted(files_in(request.out.parent)) == ["prices.csv", "rejected.csv"]


def test_ctrl_c_says_what_is_kept(
    model: WordCounter, request_for: Callable[..., PredictionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for()
    with pytest.raises(KeyboardInterrupt, match=r"10 listings are priced and kept in .*unfinished"):
        stop_after(2, request, monkeypatch, KeyboardInterrupt())
    shutil.rmtree(request.out.parent)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        stop_after(0, request, monkeypatch, KeyboardInterrupt())
    assert files_in(request.out.parent) == {}, "nothing was finished, so nothing is left"


@pytest.mark.parametrize("finished", [0, 2])
def test_a_full_disk_keeps_what_is_finished_and_nothing_else(
    model: WordCounter,
    request_for: Callable[..., PredictionRequest],
    monkeypatch: pytest.MonkeyPatch,
    finished: int,
) -> None:
    request = request_for()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    appended = 0

    def append(self: Any, frame: pd.DataFrame) -> int:
        nonlocal appended
        appended += 1
        if appended > finished:
            raise full
        return write(self, frame)

    write = unfinished.PriceDraft.append
    with monkeypatch.context() as patch:
        patch.setattr(unfinished.PriceDraft, "append", append)
        with pytest.raises(OutputError, match="No space left") as caught:
            predict_prices(request)
    assert exit_code_of(caught.value) == ExitCode.RESOURCES
    if not finished:
        assert list(request.out.parent.iterdir()) == []
        return
    assert "10 listings are priced and kept" in str(caught.value)
    model.priced = 0
    predict_prices(request)
    assert model.priced == 12


@pytest.mark.parametrize("broken", ["journal.jsonl", "prices", "rejected.csv"])
def test_a_state_that_is_not_whole_is_not_believed(
    model: WordCounter,
    request_for: Callable[..., PredictionRequest],
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    predict_prices(request_for("whole/prices.parquet"))
    request = request_for("out/prices.parquet")
    with pytest.raises(KeyboardInterrupt):
        stop_after(4, request, monkeypatch, KeyboardInterrupt())
    file = request.out.parent / ".prices.parquet.unfinished" / broken
    file.write_bytes(b"\x07" * file.stat().st_size if broken != "rejected.csv" else b"")
    model.priced = 0
    predict_prices(request)
    assert model.priced == 22
    assert files_in(request.out.parent) == files_in(request_for("whole/prices.parquet").out.parent)


def change_first(request: PredictionRequest) -> PredictionRequest:
    path = Path(request.listings)
    path.write_text(path.read_text().replace("S1,xx", "S1,yyyy"))
    return request


def change_shorter(request: PredictionRequest) -> PredictionRequest:
    path = Path(request.listings)
    path.write_text("\n".join(path.read_text().splitlines()[:6]))
    return request


def change_model(request: PredictionRequest) -> PredictionRequest:
    return request  # the model is changed by the test, which has it


def change_option(request: PredictionRequest) -> PredictionRequest:
    return PredictionRequest(request.model, request.listings, request.out, chunk_rows=CHUNK)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_first, "the listings changed"),
        (change_shorter, "the listings became fewer"),
        (change_model, "the model changed"),
        (change_option, "an option changed"),
    ],
)
def test_what_changed_is_said_and_priced_anew(
    model: WordCounter,
    request_for: Callable[..., PredictionRequest],
    monkeypatch: pytest.MonkeyPatch,
    notes: Any,
    change: Callable[[PredictionRequest], PredictionRequest],
    said: str,
) -> None:
    request = request_for()
    with pytest.raises(KeyboardInterrupt):
        stop_after(2, request, monkeypatch, KeyboardInterrupt())
    request = change(request)
    model.version = "2" if change is change_model else "1"
    result = predict_prices(request, notes)
    assert any(line.startswith(f"starting anew: {said}") for line in notes.said), notes.said
    table = pd.read_csv(request.out)
    assert result.rows == len(table)
    assert np.allclose(table["predicted_price"].dropna() * 3, table["price_upper"].dropna(), atol=1e-3)
    again = PredictionRequest(
        request.model,
        request.listings,
        request.out.parent / "again.csv",
        keep_columns=request.keep_columns,
        chunk_rows=CHUNK,
    )
    predict_prices(again)
    assert again.out.read_bytes() == request.out.read_bytes()


def test_rows_that_came_behind_what_is_finished_are_priced_too(
    model: WordCounter, request_for: Callable[..., PredictionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for()
    with pytest.raises(KeyboardInterrupt):
        stop_after(2, request, monkeypatch, KeyboardInterrupt())
    write_listings(Path(request.listings), "S99,late")
    model.priced = 0
    predict_prices(request)
    assert model.priced == 13
    assert pd.read_csv(request.out)["sku"].tolist()[-1] == "S99"


def test_a_query_is_taken_up_and_its_password_is_nowhere(
    model: WordCounter,
    tmp_path: Path,
    request_for: Callable[..., PredictionRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sqlite3.connect(tmp_path / "sesame.db") as database:
        database.execute("create table product (sku text, name text)")
        rows = [(f"S{number}", "x" * (number + 1)) for number in range(ROWS)]
        database.executemany("insert into product values (?, ?)", rows)
    request = PredictionRequest(
        request_for().model,
        f"sqlite:///{tmp_path / 'sesame.db'}",
        tmp_path / "out" / "prices.jsonl",
        query="select * from product order by rowid",
        chunk_rows=CHUNK,
    )
    with pytest.raises(KeyboardInterrupt):
        stop_after(2, request, monkeypatch, KeyboardInterrupt())
    journal = request.out.parent / ".prices.jsonl.unfinished" / "journal.jsonl"
    assert b"sesame" not in journal.read_bytes()
    model.priced = 0
    predict_prices(request)
    assert model.priced == 13
    assert [json.loads(line)["sku"] for line in request.out.read_text().splitlines()] == [
        row[0] for row in rows
    ]


def test_two_runs_do_not_write_one_file(
    model: WordCounter, request_for: Callable[..., PredictionRequest]
) -> None:
    request = request_for()
    with (
        UnfinishedPrices(request.out, {"the model": "a"}),
        pytest.raises(OutputError, match="another pricelm is writing"),
    ):
        predict_prices(request)
    assert predict_prices(request).rows == 22


def test_a_source_that_breaks_off_keeps_what_came_before(
    model: WordCounter, request_for: Callable[..., PredictionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for()

    def breaking(job: Any, finished: Any = ()) -> Iterator[Any]:
        for number, chunk in enumerate(chunks(job, finished)):
            if number == 3:
                raise DataError("broken off")
            yield chunk

    chunks = predicting.listing_chunks
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "listing_chunks", breaking)
        with pytest.raises(DataError, match="broken off"):
            predict_prices(request)
    model.priced = 0
    predict_prices(request)
    assert model.priced == 7


def test_a_file_of_that_name_stays_until_the_new_one_is_whole(
    model: WordCounter, request_for: Callable[..., PredictionRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for()
    request.out.parent.mkdir()
    request.out.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        stop_after(2, request, monkeypatch, KeyboardInterrupt())
    assert request.out.read_text() == "old"
    predict_prices(request)
    assert len(pd.read_csv(request.out)) == 22


def test_a_digest_tells_every_difference() -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "parts": [[1], [2, 3]], "half": ["\ud83c", None]})
    others = [
        frame.assign(name=["a", "c"]),
        frame.assign(parts=[[1], [2, 4]]),
        frame.assign(half=["\ud83d", None]),
        frame.rename(columns={"name": "title"}),
        frame.set_axis([1, 3]),
        frame.iloc[::-1],
    ]
    with_rejected = frame.copy()
    with_rejected.attrs["rejected"] = [{"row": 3, "reason": "ragged"}]
    digests = [chunk_digest(one) for one in (frame, *others, with_rejected)]
    assert len(set(digests)) == len(digests)
    assert chunk_digest(frame.copy()) == digests[0]

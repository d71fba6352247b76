"""The people of the console's benchmark work on a real service, which still speaks their protocol."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from benchmarks.console import main


def test_people_at_work_meet_no_error(
    fast_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sizes = ["--products", "120", "--users", "5", "--seconds", "5", "--think", "0.05", "--port", str(port)]
    sizes += ["--store", f"sqlite:///{tmp_path / 'store.db'}"]
    main([*sizes, "--model", str(fast_bundle), "--out", str(tmp_path / "out.json")])
    printed = capsys.readouterr()
    document = json.loads(printed.out.splitlines()[-1])
    measured = {(row["case"], row["metric"]): row for row in document["rows"]}
    errors = next(row for (_, metric), row in measured.items() if metric == "errors")
    assert errors["ours"] == 0, printed.err
    done = {case for case, metric in measured if metric == "p95_ms"}
    assert {"open Today, with all its rows", "open Product", "what-if slider", "choose rows"} <= done

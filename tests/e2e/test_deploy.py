"""The command of the systemd unit in its environment, and the health checks of the compose file, for real."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pricelm.services.model_registry import ModelRegistry
from pricelm.services.predictors import open_predictor
from pricelm.storage.database import open_store
from tests.e2e.service_process import ROOT, wait_until

UNIT = (ROOT / "deploy" / "pricelm.service").read_text("utf-8")
HEALTH = [
    one["healthcheck"]["test"]
    for name, one in yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))["services"].items()
    if name != "database"
]


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """The folders that systemd would make, and those of /etc."""
    made = {"%S": tmp_path / "state", "%d": tmp_path / "credentials", "%C": tmp_path / "cache"}
    for folder in (*made.values(), tmp_path / "etc"):
        folder.mkdir()
    for name in " ".join(directives("StateDirectory")).split():
        (made["%S"] / name).mkdir(parents=True, exist_ok=True)
    return made | {"/etc/pricelm": tmp_path / "etc"}


def filled_in(text: str, places: dict[str, Path]) -> str:
    for short, folder in places.items():
        text = text.replace(short, str(folder))
    return text


def test_the_unit_serves_is_healthy_and_stops_in_time(places: dict[str, Path], fast_bundle: Path) -> None:
    store = f"sqlite:///{places['%S'] / 'pricelm' / 'pricelm.db'}"
    opened = open_store(store)
    ModelRegistry(opened, open_predictor).start_with(fast_bundle, "test")
    opened.close()
    etc = places["/etc/pricelm"]
    (etc / "store").write_text(f"{store}\n", "utf-8")
    shutil.copy(ROOT / "deploy" / "pricelm.toml", etc)
    (etc / "environment").write_text("PRICELM_PORT=0\n", "utf-8")
    for line in directives("LoadCredential"):
        name, _, file = filled_in(line, places).partition(":")
        shutil.copy(file, places["%d"] / name)
    lines = [*directives("Environment"), *(etc / "environment").read_text("utf-8").split()]
    settings = dict(filled_in(line, places).split("=", 1) for line in lines)
    (command,) = directives("ExecStart")
    program, *words = shlex.split(command)
    assert Path(program).name == "pricelm"
    (folder,) = directives("WorkingDirectory")
    process = subprocess.Popen(
        [sys.executable, "-m", "pricelm", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", **settings},
        cwd=filled_in(folder, places),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = re.search(r'"event": "serving".*"address": "http://127\.0\.0\.1:(\d+)"', said)
        assert port, said + process.stderr.read()
        for _, program, *check in HEALTH:
            assert program == "python"
            call = [re.sub(r":80\d\d/", f":{port[1]}/", word) for word in check]
            wait_until(
                lambda call=call: (
                    subprocess.run([sys.executable, *call], capture_output=True).returncode == 0
                ),
                30,
            )  # type: ignore[misc]
        started = time.monotonic()
        process.send_signal(getattr(signal, directives("KillSignal")[0]))
        assert process.wait(float(directives("TimeoutStopSec")[0])) == 0
        assert time.monotonic() - started < float(directives("TimeoutStopSec")[0])
        gone = subprocess.run([sys.executable, *call], capture_output=True)
        assert gone.returncode != 0, "the health check cannot fail"
    finally:
        process.kill()
        process.wait()

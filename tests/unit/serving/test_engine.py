"""The engine: what a text gives does not depend on its neighbors, and a broken graph is said to be one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pricelm.core.errors import BundleError
from pricelm.models.price_model import PriceModel
from pricelm.serving.engine import OnnxCopy, OnnxEngine, open_session
from pricelm.serving.export_folder import ExportRecord, read_export
from pricelm.serving.options import ServingOptions

MakeTexts = Callable[[int], list[str]]


def engine_of(bundle: Path, precision: str, token_budget: int = 2048) -> OnnxEngine:
    record = read_export(bundle)
    assert isinstance(record, ExportRecord)
    copies = [OnnxCopy(bundle / "onnx", copy, precision, threads=1) for copy in record.copies]
    return OnnxEngine(copies, ServingOptions(cached_texts=0, token_budget=token_budget))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_text_does_not_care_for_its_neighbors(
    exported: Path, precision: str, make_texts: MakeTexts
) -> None:
    texts = make_texts(60)
    together = engine_of(exported, precision).predict(texts)
    assert np.ptp(together) > 0.01
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = engine_of(exported, precision, token_budget=70).predict([texts[row] for row in order])
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)
    alone = [float(engine_of(exported, precision).predict([text])[0]) for text in texts[:10]]
    np.testing.assert_allclose(alone, together[:10], atol=1e-5)


def test_embeddings_are_those_of_the_first_copy(
    exported: Path, trained: PriceModel, make_texts: MakeTexts
) -> None:
    texts = make_texts(30)
    first = trained.members_["language"].regressors_[0]
    np.testing.assert_allclose(engine_of(exported, "fp32").embed(texts), first.embed(texts), atol=1e-5)


def test_batches_keep_to_the_budget(exported: Path, make_texts: MakeTexts) -> None:
    record = read_export(exported)
    assert record is not None
    copy = OnnxCopy(exported / "onnx", record.copies[0], "fp32", threads=1)
    shapes: list[tuple[int, ...]] = []
    session = copy._session

    class Watched:
        def run(self, names: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            shapes.append(inputs["token_ids"].shape)
            return session.run(names, inputs)

    copy._session = Watched()
    tokens = copy.encode(make_texts(50))
    copy.run(tokens, "log_price", token_budget=100)
    assert sum(rows for rows, _ in shapes) == 50
    assert all(rows * length <= 100 for rows, length in shapes)
    assert len(shapes) < 25, "short texts are read together"


@pytest.mark.parametrize("content", [b"", b"no graph", bytes(1000)], ids=["empty", "text", "zeros"])
def test_what_is_no_graph_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "graph.onnx").write_bytes(content)
    with pytest.raises(BundleError, match=r"graph\.onnx"):
        open_session(tmp_path / "graph.onnx", threads=1)

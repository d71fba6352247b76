"""8-bit weights for an exported graph: which products, which stay fp32, and why is in docs/adr/0010."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pricelm.core.errors import BundleError
from pricelm.core.extras import require

_PRODUCTS = ("MatMul", "Gemm")
_HEAD = "network.head.weight"


def write_int8(graph: Path, file: Path) -> None:
    """Write a graph whose weight matrices are 8-bit and are multiplied in int8.

    Embeddings, norms, the products of tokens with tokens and the head stay fp32: they hardly cost time.

    Parameters
    ----------
    graph : pathlib.Path
        An exported graph in fp32.
    file : pathlib.Path
        Where the other one goes.

    Raises
    ------
    MissingExtraError
        If ``onnx`` is not installed.
    BundleError
        If the graph has no weight matrix that could be made smaller.
    """
    onnx: Any = require("onnx", extra="train", purpose="export in int8")
    from onnxruntime.quantization import QuantType, quantize_dynamic

    head = _head_of(onnx.load(str(graph)), graph.name)
    with _quiet():
        quantize_dynamic(
            str(graph),
            str(file),
            op_types_to_quantize=["MatMul"],
            # the quantizer takes every Gemm apart first, and calls its product by this name
            nodes_to_exclude=[f"{head}_MatMul"],
            per_channel=True,
            # one bit less, since processors without VNNI add up pairs of products in 16 bits, which overflow
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
        )


def _head_of(model: Any, name: str) -> str:
    """Return the name of the node that is the head; there must be other weights beside it."""
    weights = {weight.name for weight in model.graph.initializer}
    weighing = {
        node.input[1]: node.name
        for node in model.graph.node
        if node.op_type in _PRODUCTS and node.input[1] in weights
    }
    head = weighing.pop(_HEAD, None)
    if head is None or not weighing:
        raise BundleError(
            f"expected a head and weight matrices in {name} to store in 8 bits, found "
            f"{'no head' if head is None else 'none'}: export without --int8"
        )
    return head


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice to itself, and take back the handler that its logging leaves behind."""
    before, handlers = logging.root.manager.disable, logging.root.handlers[:]
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        logging.root.handlers[:] = handlers

"""8-bit weights for an exported graph: which products, which stay fp32, and why is in docs/adr/0010."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pricelm.core.errors import BundleError
from pricelm.core.extras import require

# One scale for so many weights of a column: a large one rounds only its neighbors.
BLOCK_SIZE = 32
# The products are taken in int8, each text with scales of its own, whatever else is in the batch.
_INT8_PRODUCTS = 4


def write_int8(graph: Path, file: Path) -> None:
    """Write a graph with its weight matrices in 8 bits.

    Embeddings, norms, attention between tokens and the head stay fp32: they hardly cost time.

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
    require("onnx_ir", extra="train", purpose="export in int8")
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    with _quiet():
        quantizer = MatMulNBitsQuantizer(
            onnx.load(str(graph)),
            bits=8,
            block_size=BLOCK_SIZE,
            is_symmetric=True,
            accuracy_level=_INT8_PRODUCTS,
        )
        quantizer.process()
    if not any(node.op_type == "MatMulNBits" for node in quantizer.model.graph().node):
        raise BundleError(
            f"expected weight matrices in {graph.name} to store in 8 bits, found none: export without --int8"
        )
    quantizer.model.save_model_to_file(str(file))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's list of every node to itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)

"""The weights of a graph in a file of their own, which the runtime maps into memory instead of reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pricelm.core.extras import require

# Smaller ones stay in the graph, where the runtime folds them into the nodes that use them.
_FEWEST_BYTES = 1024


def weights_name(graph: str) -> str:
    """Return the name of the file of the weights of a graph.

    Examples
    --------
    >>> weights_name("copy-0.int8.onnx")
    'copy-0.int8.weights'
    """
    return str(Path(graph).with_suffix(".weights"))


def move_weights_out(graph: Path) -> None:
    """Write the weights of a graph beside it.

    Parameters
    ----------
    graph : pathlib.Path
        A graph that holds its weights; it is written anew.

    Raises
    ------
    MissingExtraError
        If ``onnx`` is not installed.
    """
    onnx: Any = require("onnx", extra="train", purpose="export a language model")
    place = graph.with_name(weights_name(graph.name))
    place.unlink(missing_ok=True)  # weights would be appended to what is there
    onnx.save_model(
        onnx.load(str(graph)),
        str(graph),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=place.name,
        size_threshold=_FEWEST_BYTES,
    )

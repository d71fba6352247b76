"""The same model behind other frameworks: ``python -m benchmarks.serving_http_peers NAME MODEL PORT``.

Each runs in an environment that has its framework beside pricelm. The request is that of
``POST /v1/quotes`` and so is the work; batching is what the framework offers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

try:
    from litserve import LitAPI  # type: ignore[import-not-found]
except ImportError:
    LitAPI = object


def _quotes(model: Any, listings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = model.quote(pd.DataFrame(listings), comparables=0)
    return [
        {"predicted_price": one.estimate.predicted_price, "upper": one.estimate.interval.upper}
        for one in found
    ]


def _load(model: str) -> Any:
    from pricelm.services.predictors import open_predictor
    from pricelm.serving.options import ServingOptions

    return open_predictor(Path(model), ServingOptions(cached_texts=0))


class LitServeQuotes(LitAPI):
    """What LitServe calls, in a process of its own that must find the class by its name."""

    def __init__(self, model: str, **options: Any) -> None:
        super().__init__(**options)
        self.folder = model

    def setup(self, device: str) -> None:
        """Load the model."""
        self.model = _load(self.folder)

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # LitServe would take a type for a form
        """Take the listings of a request."""
        return list(request["listings"])

    def predict(self, batch: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        """Price the listings of several requests."""
        return [_quotes(self.model, listings) for listings in batch]

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer one request."""
        return {"quotes": output}


def litserve(model: str, port: int) -> None:
    """Serve with LitServe, its dynamic batching on."""
    import litserve as ls

    api = LitServeQuotes(model, max_batch_size=8, batch_timeout=0.001)
    ls.LitServer(api, accelerator="cpu").run(port=port, host="127.0.0.1", generate_client_file=False)


def bentoml(model: str, port: int) -> None:
    """Serve with BentoML, one worker."""
    source = f"""
import bentoml
from benchmarks.serving_http_peers import _load, _quotes

@bentoml.service(workers=1, traffic={{"timeout": 60}})
class Quotes:
    def __init__(self):
        self.model = _load({model!r})

    @bentoml.api
    def quotes(self, listings: list[dict]) -> dict:
        return {{"quotes": _quotes(self.model, listings)}}
"""
    folder = Path(tempfile.mkdtemp(prefix="bentoml-"))
    (folder / "service.py").write_text(source, encoding="utf-8")
    os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(place).resolve()) for place in sys.path if place)
    os.chdir(folder)
    # in the place of this process, so that whoever stops it stops the server
    words = ["-m", "bentoml", "serve", "service:Quotes", "--port", str(port), "--host", "127.0.0.1"]
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606


if __name__ == "__main__":
    servers = {"litserve": litserve, "bentoml": bentoml}
    name, folder, number = sys.argv[1:4]
    if name not in servers:
        sys.exit(json.dumps({"error": f"expected one of {list(servers)}, got {name!r}"}))
    servers[name](folder, int(number))

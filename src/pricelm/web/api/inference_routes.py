"""The Open Inference Protocol v2: the same prices for clients that speak tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

import pricelm
from pricelm.core.errors import UnknownVersionError
from pricelm.services.listing_rows import CellProblem, ListingsRefused, readable_columns
from pricelm.services.live_models import LiveModels, LoadedVersion
from pricelm.services.live_pricing import LivePricing, QuoteOptions
from pricelm.services.quote_recorder import QuoteRecorder
from pricelm.services.service_settings import ServiceSettings
from pricelm.web.api.bodies import MOST_LISTINGS
from pricelm.web.api.guard import Guard, Viewer
from pricelm.web.api.model_routes import Number
from pricelm.web.api.pricing_routes import REFUSALS
from pricelm.web.api.problems import Problem, ProblemError

_KINDS: dict[str, type | tuple[type, ...]] = {
    "BYTES": str,
    "BOOL": bool,
    "FP32": (int, float),
    "FP64": (int, float),
    "INT8": int,
    "INT16": int,
    "INT32": int,
    "INT64": int,
    "UINT8": int,
    "UINT16": int,
    "UINT32": int,
    "UINT64": int,
}
_OUTPUTS = ("predicted_price", "price_lower", "price_upper")
Name = Annotated[str, Path(max_length=64, description="name of the model")]

router = APIRouter(
    prefix="/v2",
    tags=["open inference protocol"],
    responses={**REFUSALS, 404: {"model": Problem}},
)


class Tensor(BaseModel):
    """One column of all listings."""

    name: str = Field(max_length=200)
    shape: list[Annotated[int, Field(ge=0, le=MOST_LISTINGS)]] = Field(min_length=1, max_length=2)
    datatype: str = Field(max_length=16, description="BYTES for texts, FP64 or INT64 for numbers, BOOL")
    parameters: dict[str, Any] | None = None
    data: list[Any] = Field(max_length=MOST_LISTINGS)


class Wanted(BaseModel):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """Listings as tensors."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "inputs": [
                        {"name": "title", "shape": [2], "datatype": "BYTES", "data": ["red mug", "oak chair"]}
                    ]
                }
            ]
        }
    )

    id: str | None = Field(None, max_length=128)
    parameters: dict[str, Any] | None = None
    inputs: list[Tensor] = Field(min_length=1, max_length=1000)
    outputs: list[Wanted] | None = Field(None, max_length=10)


@router.get("", summary="The server")
async def server() -> dict[str, Any]:
    """Name the server and what it speaks."""
    return {"name": "pricelm", "version": pricelm.__version__, "extensions": []}


@router.get("/models/{name}", summary="The model's tensors")
async def metadata(request: Request, name: Name, caller: Viewer) -> dict[str, Any]:
    """Tell which tensors the model takes and gives, and which versions answer."""
    models = _models(request, name)
    columns = models.cast.active.columns
    kinds = dict.fromkeys(columns.numeric, "FP64")
    return {
        "name": name,
        "versions": [str(one.version) for one in models.cast.everyone()],
        "platform": "pricelm",
        "inputs": [
            {"name": column, "datatype": kinds.get(column, "BYTES"), "shape": [-1]}
            for column in readable_columns(columns)
        ],
        "outputs": [{"name": output, "datatype": "FP64", "shape": [-1]} for output in _OUTPUTS],
    }


@router.get("/models/{name}/ready", summary="Whether the model answers")
async def model_ready(request: Request, name: Name) -> dict[str, Any]:
    """Answer 200 if the model is loaded."""
    _models(request, name)
    return {"name": name, "ready": True}


@router.get("/models/{name}/versions/{version}", summary="The tensors of one version")
async def version_metadata(request: Request, name: Name, version: Number, caller: Viewer) -> dict[str, Any]:
    """Tell the same of a version that answers."""
    _live(_models(request, name), version)
    return await metadata(request, name, caller)


@router.get("/models/{name}/versions/{version}/ready", summary="Whether one version answers")
async def version_ready(request: Request, name: Name, version: Number) -> dict[str, Any]:
    """Answer 200 if the version is loaded."""
    _live(_models(request, name), version)
    return {"name": name, "version": str(version), "ready": True}


@router.post("/models/{name}/infer", summary="Price listings given as tensors")
async def infer(request: Request, name: Name, body: InferRequest, caller: Viewer) -> JSONResponse:
    """Price listings; the version is the one that the service chooses."""
    return await _infer(request, name, body, caller, None)


@router.post("/models/{name}/versions/{version}/infer", summary="Price listings with one version")
async def infer_with(
    request: Request, name: Name, version: Number, body: InferRequest, caller: Viewer
) -> JSONResponse:
    """Price listings with a version that answers."""
    return await _infer(request, name, body, caller, version)


async def _infer(
    request: Request, name: str, body: InferRequest, caller: Viewer, version: int | None
) -> JSONResponse:
    models = _models(request, name)
    wanted = [one.name for one in body.outputs] if body.outputs is not None else list(_OUTPUTS)
    for output in wanted:
        if output not in _OUTPUTS:
            raise ProblemError(
                "invalid", f"expected outputs among {', '.join(_OUTPUTS)}, got {output[:100]!r}"
            )
    listings = listings_of(body.inputs)
    guard: Guard = request.app.state.guard
    guard.spend(caller, len(listings))
    request.scope["pricelm.facts"]["listings"] = len(listings)
    pricing: LivePricing = request.app.state.pricing
    answers = await pricing.quotes(listings, QuoteOptions(version=version))
    recorder: QuoteRecorder = request.app.state.recorder
    recorder.note(caller.name, listings, answers, request.app.state.models)
    values: dict[str, list[float]] = {output: [] for output in _OUTPUTS}
    for row, (quote, _) in enumerate(answers):
        estimate = quote.estimate
        if not math.isfinite(estimate.predicted_price):
            # a tensor has no place for "no price"
            raise ListingsRefused([CellProblem(row, "", estimate.reason or "nothing to price from")])
        ends = (estimate.predicted_price, estimate.interval.lower, estimate.interval.upper)
        for output, value in zip(_OUTPUTS, ends, strict=True):
            values[output].append(value)
    outputs = [
        {"name": output, "shape": [len(listings)], "datatype": "FP64", "data": values[output]}
        for output in wanted
    ]
    numbers = {number for _, number in answers}
    answered = version if version is not None else max(numbers, default=models.cast.active.version)
    document: dict[str, Any] = {"model_name": name, "model_version": str(answered), "outputs": outputs}
    return JSONResponse(document if body.id is None else document | {"id": body.id})


def listings_of(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Turn columns into listings.

    Raises
    ------
    ProblemError
        If a shape, a type or a length is wrong.

    Examples
    --------
    >>> listings_of([Tensor(name="title", shape=[1], datatype="BYTES", data=["red mug"])])
    [{'title': 'red mug'}]
    """
    rows = tensors[0].shape[0]
    listings: list[dict[str, Any]] = [{} for _ in range(rows)]
    for tensor in tensors:
        _check_tensor(tensor, rows)
        for row, value in enumerate(tensor.data):
            listing = listings[row]
            cell = value[0] if isinstance(value, list) and len(value) == 1 else value
            expected = _KINDS[tensor.datatype]
            fits = isinstance(cell, expected) and isinstance(cell, bool) == (expected is bool)
            if cell is not None and not fits:
                raise ListingsRefused(
                    [CellProblem(row, tensor.name, f"expected {tensor.datatype}, got {type(cell).__name__}")]
                )
            if tensor.name in listing:
                raise ListingsRefused(
                    [CellProblem(row, tensor.name, "the tensor is given twice; give it once")]
                )
            listing[tensor.name] = cell
    return listings


def _check_tensor(tensor: Tensor, rows: int) -> None:
    if tensor.datatype not in _KINDS:
        raise ProblemError(
            "invalid", f"expected a datatype among {', '.join(_KINDS)}, got {tensor.datatype!r}"
        )
    if tensor.shape not in ([rows], [rows, 1]) or len(tensor.data) != rows or not rows:
        raise ProblemError(
            "invalid",
            f"expected tensors of one shape [n] or [n, 1] with 1 to {MOST_LISTINGS} values, got shape "
            f"{tensor.shape} with {len(tensor.data)} values for {tensor.name!r}",
        )


def _models(request: Request, name: str) -> LiveModels:
    settings: ServiceSettings = request.app.state.settings
    if name != settings.model_name:
        raise UnknownVersionError(f"expected the model {settings.model_name!r}, got {name!r}")
    models: LiveModels = request.app.state.models
    return models


def _live(models: LiveModels, version: int) -> LoadedVersion:
    found = next((one for one in models.cast.everyone() if one.version == version), None)
    if found is None:
        numbers = ", ".join(str(one.version) for one in models.cast.everyone())
        raise UnknownVersionError(f"expected a version that answers now ({numbers}), got {version}")
    return found

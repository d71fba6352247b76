"""Health, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pricelm.services.live_models import LiveModels
from pricelm.web.api.bodies import Condition
from pricelm.web.api.guard import Viewer
from pricelm.web.api.metrics import Metrics
from pricelm.web.api.problems import Problem, ProblemError

router = APIRouter(tags=["operations"])
_NOT_READY = {503: {"model": Problem, "description": "no model is loaded yet"}}


@router.get("/health", summary="Whether the process is up")
@router.get("/v2/health/live", summary="The same, for the Open Inference Protocol")
async def health() -> Condition:
    """Answer 200 as long as the process can answer at all."""
    return Condition(status="up")


@router.get("/ready", summary="Whether it can price", responses=_NOT_READY)  # type: ignore[arg-type]
@router.get("/v2/health/ready", summary="The same, for the Open Inference Protocol", responses=_NOT_READY)  # type: ignore[arg-type]
async def ready(request: Request) -> Condition:
    """Answer 200 if a model is loaded; ``reason`` tells if a newer version could not be."""
    models: LiveModels = request.app.state.models
    if not models.is_ready:
        raise ProblemError(
            "not-ready", "no model is loaded yet: try again in a moment", retry_after_seconds=1
        )
    problems = [f"version {version} could not be loaded" for version in models.problems]
    return Condition(status="ready", reason="; ".join(problems))


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
async def metrics(request: Request, caller: Viewer) -> Response:
    """Return counts and times of all workers in the text format of Prometheus."""
    known: Metrics = request.app.state.metrics
    return Response(known.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

"""The model registry over HTTP."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request

from pricelm.core.errors import BundleError, ConfigError
from pricelm.services.live_models import LiveModels
from pricelm.services.live_pricing import LivePricing
from pricelm.services.model_registry import ModelRegistry, VersionRecord
from pricelm.services.service_settings import ServiceSettings
from pricelm.web.api import bodies
from pricelm.web.api.guard import Admin, Analyst, Approver, Viewer
from pricelm.web.api.pricing_routes import REFUSALS
from pricelm.web.api.problems import Problem

_MORE: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "there is no such version"},
    409: {"model": Problem, "description": "the registry does not allow this now"},
}
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="number of the version")]

router = APIRouter(prefix="/v1/models", tags=["models"], responses={**REFUSALS, **_MORE})


@router.get("", summary="List versions")
async def list_models(request: Request, caller: Viewer) -> bodies.ModelsAnswer:
    """List all versions, newest first, with the state of each, and the latest changes."""
    registry: ModelRegistry = request.app.state.registry
    versions = await asyncio.to_thread(registry.versions)
    changes = await asyncio.to_thread(registry.changes)
    return bodies.ModelsAnswer(
        versions=[await _answer(request, one) for one in versions],
        changes=[bodies.ChangeAnswer(**vars(one)) for one in changes],
    )


@router.post("", summary="Register a bundle", status_code=201)
async def register(request: Request, body: bodies.RegisterRequest, caller: Admin) -> bodies.VersionAnswer:
    """Register a bundle of the models folder. It is loaded once as a trial; a broken one is refused."""
    settings: ServiceSettings = request.app.state.settings
    if settings.models_folder is None:
        raise ConfigError(
            "expected a folder of models to register from: set PRICELM_MODELS_FOLDER, or run 'pricelm models "
            "register' on the machine of the service"
        )
    folder = settings.models_folder.resolve()
    if "\0" in body.bundle or not (bundle := (folder / body.bundle).resolve()).is_relative_to(folder):
        raise BundleError("expected the name of a folder in the models folder, got one outside it")
    registry: ModelRegistry = request.app.state.registry
    version, _ = await asyncio.to_thread(registry.register, bundle, caller.name)
    return await _answer(request, version)


@router.post("/{version}/promote", summary="Let a version answer")
async def promote(request: Request, version: Number, caller: Approver) -> bodies.VersionAnswer:
    """Make a version the active one, everywhere within the poll interval, without a failed request."""
    registry: ModelRegistry = request.app.state.registry
    return await _changed(request, await asyncio.to_thread(registry.promote, version, caller.name))


@router.post("/rollback", summary="Go back to the version before")
async def roll_back(request: Request, caller: Approver) -> bodies.VersionAnswer:
    """Make the version that was active before the present one active again."""
    registry: ModelRegistry = request.app.state.registry
    return await _changed(request, await asyncio.to_thread(registry.roll_back, caller.name))


@router.post("/{version}/shadow", summary="Let a version price along unheard")
async def shadow(request: Request, version: Number, caller: Analyst) -> bodies.VersionAnswer:
    """Let a version price what the active one prices; its answers go to the metrics only."""
    registry: ModelRegistry = request.app.state.registry
    return await _changed(request, await asyncio.to_thread(registry.shadow, version, caller.name))


@router.post("/{version}/canary", summary="Let a version answer for a share")
async def canary(
    request: Request, version: Number, body: bodies.CanaryRequest, caller: Approver
) -> bodies.VersionAnswer:
    """Let a version answer for a share of the listings, always the same ones. It is stopped when it
    fails, or when outcomes show its error or its coverage to be worse."""
    registry: ModelRegistry = request.app.state.registry
    record = await asyncio.to_thread(registry.canary, version, body.share, caller.name)
    return await _changed(request, record)


@router.post("/{version}/stop", summary="End a trial")
async def stop(request: Request, version: Number, caller: Approver) -> bodies.VersionAnswer:
    """End the trial of a canary or a shadow."""
    registry: ModelRegistry = request.app.state.registry
    return await _changed(request, await asyncio.to_thread(registry.stop, version, caller.name))


async def _changed(request: Request, record: VersionRecord) -> bodies.VersionAnswer:
    models: LiveModels = request.app.state.models
    await models.refresh()
    return await _answer(request, record)


async def _answer(request: Request, record: VersionRecord) -> bodies.VersionAnswer:
    models: LiveModels = request.app.state.models
    pricing: LivePricing = request.app.state.pricing
    trial = None
    if record.state in ("canary", "shadow"):
        verdict = await asyncio.to_thread(pricing.judge, record.version)
        trial = bodies.TrialAnswer(
            outcomes=verdict.outcomes,
            error_ratio=bodies.finite(verdict.error_ratio),
            coverage=bodies.finite(verdict.coverage),
            coverage_of_active=bodies.finite(verdict.coverage_of_active),
            worse=verdict.worse,
        )
    return bodies.VersionAnswer(
        **{**vars(record), "bundle": str(record.bundle)},
        problem=models.problems.get(record.version, ""),
        trial=trial,
    )

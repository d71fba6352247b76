"""Where the parts of the running service are put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pricelm.core.errors import ConfigError
from pricelm.services.live_models import LiveModels
from pricelm.services.live_pricing import LivePricing
from pricelm.services.model_registry import ModelRegistry, VersionRecord
from pricelm.services.predictors import open_predictor
from pricelm.services.quote_recorder import QuoteRecorder
from pricelm.services.service_keys import KeyRing
from pricelm.services.service_settings import ServiceSettings
from pricelm.storage.database import Store, open_store
from pricelm.storage.users import all_users

_SERVER = "pricelm serve"


@dataclass(frozen=True)
class Service:
    """The parts of a running service.

    Parameters
    ----------
    store : Store
        Keys, versions, outcomes.
    keys : KeyRing
        The keys in memory.
    registry : ModelRegistry
        The versions.
    models : LiveModels
        Those that are loaded.
    pricing : LivePricing
        What answers.
    recorder : QuoteRecorder
        What remembers the answers.
    may_be_empty : bool, default False
        Whether it may run without a model, for the console of a new shop.
    """

    store: Store
    keys: KeyRing
    registry: ModelRegistry
    models: LiveModels
    pricing: LivePricing
    recorder: QuoteRecorder
    may_be_empty: bool = False

    async def start(self) -> None:
        """Load the keys and the models; raises where there is none to serve."""
        await asyncio.to_thread(self.keys.refresh, self.store)
        await self.models.refresh(may_be_none=self.may_be_empty)

    async def follow(self) -> None:
        """Read keys and versions again."""
        await asyncio.to_thread(self.keys.refresh, self.store)
        await self.models.refresh(may_be_none=self.may_be_empty)

    async def close(self) -> None:
        """Finish what was begun, and let go of the store."""
        await self.pricing.close()
        await self.models.close()
        await asyncio.to_thread(self.recorder.close)
        self.store.close()


def open_service(
    settings: ServiceSettings,
    *,
    observe_batch: Callable[[int, int, int, float], None],
    observe_shadow: Callable[[int, float], None],
    observe_memory: Callable[[str, int], None] = lambda what, count: None,
    may_be_empty: bool = False,
) -> Service:
    """Put the parts together; nothing is loaded yet."""
    store = open_store(settings.store)
    keys = KeyRing(settings.listings_per_second)
    load = partial(open_predictor, options=settings.serving_options)
    registry = ModelRegistry(store, load)
    models = LiveModels(registry, load, settings.batch_limits, observe_batch)
    pricing = LivePricing(models, registry, store, observe_shadow)
    recorder = QuoteRecorder(store, settings.record_quotes, settings.review_per_day, observe_memory)
    return Service(store, keys, registry, models, pricing, recorder, may_be_empty)


def prepare_service(settings: ServiceSettings, bundle: Path | None) -> VersionRecord | None:
    """Make the store ready before any worker starts: tables, model version, and the way in.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    bundle : pathlib.Path, optional
        The model that was named on the command line.

    Returns
    -------
    VersionRecord or None
        The version that will answer; None in a store without one whose users may still open the console.

    Raises
    ------
    ConfigError
        If other machines could reach a service without keys, or there is no model to serve.
    BundleError
        If the model cannot be loaded.
    StoreError
        If the store cannot be used.
    """
    store = open_store(settings.store)
    try:
        keys = KeyRing()
        keys.refresh(store)
        if not settings.is_loopback and not len(keys):
            raise ConfigError(
                f"expected a key before other machines may reach the service at {settings.host}, found none: "
                "make one with 'pricelm keys add NAME', or listen on 127.0.0.1"
            )
        load = partial(open_predictor, options=settings.serving_options)
        registry = ModelRegistry(store, load)
        if bundle is None and wants_console(settings, store) and not _has_active(registry):
            return None
        return registry.start_with(bundle, _SERVER)
    finally:
        store.close()


def wants_console(settings: ServiceSettings, store: Store) -> bool:
    """Tell whether the console is served: without users nobody could log in.

    Raises
    ------
    ConfigError
        If it is asked for with several workers: a page lives in the worker that made it.
    """
    if settings.console == "off" or (settings.console == "auto" and settings.workers > 1):
        return False
    if settings.workers > 1:
        raise ConfigError(
            f"expected one worker with the console, got {settings.workers}: serve the console from a process "
            "of its own on the same store, and the API with PRICELM_CONSOLE=off"
        )
    with store.reading() as session:
        has_users = bool(all_users(session))
    if settings.console == "on" and not has_users and settings.oidc is None:
        raise ConfigError("expected a user of the console, found none: 'pricelm users add NAME --role admin'")
    return has_users or settings.oidc is not None


def console_is_wanted(settings: ServiceSettings) -> bool:
    """Tell whether a worker serves the console; see `wants_console`."""
    store = open_store(settings.store)
    try:
        return wants_console(settings, store)
    finally:
        store.close()


def _has_active(registry: ModelRegistry) -> bool:
    return any(one.state == "active" for one in registry.versions())


def open_registry(store_url: str) -> ModelRegistry:
    """Open the registry of a store for the command line."""
    return ModelRegistry(open_store(store_url), open_predictor)

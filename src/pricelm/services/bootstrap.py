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
from pricelm.services.service_keys import KeyRing
from pricelm.services.service_settings import ServiceSettings
from pricelm.storage.database import Store, open_store

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
    """

    store: Store
    keys: KeyRing
    registry: ModelRegistry
    models: LiveModels
    pricing: LivePricing

    async def start(self) -> None:
        """Load the keys and the models; raises where there is none to serve."""
        await asyncio.to_thread(self.keys.refresh, self.store)
        await self.models.refresh()

    async def follow(self) -> None:
        """Read keys and versions again."""
        await asyncio.to_thread(self.keys.refresh, self.store)
        await self.models.refresh()

    async def close(self) -> None:
        """Finish what was begun, and let go of the store."""
        await self.pricing.close()
        await self.models.close()
        self.store.close()


def open_service(
    settings: ServiceSettings,
    *,
    observe_batch: Callable[[int, int, int, float], None],
    observe_shadow: Callable[[int, float], None],
) -> Service:
    """Put the parts together; nothing is loaded yet."""
    store = open_store(settings.store)
    keys = KeyRing(settings.listings_per_second)
    load = partial(open_predictor, options=settings.serving_options)
    registry = ModelRegistry(store, load)
    models = LiveModels(registry, load, settings.batch_limits, observe_batch)
    pricing = LivePricing(models, registry, store, observe_shadow)
    return Service(store, keys, registry, models, pricing)


def prepare_service(settings: ServiceSettings, bundle: Path | None) -> VersionRecord:
    """Make the store ready before any worker starts: tables, model version, and the way in.

    Parameters
    ----------
    settings : ServiceSettings
        What is set.
    bundle : pathlib.Path, optional
        The model that was named on the command line.

    Returns
    -------
    VersionRecord
        The version that will answer.

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
        return ModelRegistry(store, load).start_with(bundle, _SERVER)
    finally:
        store.close()


def open_registry(store_url: str) -> ModelRegistry:
    """Open the registry of a store for the command line."""
    return ModelRegistry(open_store(store_url), open_predictor)

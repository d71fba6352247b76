"""A visitor: who looks at a page, in which language, and what they may do at this moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nicegui import ui

from pricelm.core.errors import PricelmError
from pricelm.services.console_sessions import SessionBook, Visit
from pricelm.services.live_models import LiveModels
from pricelm.services.live_pricing import LivePricing
from pricelm.services.model_registry import ModelRegistry
from pricelm.services.promotion_view import PromotionView
from pricelm.services.quote_recorder import QuoteRecorder
from pricelm.services.service_keys import Caller, Role
from pricelm.services.service_settings import ServiceSettings
from pricelm.services.stock_view import StockView
from pricelm.services.store_admin import StorePlace
from pricelm.services.worklist import WorkLists
from pricelm.web.api.logs import code_frames
from pricelm.web.console.words import Words

_LOG = logging.getLogger("pricelm.console")
_ONE = TypeVar("_ONE")


@dataclass(frozen=True)
class Parts:
    """The parts of the running service that pages ask."""

    settings: ServiceSettings
    sessions: SessionBook
    lists: WorkLists
    registry: ModelRegistry
    models: LiveModels
    pricing: LivePricing
    recorder: QuoteRecorder
    promotions: PromotionView
    stock: StockView
    heavy: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while something long is worked out: those who wait for it hold no thread."""
    sending: set[tuple[str, str]] = field(default_factory=set)
    """Kind and scope of what goes out from here at this moment."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page.

    Parameters
    ----------
    visit : Visit
        The session as it was when the page was made.
    words : Words
        The texts of their language.
    parts : Parts
        What can be asked.
    root : str
        Path of the console.
    dark : bool or None
        Whether they want it dark; None lets the browser say.
    """

    visit: Visit
    words: Words
    parts: Parts
    root: str
    dark: bool | None

    @property
    def store(self) -> StorePlace:
        """The store, which stays open: to open it anew would cost more than most clicks."""
        return self.parts.lists.store

    @property
    def store_url(self) -> str:
        """The address of the store."""
        return self.parts.settings.store

    def may(self, role: Role) -> bool:
        """Tell whether a control is worth showing; what may be done is looked up again when it is used."""
        return self.visit.caller.role >= role

    async def act(self, role: Role, work: Callable[[Caller], _ONE]) -> _ONE | None:
        """Do something in the name of the visitor, in a thread, and return what came of it.

        Who they are is read from the store now: a page that stayed open through a log-out, another role or
        an end of the session can do nothing more. What goes wrong is told, and None returned.

        Parameters
        ----------
        role : Role
            Who may do this.
        work : callable
            Takes the caller.
        """
        try:
            visit = await asyncio.to_thread(self.parts.sessions.look_up, self.visit.session)
            if visit is None:
                self.parts.sessions.forget(self.visit.session)
                ui.navigate.to("/login")
                return None
            if visit.caller.role < role:
                self._log_refusal(visit.caller, "role")
                self.warn(self.words("state.forbidden.text", role=role.name))
                return None
            return await asyncio.to_thread(work, visit.caller)
        except PricelmError as error:
            # what was refused stands in the message, which may quote a listing
            self._log_refusal(self.visit.caller, type(error).__name__)
            self.warn(str(error))
        except Exception as error:
            _LOG.error(
                "page action failed",
                extra={
                    "caller": self.visit.caller.name,
                    "error": type(error).__name__,
                    "frames": code_frames(error),
                },
            )
            self.warn(self.words("state.defect"))
        return None

    def _log_refusal(self, caller: Caller, reason: str) -> None:
        _LOG.info("action refused", extra={"caller": caller.name, "reason": reason})

    def warn(self, text: str) -> None:
        """Tell that something did not work."""
        ui.notify(text, type="negative", multi_line=True, timeout=8_000, close_button=self.words("close"))

    def tell(self, text: str) -> None:
        """Tell that something worked."""
        ui.notify(text, type="positive", timeout=4_000)

    def path(self, *parts: Any) -> str:
        """Return the address of a page of the console."""
        return self.root + "/" + "/".join(str(part) for part in parts)

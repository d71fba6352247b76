"""The way through another log-in service: out with a state that only this browser has, and back once."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pricelm.services.console_users import LoginResult
from pricelm.services.oidc_users import OidcIdentity
from pricelm.web.console.login import WAY_COOKIE
from pricelm.web.console.oidc_provider import OidcProvider, ProviderDownError, TokenRefusedError

_LOG = logging.getLogger("pricelm.console")
_SECONDS = 600.0
# a kilobyte each; the oldest goes when strangers begin more than anybody can finish
_MOST_WAYS = 10_000
_MOST_CODE = 4_096
_MOST_QUERY = 8_192


@dataclass(frozen=True)
class _Way:
    """A log-in that was begun."""

    state: str
    nonce: str
    verifier: str
    later: str
    until: float


class OidcLogin:
    """Log-ins on their way through another service; kept in memory, since they last minutes.

    Parameters
    ----------
    provider : OidcProvider
        The service.
    admit : callable
        Takes an `OidcIdentity` and returns a `LoginResult`.
    is_secure : bool
        Whether browsers reach this service through TLS.
    """

    def __init__(
        self, provider: OidcProvider, admit: Callable[[OidcIdentity], LoginResult], is_secure: bool
    ) -> None:
        self._provider, self._admit, self.is_secure = provider, admit, is_secure
        self._ways: OrderedDict[str, _Way] = OrderedDict()

    async def begin(self, later: str) -> tuple[str, str] | None:
        """Begin a log-in; return where to send the browser and the secret for its cookie, or None."""
        state, nonce, verifier, secret = (secrets.token_urlsafe(32) for _ in range(4))
        try:
            address = await self._provider.way_in(state, nonce, verifier)
        except ProviderDownError as error:
            _LOG.error("log-in service", extra={"reason": str(error)})
            return None
        self._ways[secret] = _Way(state, nonce, verifier, later, time.monotonic() + _SECONDS)
        while len(self._ways) > _MOST_WAYS:
            self._ways.popitem(last=False)
        return address, secret

    async def finish(self, request: Any) -> tuple[LoginResult, str]:
        """Return who came back, or why not, and where they wanted to go; a second time it is too late."""
        asked = {name: values[0] for name, values in parse_qs(request.query[:_MOST_QUERY]).items()}
        way = self._ways.pop(request.cookies.get(WAY_COOKIE, ""), None)
        if way is None or time.monotonic() > way.until:
            return LoginResult(None, "again"), ""
        if not hmac.compare_digest(way.state.encode(), asked.get("state", "").encode()):
            return LoginResult(None, "again"), ""
        code = asked.get("code", "")
        if "error" in asked or not 0 < len(code) <= _MOST_CODE:
            return LoginResult(None, "not_there"), way.later
        try:
            identity = await self._provider.identity(code, asked.get("iss"), way.nonce, way.verifier)
        except TokenRefusedError as error:
            _LOG.warning("log-in refused", extra={"reason": str(error)})
            return LoginResult(None, "not_there"), way.later
        except ProviderDownError as error:
            _LOG.error("log-in service", extra={"reason": str(error)})
            return LoginResult(None, "down"), way.later
        return await asyncio.to_thread(self._admit, identity), way.later

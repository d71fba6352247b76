"""Who may do what, and how much of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from pricelm.services.service_keys import Caller, KeyRing, Role
from pricelm.web.api.problems import ProblemError

_HERE = ("localhost", "127.0.0.1", "::1")
_BEARER = HTTPBearer(auto_error=False, description="a key of 'pricelm keys add'")
_HEADER = APIKeyHeader(name="X-API-Key", auto_error=False, description="the same key, without 'Bearer'")


class Guard:
    """Checks keys, roles and rates.

    Parameters
    ----------
    keys : KeyRing
        The keys of the store.
    is_loopback : bool
        Whether only this machine can reach the service; without keys nothing else is served.
    on_refusal : callable
        Told the reason of every refusal.
    clock : callable, default time.monotonic
        Seconds that never go backwards.
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        is_loopback: bool,
        on_refusal: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._is_loopback = is_loopback
        self._on_refusal = on_refusal
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def admit(self, request: Request, presented: str, role: Role) -> Caller:
        """Return who asks.

        Raises
        ------
        ProblemError
            If the key is missing, wrong or not allowed to do this.
        """
        if not len(self._keys) and self._is_loopback:
            self._check_from_here(request)
            return Caller("local", Role.admin)
        caller = self._keys.identify(presented)
        if caller is None:
            self._on_refusal("key")
            raise ProblemError(
                "unauthorized",
                "expected the header 'Authorization: Bearer plm_...' with a valid key, got "
                f"{'another one' if presented else 'none'}: 'pricelm keys add' makes one",
            )
        if caller.role < role:
            self._on_refusal("role")
            raise ProblemError(
                "forbidden",
                f"expected a key with the role {role.name} or above, got {caller.role.name}: "
                "ask an admin for one",
            )
        return caller

    def spend(self, caller: Caller, listings: int) -> None:
        """Take listings from the rate of a key; a large request may overdraw and is paid back by waiting.

        Raises
        ------
        ProblemError
            If the key has used up its rate.
        """
        rate = caller.listings_per_second
        if rate <= 0:
            return
        now = self._clock()
        left, seen = self._buckets.get(caller.key_id, (rate, now))
        left = min(rate, left + max(now - seen, 0.0) * rate)
        if left <= 0:
            self._on_refusal("rate")
            raise ProblemError(
                "rate-limited",
                f"expected at most {rate:g} listings a second with this key: wait, or send fewer",
                retry_after_seconds=-left / rate + 1 / rate,
            )
        self._buckets[caller.key_id] = (left - listings, now)

    def _check_from_here(self, request: Request) -> None:
        """Hold that a page of some web site does not speak through the browser of whoever sits here."""
        origin = request.headers.get("origin")
        names = [urlsplit(f"//{request.headers.get('host', '')}").hostname]
        names += [urlsplit(origin).hostname] if origin else []
        if any(name not in _HERE for name in names):
            self._on_refusal("origin")
            raise ProblemError(
                "forbidden",
                "expected a request from this machine to localhost, got another host or origin: "
                "add a key with 'pricelm keys add' and send it along",
            )


async def presented_key(
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    header: Annotated[str | None, Depends(_HEADER)],
) -> str:
    """Return the key that a request carries, or an empty text."""
    return bearer.credentials if bearer is not None else header or ""


def needs(role: Role) -> Callable[..., Caller]:
    """Return the dependency that admits callers of a role."""

    async def admitted(request: Request, key: Annotated[str, Depends(presented_key)]) -> Caller:
        guard: Guard = request.app.state.guard
        caller = guard.admit(request, key, role)
        request.scope["pricelm.facts"]["caller"] = caller.key_id or caller.name
        return caller

    return admitted  # type: ignore[return-value]


Viewer = Annotated[Caller, Depends(needs(Role.viewer))]
Analyst = Annotated[Caller, Depends(needs(Role.analyst))]
Approver = Annotated[Caller, Depends(needs(Role.approver))]
Admin = Annotated[Caller, Depends(needs(Role.admin))]

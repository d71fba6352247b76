"""A log-in service (OpenID Connect) for tests: real requests, real signatures, any lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import unquote, urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "pricelm", "s3cret of the test: 100%"


class LoginService:
    """Answers on a free port of this machine while the block lasts.

    Attributes
    ----------
    claims : dict
        What it says of whoever logs in.
    lie : callable
        Changes the claims of the next tokens.
    sign : callable
        Makes a token of claims.
    described : dict
        Overrides what it says of itself.
    answers : Response or None
        Given by the token endpoint instead of a token.
    asks : bool
        Whether a person has to press a button there.
    """

    def __init__(self, return_address: str) -> None:
        self.return_address = return_address
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.reset()
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        app = FastAPI(openapi_url=None)
        app.get("/.well-known/openid-configuration")(self._describe)
        app.get("/keys")(self._keys)
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        config = uvicorn.Config(app, port=0, log_level="error", lifespan="off", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def reset(self) -> None:
        """Become an honest service again."""
        self.claims: dict[str, Any] = {
            "sub": "subject-7",
            "preferred_username": "maria",
            "groups": ["staff", "pricing"],
        }
        self.lie: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.described: dict[str, Any] = {}
        self.answers: Response | None = None
        self.asks = False

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def signed(self, claims: dict[str, Any]) -> str:
        """Sign as it should be done."""
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def settings(self) -> dict[str, Any]:
        """Return the settings of a pricelm that trusts this service."""
        return {
            "public_url": self.return_address.partition("/console")[0],
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "oidc_roles": {"pricing": "approver", "staff": "viewer", "it": "admin"},
        }

    async def _describe(self) -> dict[str, Any]:
        self.asked.append("describe")
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.described

    async def _keys(self) -> dict[str, Any]:
        self.asked.append("keys")
        return {"keys": [self.key.as_dict(private=False)]}

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        known = (asked["client_id"], asked["redirect_uri"], asked["code_challenge_method"])
        if known != (CLIENT, self.return_address, "S256") or "openid" not in asked["scope"].split():
            return HTMLResponse("unknown client", 400)
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        back = f"{self.return_address}?{urlencode({'code': code, 'state': asked['state']})}"
        if self.asks:
            return HTMLResponse(f'<html><body><a id="yes" href="{back}">I am Maria</a></body></html>')
        return RedirectResponse(back, 303)

    async def _token(self, request: Request) -> Response:
        if self.answers is not None:
            return self.answers
        form = dict(await request.form())
        given = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        if [unquote(part) for part in given.split(":")] != [CLIENT, SECRET]:
            return JSONResponse({"error": "invalid_client"}, 401)
        # a code serves once
        asked = self._codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        token = self.sign(self.lie(said | self.claims))
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


def by_hand(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Return a token that no honest library would make."""
    parts = [_base64(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, _base64(sign(".".join(parts).encode()))])


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

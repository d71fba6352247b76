"""Another log-in service, asked by OpenID Connect: where to send people, and who came back.

The authorization code flow with PKCE. Every answer of the service is bounded and checked, and an ID token
counts only with a signature by one of its public keys, for this client, from this issuer, for this log-in.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from pricelm.core.errors import PricelmError
from pricelm.services.oidc_users import OidcIdentity, identity_from_claims
from pricelm.services.service_settings import OidcSettings, is_safe_address

# public keys only: with a shared secret, whoever can read a public key could sign
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_SIGNING_KEYS = ("RSA", "EC")
_SECONDS = 10.0
_MOST_BYTES = 512_000
_METADATA_SECONDS = 3_600.0
_KEYS_NOT_BEFORE_SECONDS = 30.0
_CLOCKS_DIFFER_SECONDS = 60
_MOST_SUBJECT = 255


class ProviderDownError(PricelmError):
    """The log-in service does not answer, or not as one does."""


class TokenRefusedError(PricelmError):
    """What the log-in service or the browser brought does not prove who somebody is."""


@dataclass(frozen=True)
class _Metadata:
    authorization: str
    token: str
    keys: str
    names_issuer: bool
    sends_secret_in_body: bool


class OidcProvider:
    """The log-in service of the settings; what it says of itself is read when it is first needed.

    Parameters
    ----------
    settings : OidcSettings
        Which one, and what this service is called there.
    return_address : str
        Where people come back to; registered there.
    """

    def __init__(self, settings: OidcSettings, return_address: str) -> None:
        self._settings, self._return = settings, return_address
        self._metadata: _Metadata | None = None
        self._keys = KeySet([])
        # with the certificates that this machine trusts, which are those of the company too
        self._tls = ssl.create_default_context()
        self._metadata_until = self._keys_not_before = 0.0

    async def way_in(self, state: str, nonce: str, verifier: str) -> str:
        """Return the address of the log-in service to send a browser to.

        Raises
        ------
        ProviderDownError
            If the service does not answer.
        """
        metadata = await self._describe()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._return,
            "scope": self._settings.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(metadata.authorization).query else "?"
        return f"{metadata.authorization}{joint}{urlencode(asked)}"

    async def identity(self, code: str, issuer: str | None, nonce: str, verifier: str) -> OidcIdentity:
        """Return who came back with a code.

        Parameters
        ----------
        code : str
            From the address that the browser came back to.
        issuer : str or None
            Who sent the browser back, where the address says so.
        nonce, verifier : str
            Of the log-in that was begun.

        Raises
        ------
        ProviderDownError
            If the service does not answer.
        TokenRefusedError
            If code or token prove nothing.
        """
        metadata = await self._describe()
        # RFC 9207: a code of another service must not be brought to this one
        if (issuer is None and metadata.names_issuer) or issuer not in (None, self._settings.issuer):
            raise TokenRefusedError("expected a return from the issuer of the settings, got one from another")
        claims = await self._checked(await self._redeem(metadata, code, verifier), nonce)
        return identity_from_claims(claims, self._settings.name_claim, self._settings.role_claim)

    async def _describe(self) -> _Metadata:
        if self._metadata is None or time.monotonic() > self._metadata_until:
            issuer = self._settings.issuer
            found = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise ProviderDownError(
                    f"expected a log-in service that calls itself {issuer}, got another name: "
                    "PRICELM_OIDC_ISSUER has to be exactly what it says"
                )
            methods = found.get("token_endpoint_auth_methods_supported")
            in_body = isinstance(methods, list) and "client_secret_basic" not in methods
            names = found.get("authorization_response_iss_parameter_supported") is True
            way_in, token, keys = (
                _place(found, one) for one in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            )
            self._metadata = _Metadata(way_in, token, keys, names, in_body)
            self._metadata_until = time.monotonic() + _METADATA_SECONDS
        return self._metadata

    async def _redeem(self, metadata: _Metadata, code: str, verifier: str) -> str:
        """Change a code for an ID token."""
        client, secret = self._settings.client_id, self._settings.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return,
            "code_verifier": verifier,
        }
        auth = None
        if metadata.sends_secret_in_body:
            form |= {"client_id": client, "client_secret": secret}
        else:
            auth = httpx.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
        answer = await self._ask(httpx.Request("POST", metadata.token, data=form), auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise TokenRefusedError("expected an ID token for the code, got none")
        return token

    async def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of a token that proves what it says."""
        registry = JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False)
        try:
            try:
                if not self._keys:
                    await self._read_keys()
                claims = jwt.decode(token, self._keys, registry=registry).claims
            except InvalidKeyIdError:
                # the service may have changed its keys since
                await self._read_keys()
                claims = jwt.decode(token, self._keys, registry=registry).claims
            wanted: dict[str, Any] = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
                "nonce": {"essential": True, "value": nonce},
                **{name: {"essential": True} for name in ("sub", "exp", "iat")},
            }
            jwt.JWTClaimsRegistry(leeway=_CLOCKS_DIFFER_SECONDS, **wanted).validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefusedError(f"the ID token proves nothing ({type(error).__name__})") from None
        audience = claims["aud"]
        alone = isinstance(audience, str) or len(audience) == 1
        party = claims.get("azp", self._settings.client_id if alone else None)
        if party != self._settings.client_id or not 0 < len(claims["sub"]) <= _MOST_SUBJECT:
            raise TokenRefusedError("expected an ID token for this client, got one for another")
        return claims

    async def _read_keys(self) -> None:
        if time.monotonic() < self._keys_not_before:
            # tokens with made-up key names must not make this service ask without end
            raise TokenRefusedError("expected an ID token with a key that the log-in service names")
        found = (await self._get((await self._describe()).keys)).get("keys")
        usable = [
            one
            for one in found or ()
            if isinstance(one, dict) and one.get("kty") in _SIGNING_KEYS and one.get("use", "sig") == "sig"
        ]
        try:
            self._keys = KeySet.import_key_set({"keys": usable})
            self._keys_not_before = time.monotonic() + _KEYS_NOT_BEFORE_SECONDS
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderDownError("expected public keys from the log-in service, got others") from error

    async def _get(self, address: str) -> dict[str, Any]:
        return await self._ask(httpx.Request("GET", address, headers={"Accept": "application/json"}))

    async def _ask(self, request: httpx.Request, auth: httpx.Auth | None = None) -> dict[str, Any]:
        """Send a request and return the JSON object that answers it."""
        try:
            async with (
                asyncio.timeout(_SECONDS),
                httpx.AsyncClient(verify=self._tls, timeout=_SECONDS, follow_redirects=False) as client,
            ):
                answer = await client.send(request, stream=True, auth=auth)
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise ProviderDownError(
                            "expected a short answer from the log-in service, got a long one"
                        )
                found = json.loads(body)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise ProviderDownError(
                f"the log-in service does not answer as one ({type(error).__name__})"
            ) from None
        if answer.status_code in (400, 401, 403) and request.method == "POST":
            raise TokenRefusedError(f"the log-in service refused the code (status {answer.status_code})")
        if not answer.is_success or not isinstance(found, dict):
            raise ProviderDownError(f"the log-in service answers with status {answer.status_code}")
        return found


def _place(described: dict[str, Any], name: str) -> str:
    place = described.get(name)
    if not isinstance(place, str) or not is_safe_address(place):
        raise ProviderDownError(f"expected an https address as {name} of the log-in service, got another")
    return place


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

"""Log-in through another service: who comes in, and every lie that keeps somebody out."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from joserfc.jwk import RSAKey

from pricelm.core.errors import ConfigError
from pricelm.services import console_users
from pricelm.services.auditing import show_audit, verify_audit
from pricelm.services.console_sessions import SessionBook
from pricelm.services.console_users import (
    add_console_user,
    check_login,
    disable_console_user,
    list_console_users,
    set_console_password,
    set_console_role,
)
from pricelm.services.oidc_users import admit_identity
from pricelm.services.service_settings import ServiceSettings, read_settings
from pricelm.storage.database import Store, open_store
from pricelm.web.console import oidc_provider
from pricelm.web.console.app import other_login
from pricelm.web.console.door import Door
from pricelm.web.console.login import COOKIE, Login
from pricelm.web.console.registry import access_list
from tests.login_service import CLIENT, SECRET, LoginService, by_hand

HERE = "http://localhost:8123"
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one"})
RETURN = f"{HERE}/console/login/return"
Claims = dict[str, Any]


@pytest.fixture(scope="module")
def running() -> Iterator[LoginService]:
    with LoginService(RETURN) as service:
        yield service


@pytest.fixture
def service(running: LoginService) -> LoginService:
    running.reset()
    return running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield store
    store.close()


def door_of(store: Store, settings: ServiceSettings) -> Door:
    sessions = SessionBook(store)
    login = Login(
        lambda name, password: check_login(store, name, password),
        sessions,
        elsewhere=other_login(settings, partial(admit_identity, store)),
        has_passwords=settings.password_login == "on",
    )

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("the page")(scope, receive, send)

    return Door(page, sessions, access_list(), login)


def browser(door: Door) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(door, root_path="/console")
    return httpx.AsyncClient(transport=transport, base_url=HERE, follow_redirects=False)


async def way_back(http: httpx.AsyncClient, later: str = "") -> str:
    """Go to the log-in service, and return the address that it sends the browser back to."""
    out = await http.get("/console/login/elsewhere", params={"next": later} if later else {})
    assert out.status_code == 303, out.text
    async with httpx.AsyncClient() as outside:
        return (await outside.get(out.headers["location"])).headers["location"]


async def log_in(http: httpx.AsyncClient, later: str = "") -> httpx.Response:
    return await http.get(await way_back(http, later))


def once(store: Store, service: LoginService, later: str = "", **given: Any) -> httpx.Response:
    """Log in with a new browser."""
    door = door_of(store, read_settings(**(service.settings() | given)))

    async def body() -> httpx.Response:
        async with browser(door) as http:
            return await log_in(http, later)

    return asyncio.run(body())


def is_inside(answer: httpx.Response) -> bool:
    return COOKIE in answer.cookies and answer.status_code == 303


def test_the_whole_way_with_state_nonce_and_a_proof_of_the_code(service: LoginService, store: Store) -> None:
    door = door_of(store, read_settings(**service.settings()))

    async def body() -> None:
        async with browser(door) as http:
            form = (await http.get("/console/login?next=/rules")).text
            assert 'href="/console/login/elsewhere?next=/rules"' in form
            out = await http.get("/console/login/elsewhere?next=/rules")
            asked = parse_qs(urlsplit(out.headers["location"]).query)
            assert {"state", "nonce", "code_challenge", "client_id", "scope"} <= set(asked)
            assert SECRET not in out.headers["location"]
            cookie = out.headers["set-cookie"]
            assert (
                "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/console/login/return" in cookie
            )
            answer = await log_in(http, "/rules")
            assert is_inside(answer) and answer.headers["location"] == "/console/rules"
            assert answer.headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert (await http.get("/console/rules")).text == "the page"

    asyncio.run(body())
    [user] = list_console_users(str(store._engine.url))
    assert (user.name, user.role, user.issuer) == ("maria", "approver", service.issuer)
    told = [(one.action, one.actor) for one in show_audit(store)]
    assert told == [("log in", "maria"), ("add user", "maria")] and verify_audit(store).ok


def lying(**changed: Any) -> Callable[[Claims], Claims]:
    """Return a lie: other values, or none for those that are to be missing."""
    return lambda claims: {name: value for name, value in (claims | changed).items() if value is not None}


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT, "another client"]},
        {"azp": "another client"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 9_000_000_000},
        {"iat": None},
        {"iss": "https://another.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": {"a": 1}},
    ],
)
def test_a_token_with_a_wrong_claim_lets_nobody_in(
    service: LoginService, store: Store, changed: Claims
) -> None:
    service.lie = lying(**changed)
    answer = once(store, service)
    assert answer.status_code == 403 and COOKIE not in answer.cookies
    assert "did not confirm" in answer.text and list_console_users(str(store._engine.url)) == []


def test_audiences_of_several_count_with_this_client_as_the_party(
    service: LoginService, store: Store
) -> None:
    service.lie = lying(aud=[CLIENT, "another client"], azp=CLIENT)
    assert is_inside(once(store, service))


def hs256_with(key: bytes) -> Callable[[Claims], str]:
    header = {"alg": "HS256", "kid": "one"}
    return lambda claims: by_hand(header, claims, lambda said: hmac.digest(key, said, "sha256"))


def forged(kind: str, service: LoginService) -> Callable[[Claims], str]:
    other = OTHER_KEY
    if kind == "no signature":
        return lambda claims: by_hand({"alg": "none"}, claims, lambda _: b"")
    if kind == "no signature, known key":
        return lambda claims: by_hand({"alg": "None", "kid": "one"}, claims, lambda _: b"")
    if kind == "public key as secret":
        return hs256_with(service.key.as_pem(private=False))
    if kind == "public key as secret, DER":
        return hs256_with(service.key.as_der(private=False))
    if kind == "client secret as key":
        return hs256_with(SECRET.encode())
    if kind == "another key":
        return lambda claims: LoginService.signed(_with(other), claims)
    if kind == "key in the header":
        header = {"alg": "RS256", "jwk": other.as_dict(private=False)}
        return lambda claims: by_hand(header, claims, lambda said: b"x" * 256)
    if kind == "unknown name of a key":
        return lambda claims: by_hand({"alg": "RS256", "kid": "two"}, claims, lambda said: b"x" * 256)
    return lambda claims: {"text": "x.y.z", "number": 5, "changed": service.signed(claims)[:-6] + "AAAAAA"}[
        kind
    ]  # type: ignore[return-value]


def _with(key: RSAKey) -> Any:
    class Other:
        pass

    other = Other()
    other.key = key  # type: ignore[attr-defined]
    return other


@pytest.mark.parametrize(
    "kind",
    [
        "no signature", "no signature, known key", "public key as secret", "public key as secret, DER",
        "client secret as key", "another key", "key in the header", "unknown name of a key", "text", "number",
        "changed",
    ],
)  # fmt: skip
def test_a_token_that_the_service_did_not_sign_lets_nobody_in(
    service: LoginService, store: Store, kind: str
) -> None:
    service.sign = forged(kind, service)
    answer = once(store, service)
    assert answer.status_code == 403 and COOKIE not in answer.cookies
    service.reset()
    assert is_inside(once(store, service))


def test_a_way_back_serves_once_and_one_browser(service: LoginService, store: Store) -> None:
    door = door_of(store, read_settings(**service.settings()))

    async def body() -> None:
        async with browser(door) as mine, browser(door) as other:
            address = await way_back(mine)
            cookies = dict(mine.cookies)
            assert (await other.get(address)).status_code == 403
            assert is_inside(await mine.get(address))
            # the same again, with the cookie that was taken away
            replayed = await mine.get(address, headers={"Cookie": f"pricelm_way={cookies['pricelm_way']}"})
            assert replayed.status_code == 403 and COOKIE not in replayed.cookies
            # a stolen code in a log-in of one's own: the state fits, the proof of the code does not
            stolen = parse_qs(urlsplit(await way_back(mine)).query)["code"][0]
            own = parse_qs(urlsplit(await way_back(other)).query)["state"][0]
            answer = await other.get(RETURN, params={"code": stolen, "state": own})
            assert answer.status_code == 403 and COOKIE not in answer.cookies
            # and with a state of somebody else's
            state = parse_qs(urlsplit(await way_back(mine)).query)["state"][0]
            code = parse_qs(urlsplit(await way_back(other)).query)["code"][0]
            answer = await other.get(RETURN, params={"code": code, "state": state})
            assert answer.status_code == 403 and COOKIE not in answer.cookies

    asyncio.run(body())


def test_a_log_in_that_takes_too_long_has_to_begin_anew(
    service: LoginService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pricelm.web.console import oidc_login

    monkeypatch.setattr(oidc_login, "_SECONDS", -1.0)
    answer = once(store, service)
    assert answer.status_code == 403 and "log in again" in answer.text


def test_codes_of_another_issuer_are_not_taken(service: LoginService, store: Store) -> None:
    door = door_of(store, read_settings(**service.settings()))

    async def body() -> None:
        async with browser(door) as http:
            for named in ("https://another.example", f"{service.issuer}/"):
                answer = await http.get(await way_back(http) + f"&iss={named}")
                assert answer.status_code == 403 and COOKIE not in answer.cookies
            assert is_inside(await http.get(await way_back(http) + f"&iss={service.issuer}"))

    asyncio.run(body())
    service.described = {"authorization_response_iss_parameter_supported": True}
    assert once(store, service).status_code == 403


def test_what_the_person_refused_there_is_no_log_in(service: LoginService, store: Store) -> None:
    door = door_of(store, read_settings(**service.settings()))

    async def body() -> None:
        async with browser(door) as http:
            state = parse_qs(urlsplit(await way_back(http)).query)["state"][0]
            said = "<script>alert(1)</script>"
            answer = await http.get(RETURN, params={"error": said, "error_description": said, "state": state})
            assert answer.status_code == 403 and said not in answer.text

    asyncio.run(body())


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://another.example"},
        {"issuer": None},
        {"token_endpoint": "http://another.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 5},
    ],
)
def test_a_service_that_describes_itself_wrongly_is_not_asked(
    service: LoginService, store: Store, described: Claims
) -> None:
    service.described = described
    door = door_of(store, read_settings(**service.settings()))

    async def body() -> None:
        async with browser(door) as http:
            answer = await http.get("/console/login/elsewhere")
            assert answer.status_code == 503 and "does not answer" in answer.text
            assert "location" not in answer.headers and 'name="password"' in answer.text

    asyncio.run(body())


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (PlainTextResponse("oops", 500), 503),
        (PlainTextResponse("<html>", 200), 503),
        (JSONResponse([1]), 503),
        (JSONResponse({}), 403),
        (JSONResponse({"id_token": None}), 403),
        (JSONResponse({"id_token": "x" * 600_000}), 503),
        (JSONResponse({"error": "invalid_grant"}, 400), 403),
        (RedirectResponse("http://127.0.0.1:1/"), 503),
    ],
)
def test_whatever_the_token_endpoint_says_is_answered_in_order(
    service: LoginService, store: Store, answers: Response, status: int
) -> None:
    service.answers = answers
    answer = once(store, service)
    assert answer.status_code == status and COOKIE not in answer.cookies


def test_a_service_that_is_down_leaves_the_password(store: Store, service: LoginService) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = read_settings(**(service.settings() | {"oidc_issuer": f"http://127.0.0.1:{port}"}))
    door = door_of(store, settings)

    async def body() -> None:
        async with browser(door) as http:
            answer = await http.get("/console/login/elsewhere")
            assert answer.status_code == 503 and 'name="password"' in answer.text

    asyncio.run(body())


def test_new_keys_of_the_service_are_found_and_made_up_ones_asked_for_seldom(
    service: LoginService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = door_of(store, read_settings(**service.settings()))
    now = 1_000.0
    monkeypatch.setattr(oidc_provider.time, "monotonic", lambda: now)

    async def body() -> None:
        nonlocal now
        async with browser(door) as http:
            assert is_inside(await log_in(http))
            before = service.asked.count("keys")
            service.sign = forged("unknown name of a key", service)
            for _ in range(3):
                assert (await log_in(http)).status_code == 403
            assert service.asked.count("keys") == before
            now += 31
            old, service.key = service.key, RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
            from joserfc import jwt

            service.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, service.key)
            assert is_inside(await log_in(http))
            service.key = old

    asyncio.run(body())


@pytest.mark.parametrize(
    "later",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "/?x=1", "javascript:1",
        "/a\r\nSet-Cookie: x=1", "http:evil", "@evil",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_afterwards(service: LoginService, store: Store, later: str) -> None:
    answer = once(store, service, later)
    assert is_inside(answer) and answer.headers["location"] == "/console/"


def test_roles_follow_the_service_and_who_has_none_stays_out(service: LoginService, store: Store) -> None:
    url = str(store._engine.url)
    assert is_inside(once(store, service))
    service.claims["groups"] = ["it", "pricing"]
    assert is_inside(once(store, service)) and list_console_users(url)[0].role == "admin"
    service.claims["preferred_username"] = "maria.renamed"
    service.claims["groups"] = "staff"
    assert is_inside(once(store, service))
    [user] = list_console_users(url)
    assert (user.name, user.role) == ("maria", "viewer")
    for groups in ([], ["unknown"], None, 5, {"it": True}, [["it"]]):
        service.claims["groups"] = groups
        answer = once(store, service)
        assert answer.status_code == 403 and "no role" in answer.text
    service.claims["groups"] = ["it"]
    disable_console_user(url, "maria", "test")
    answer = once(store, service)
    assert answer.status_code == 403 and "disabled" in answer.text
    assert verify_audit(url).ok


def test_nobody_becomes_a_user_who_is_there_already(
    service: LoginService, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    monkeypatch.setattr(console_users, "_hasher", lambda: PasswordHasher(1, 8, 1))
    url = str(store._engine.url)
    add_console_user(url, "maria", "admin", "a long password", "test")
    assert "another user of your name" in once(store, service).text
    service.claims["preferred_username"] = "\u202emaria\n\x00"
    assert "another user of your name" in once(store, service).text
    assert [(one.name, one.issuer) for one in list_console_users(url)] == [("maria", None)]
    service.claims["preferred_username"] = "ben"
    assert is_inside(once(store, service))
    assert check_login(store, "ben", "").why == "wrong"
    for attempt in (
        lambda: set_console_password(url, "ben", "a long password", "test"),
        lambda: set_console_role(url, "ben", "admin", "test"),
    ):
        with pytest.raises(ConfigError, match="comes through"):
            attempt()


def test_passwords_can_be_switched_off_beside_the_service(service: LoginService, store: Store) -> None:
    door = door_of(store, read_settings(**service.settings(), password_login="off"))

    async def body() -> None:
        async with browser(door) as http:
            form = await http.get("/console/login")
            assert 'name="password"' not in form.text and "login/elsewhere" in form.text
            refused = await http.post(
                "/console/login", content="name=maria&password=x", headers={"Origin": HERE}
            )
            assert refused.status_code == 405
            assert is_inside(await log_in(http))

    asyncio.run(body())


def test_without_a_service_there_is_no_button_and_no_way(store: Store) -> None:
    door = door_of(store, read_settings())

    async def body() -> None:
        async with browser(door) as http:
            assert "elsewhere" not in (await http.get("/console/login")).text
            for path in ("elsewhere", "return"):
                assert (await http.get(f"/console/login/{path}?code=x&state=y")).status_code == 404

    asyncio.run(body())


GIVEN: dict[str, Any] = {
    "public_url": "https://prices.example",
    "oidc_issuer": "https://id.example/realm",
    "oidc_client_id": "pricelm",
    "oidc_client_secret": "very secret",
    "oidc_roles": {"it": "admin"},
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"oidc_client_secret": None}, "oidc_client_secret"),
        ({"oidc_roles": None}, "oidc_roles"),
        ({"public_url": None}, "public_url"),
        ({"oidc_issuer": "http://id.example"}, "https"),
        ({"oidc_issuer": "https://user:pw@id.example"}, "https"),
        ({"oidc_issuer": "https://id.example?x=1"}, "https"),
        ({"public_url": "ftp://prices.example"}, "https"),
        ({"oidc_roles": {"it": "owner"}}, "oidc.roles"),
        ({"oidc_roles": {}}, "oidc.roles"),
        ({"oidc_scopes": "profile"}, "oidc.scopes"),
    ],
)
def test_half_a_log_in_service_is_refused_and_the_secret_never_shown(changed: Claims, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_settings(**(GIVEN | changed))
    assert "very secret" not in str(caught.value)


def test_settings_of_a_log_in_service() -> None:
    settings = read_settings(**GIVEN)
    assert settings.oidc is not None and "very secret" not in repr(settings) + repr(settings.oidc)
    assert read_settings().oidc is None
    with pytest.raises(ConfigError, match="password_login"):
        read_settings(password_login="off")


def test_roles_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (GIVEN | {"oidc_roles": '{"cn=it,dc=shop": "admin"}'}).items():
        monkeypatch.setenv(f"PRICELM_{name.upper()}", value)
    settings = read_settings()
    assert settings.oidc is not None and settings.oidc.roles == {"cn=it,dc=shop": "admin"}
    monkeypatch.setenv("PRICELM_OIDC_ROLES", "it=admin")
    with pytest.raises(ConfigError, match="JSON"):
        read_settings()

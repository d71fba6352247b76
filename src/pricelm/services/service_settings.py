"""Settings of the service: from the command line, ``PRICELM_...`` in the environment, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pricelm.services.secret_values import MAY_HOLD_SECRET, shown_value
from pricelm.services.settings_sources import PREFIX, Layers, Origin, checked, read_layers
from pricelm.serving.batching import BatchLimits
from pricelm.serving.options import ServingOptions, available_cores

DEFAULT_STORE = "sqlite:///pricelm.db"
_OIDC = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_roles", "public_url")


@dataclass(frozen=True)
class OidcSettings:
    """How people come in through another log-in service: OpenID Connect.

    Parameters
    ----------
    issuer : str
        Its address, as its tokens name it.
    client_id : str
        What it calls this service.
    client_secret : pydantic.SecretStr
        What this service proves itself with.
    scopes : str
        What is asked for; ``openid`` is among it.
    name_claim, role_claim : str
        Where the name and the groups of a person are.
    roles : mapping of str to str
        Group to role.
    public_url : str
        Where browsers reach this service.
    """

    issuer: str
    client_id: str
    client_secret: SecretStr
    scopes: str
    name_claim: str
    role_claim: str
    roles: Mapping[str, str]
    public_url: str


class ServiceSettings(BaseSettings):
    """Everything that can be set of the service; docs/http.md has the table.

    Examples
    --------
    >>> read_settings(port=9000).port
    9000
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, protected_namespaces=())

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=256, description="processes, each with a copy of the model")
    store: Annotated[str, MAY_HOLD_SECRET] = Field(
        DEFAULT_STORE, min_length=1, repr=False, description="database of prices, decisions, models and keys"
    )
    model_name: str = Field(
        "price", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="name of the model in the paths below /v2"
    )
    models_folder: Path | None = Field(
        None, description="folder whose bundles may be registered over HTTP; without it none may"
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto", description="arithmetic of the language member; auto takes int8 where it was exported"
    )
    threads: int | None = Field(
        None, ge=1, description="threads of one worker; by default the cores shared out among the workers"
    )
    cached_texts: int = Field(20_000, ge=0, description="texts whose price a worker remembers")
    batch_tokens: int = Field(4096, ge=1, description="tokens that are priced at once")
    queue_tokens: int = Field(262_144, ge=1, description="tokens that may wait, a bound on memory")
    queue_seconds: float = Field(0.2, gt=0, description="longest wait until a request has its first turn")
    timeout_seconds: float = Field(30.0, gt=0, description="time for one request")
    body_bytes: int = Field(8 << 20, ge=1024, description="largest body of a request")
    body_seconds: float = Field(10.0, gt=0, description="longest time that a body may take to arrive")
    connections: int = Field(1000, ge=1, description="connections and requests at once in one worker")
    listings_per_second: float = Field(
        0.0, ge=0, description="listings a second for a key without a rate of its own; 0 is no limit"
    )
    poll_seconds: float = Field(
        1.0, gt=0, le=60, description="how often keys and model versions are read from the store"
    )
    drain_seconds: int = Field(20, ge=1, description="time for running requests when the service stops")
    four_eyes_share: float = Field(
        0.2,
        gt=0,
        description="a price move by more than this share needs another approver than its proposer",
    )
    console: Literal["auto", "on", "off"] = Field(
        "auto", description="browser console; auto serves it where the store has users"
    )
    price_target: Annotated[str | None, MAY_HOLD_SECRET] = Field(
        None,
        min_length=1,
        repr=False,
        description="where the console hands prices over: a folder, a webhook, or a database table",
    )
    record_quotes: Literal["off", "review-only", "on"] = Field(
        "review-only", description="which quotes the store keeps: none, those for review, or all"
    )
    review_per_day: int = Field(
        500, ge=0, description="listings a day that quotes may put into the review queue"
    )
    training_hours: float = Field(
        12.0, gt=0, le=24 * 14, description="longest time of a training that is started in the console"
    )
    training_megabytes: int | None = Field(
        None, ge=200, description="memory of such a training; by default three quarters of the machine's"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto is text in a terminal and JSON elsewhere"
    )
    public_url: str | None = Field(
        None, description="address at which browsers reach the service, for the way back from a log-in"
    )
    password_login: Literal["on", "off"] = Field(
        "on", description="log-in with a password; off only beside a log-in service"
    )
    oidc_issuer: str | None = Field(None, description="log-in service (OpenID Connect) of the console")
    oidc_client_id: str | None = Field(
        None, min_length=1, description="what the log-in service calls this one"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, min_length=1, description="secret that the log-in service gave for it"
    )
    oidc_scopes: str = Field(
        "openid profile email",
        pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$",
        description="what is asked of the log-in service",
    )
    oidc_name_claim: str = Field(
        "preferred_username", min_length=1, description="claim with the name of a person"
    )
    oidc_role_claim: str = Field("groups", min_length=1, description="claim with groups or roles")
    oidc_roles: dict[str, Literal["viewer", "analyst", "approver", "admin"]] | None = Field(
        None, min_length=1, description="which of those groups has which role here, as JSON"
    )

    @field_validator("oidc_roles", mode="before")
    @classmethod
    def _check_json(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('expected JSON such as {"pricing team": "approver"}')
        return value

    @model_validator(mode="after")
    def _check_log_in(self) -> Self:
        given = [name for name in _OIDC[:4] if getattr(self, name) is not None]
        missing = [name for name in _OIDC if getattr(self, name) is None]
        if given and missing:
            raise ValueError(f"a log-in service needs {', '.join(missing)} too")
        for name in ("oidc_issuer", "public_url"):
            address = getattr(self, name)
            if address is not None and not (is_safe_address(address) and not set("?#") & set(address)):
                raise ValueError(f"{name} has to be a plain https address (http on this machine only)")
        if self.password_login == "off" and not given:  # noqa: S105
            raise ValueError("password_login may be off only beside a log-in service (oidc_issuer)")
        return self

    @property
    def oidc(self) -> OidcSettings | None:
        """The log-in service, if there is one."""
        if (
            self.oidc_issuer is None
            or self.oidc_client_id is None
            or self.oidc_client_secret is None
            or self.oidc_roles is None
            or self.public_url is None
        ):
            return None
        return OidcSettings(
            self.oidc_issuer,
            self.oidc_client_id,
            self.oidc_client_secret,
            self.oidc_scopes,
            self.oidc_name_claim,
            self.oidc_role_claim,
            self.oidc_roles,
            self.public_url.rstrip("/"),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `read_configuration` has gathered, and look nowhere else."""
        return (init_settings,)

    @property
    def batch_limits(self) -> BatchLimits:
        """The limits of dynamic batching."""
        return BatchLimits(
            batch_tokens=self.batch_tokens,
            queue_tokens=self.queue_tokens,
            queue_seconds=self.queue_seconds,
            timeout_seconds=self.timeout_seconds,
        )

    @property
    def serving_options(self) -> ServingOptions:
        """How each worker runs the model."""
        threads = self.threads or max(1, available_cores() // self.workers)
        return ServingOptions(self.precision, threads, cached_texts=self.cached_texts)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_this_machine(self.host)


def is_this_machine(host: str) -> bool:
    """Tell whether a host can be this machine only.

    Examples
    --------
    >>> is_this_machine("localhost"), is_this_machine("::1"), is_this_machine("10.0.0.1")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_address(address: str) -> bool:
    """Tell whether secrets may be sent to an address: through TLS, or within this machine.

    Examples
    --------
    >>> is_safe_address("https://id.example/realm"), is_safe_address("http://id.example/realm")
    (True, False)
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
        usable = bool(host) and parts.port != 0 and parts.username is None and address.isascii()
    except ValueError:
        return False
    if not usable or host is None or not address.isprintable() or " " in address or "\\" in address:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))


@dataclass(frozen=True)
class Configuration:
    """Settings with whence each came.

    Parameters
    ----------
    settings : ServiceSettings
        Checked settings.
    layers : Layers
        What was given where.
    """

    settings: ServiceSettings
    layers: Layers

    def shown(self) -> list[ShownSetting]:
        """Return every setting as it may be shown."""
        whence = self.layers.origins
        return [
            ShownSetting(
                name,
                _plain(shown_value(field, getattr(self.settings, name))),
                whence.get(name, Origin("default")),
            )
            for name, field in ServiceSettings.model_fields.items()
        ]


@dataclass(frozen=True)
class ShownSetting:
    """A setting for people: secrets are masked."""

    name: str
    value: Any
    origin: Origin


def read_configuration(config: Path | None = None, **given: object) -> Configuration:
    """Read the settings, and whence each came: option, environment, file, default, in this order.

    Parameters
    ----------
    config : pathlib.Path, optional
        TOML file; by default the one that ``PRICELM_CONFIG`` names, if any.
    **given
        Options by name; None counts as not given.

    Returns
    -------
    Configuration
        Checked settings.

    Raises
    ------
    ConfigError
        If a value is wrong; the message says where it stands and never shows a secret.

    Examples
    --------
    >>> read_configuration(port=9000).layers.origins["port"]
    Origin(source='option', place='--port')
    """
    layers = read_layers(ServiceSettings, given, config)
    return Configuration(checked(ServiceSettings, layers), layers)


def read_settings(**given: object) -> ServiceSettings:
    """Read the settings; see `read_configuration` for what is read and raised.

    Parameters
    ----------
    **given
        Options by name; None counts as not given.

    Returns
    -------
    ServiceSettings
        Checked settings.
    """
    return read_configuration(**given).settings  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value

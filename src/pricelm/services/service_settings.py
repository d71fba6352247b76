"""Settings of the service: from the command line, or from ``PRICELM_...`` in the environment."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pricelm.core.errors import ConfigError
from pricelm.serving.batching import BatchLimits
from pricelm.serving.options import ServingOptions, available_cores

DEFAULT_STORE = "sqlite:///pricelm.db"


class ServiceSettings(BaseSettings):
    """Everything that can be set of the service; docs/http.md has the table.

    Examples
    --------
    >>> read_settings(port=9000).port
    9000
    """

    model_config = SettingsConfigDict(
        env_prefix="PRICELM_", extra="forbid", frozen=True, protected_namespaces=()
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=256, description="processes, each with a copy of the model")
    store: str = Field(
        DEFAULT_STORE, min_length=1, description="database of prices, decisions, models and keys"
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
    price_target: str | None = Field(
        None,
        min_length=1,
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
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(**given: object) -> ServiceSettings:
    """Read the settings; what is given goes before the environment.

    Parameters
    ----------
    **given
        Settings by name; None counts as not given.

    Returns
    -------
    ServiceSettings
        Checked settings.

    Raises
    ------
    ConfigError
        If a value is wrong; the message names the setting and never shows the store's password.
    """
    try:
        return ServiceSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError(
            f"a setting of the service is wrong: {'; '.join(problems)}. "
            "Give it as an option, or as PRICELM_<NAME> in the environment"
        ) from None

"""Where settings come from: options, then the environment, then a file, and whence each one came."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from pricelm.core.errors import ConfigError
from pricelm.knowledge.settings import nearest
from pricelm.services.secret_values import holds_secret, shown_value

CONFIG_VARIABLE = "PRICELM_CONFIG"
"""Names the file."""
PREFIX = "PRICELM_"
_FILE = "_FILE"
_MOST_BYTES = 1 << 20
_MOST_SHOWN = 80
_PHRASES = {
    "Input should be greater": "expected a number greater",
    "Input should be less": "expected a number less",
    "Input should be ": "expected ",
    "String should have ": "expected a text of ",
    "String should match pattern": "expected a text that matches",
}
_Settings = TypeVar("_Settings", bound=BaseSettings)


@dataclass(frozen=True)
class Origin:
    """Whence a setting came.

    Parameters
    ----------
    source : {"option", "environment", "file", "default"}
        Kind of source.
    place : str, default ""
        Which variable or file.
    """

    source: Literal["option", "environment", "file", "default"]
    place: str = ""


@dataclass(frozen=True)
class Layers:
    """Settings as they were given, before they are checked.

    Parameters
    ----------
    values : dict
        By name; the source that goes first has won.
    origins : dict of str to Origin
        Whence each came.
    file : pathlib.Path or None
        The file that was read.
    warnings : tuple of str
        What works and should be looked at.
    """

    values: dict[str, Any] = dataclasses.field(repr=False)
    origins: dict[str, Origin]
    file: Path | None
    warnings: tuple[str, ...]


def read_layers(kind: type[BaseSettings], given: Mapping[str, Any], file: Path | None = None) -> Layers:
    """Gather settings from all sources.

    Parameters
    ----------
    kind : type
        The settings.
    given : mapping
        Options by name; None counts as not given.
    file : pathlib.Path, optional
        TOML file; by default the one that ``PRICELM_CONFIG`` names, if any.

    Returns
    -------
    Layers
        Not yet checked against each other.

    Raises
    ------
    ConfigError
        If a file cannot be read, is no TOML, or has a key or a type that is wrong.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    file = file or (Path(named) if named else None)
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    warnings = list(_unknown_variables(kind))
    if file is not None:
        values = _read_file(kind, file)
        origins = dict.fromkeys(values, Origin("file", str(file)))
        warnings += _readable_secrets(kind, file, values)
    for name, (value, origin) in _environment(kind).items():
        values[name], origins[name] = value, origin
    for name, value in given.items():
        if value is not None:
            values[name], origins[name] = value, Origin("option", f"--{name.replace('_', '-')}")
    return Layers(values, origins, file, tuple(warnings))


def checked(kind: type[_Settings], layers: Layers) -> _Settings:
    """Return the settings.

    Raises
    ------
    ConfigError
        If a value is wrong; the message says where it stands and never shows a secret.
    """
    try:
        return kind(**layers.values)
    except ValidationError as error:
        problems = "; ".join(
            _problem(kind, str(one["loc"][0]) if one["loc"] else "", one["msg"], layers)
            for one in error.errors(include_input=False, include_url=False, include_context=False)
        )
        raise ConfigError(f"a setting of the service is wrong: {problems}") from None


def _problem(kind: type[BaseSettings], name: str, said: str, layers: Layers) -> str:
    if name not in kind.model_fields:
        return f"{name + ': ' if name else ''}{said}"
    origin = layers.origins.get(name, Origin("default"))
    where = f"{name} in {origin.place}" if origin.source == "file" else origin.place or name
    return f"{where}: {_words(said)}, got {_shown(kind, name, layers.values.get(name))}"


def _words(said: str) -> str:
    for start, instead in _PHRASES.items():
        if said.startswith(start):
            return instead + said.removeprefix(start)
    return said[0].lower() + said[1:]


def _shown(kind: type[BaseSettings], name: str, value: Any) -> str:
    field = kind.model_fields[name]
    if holds_secret(field):
        return "a value that is not shown, since it may hold a secret"
    text = repr(shown_value(field, value))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _read_file(kind: type[BaseSettings], file: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(_read_text(file, "settings"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: expected TOML such as 'port = 8080', and it is none: {error}") from None
    problems = []
    for name, value in raw.items():
        field = kind.model_fields.get(name)
        if field is None:
            what = "the table " if isinstance(value, dict) else ""
            near = nearest(name, kind.model_fields)
            problems.append(f"expected the name of a setting, got {what}{name[:80]!r}{near}")
            continue
        bounded: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        try:
            # as strict as JSON: the text "8080" is no port in a file that knows numbers
            TypeAdapter(bounded).validate_json(json.dumps(value, default=str), strict=True)
        except ValidationError as error:
            said = error.errors(include_input=False, include_url=False, include_context=False)[0]["msg"]
            problems.append(f"{name}: {_words(said)}, got {_shown(kind, name, value)}")
    if problems:
        raise ConfigError(f"{file}: {'; '.join(problems)}")
    return raw


def _environment(kind: type[BaseSettings]) -> dict[str, tuple[Any, Origin]]:
    """Return what the environment says, in variables and in files that variables name."""
    try:
        found = EnvSettingsSource(kind)()
    except SettingsError as error:
        raise ConfigError(f"the environment: {error}; expected JSON there") from None
    read = {name: (value, Origin("environment", _variable(name))) for name, value in found.items()}
    for name, field in kind.model_fields.items():
        variable = _variable(name) + _FILE
        file = os.environ.get(variable)
        if file is None or not holds_secret(field):
            continue
        if name in read:
            raise ConfigError(f"expected one of {_variable(name)} and {variable}, got both: take one away")
        text = _read_text(Path(file), variable).strip("\r\n")
        read[name] = (text, Origin("environment", f"{variable}={file}"))
    return read


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _read_text(file: Path, what: str) -> str:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{file}: expected a file below 1 MB for {what}, got more")
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"expected a file at {file} for {what}, and it cannot be read ({error.strerror})"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: expected text in UTF-8 for {what}, got other bytes") from None


def _unknown_variables(kind: type[BaseSettings]) -> Iterator[str]:
    known = {CONFIG_VARIABLE}
    for name, field in kind.model_fields.items():
        known |= {_variable(name), _variable(name) + _FILE} if holds_secret(field) else {_variable(name)}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            yield f"{variable} in the environment is no setting and does nothing{nearest(variable, known)}"


def _readable_secrets(kind: type[BaseSettings], file: Path, values: Mapping[str, Any]) -> Iterator[str]:
    hidden = [name for name, value in values.items() if shown_value(kind.model_fields[name], value) != value]
    if hidden and os.name == "posix" and file.stat().st_mode & stat.S_IROTH:
        names = ", ".join(hidden)
        yield f"{file} holds a secret ({names}) and everybody on this machine can read it: chmod 640"

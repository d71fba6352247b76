"""Exit codes: one table for every command."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from enum import IntEnum

from pricelm.core.errors import (
    BackboneError,
    BundleError,
    ConfigError,
    DataError,
    DeliveryError,
    MissingExtraError,
    NoModelError,
    NotAllowedError,
    OutputError,
    Overloaded,
    StoreError,
    TrainingStopped,
)


class ExitCode(IntEnum):
    """What a process says when it ends."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    DATA = 3
    MODEL = 4
    MISSING_EXTRA = 5
    RESOURCES = 6
    STORE = 7
    RULES = 8
    DELIVERY = 9
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "all went well",
    ExitCode.UNEXPECTED: "something unexpected went wrong; --debug shows where",
    ExitCode.USAGE: "an option is wrong, or options do not go together",
    ExitCode.DATA: "the listings cannot be used",
    ExitCode.MODEL: "a saved model or a pretrained model cannot be loaded or written",
    ExitCode.MISSING_EXTRA: "an optional part of pricelm is not installed",
    ExitCode.RESOURCES: "not enough disk or memory",
    ExitCode.STORE: "the store cannot be used, or what it holds was changed",
    ExitCode.RULES: "no prices keep the rules, or the rules contradict each other",
    ExitCode.DELIVERY: "prices could not be handed over; the same command goes on",
    ExitCode.INTERRUPTED: "interrupted; training and pricing go on when the same command runs again",
}

_BY_ERROR: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (TrainingStopped, ExitCode.INTERRUPTED),
    (MissingExtraError, ExitCode.MISSING_EXTRA),
    (BundleError, ExitCode.MODEL),
    (BackboneError, ExitCode.MODEL),
    (NoModelError, ExitCode.MODEL),
    (StoreError, ExitCode.STORE),
    (DeliveryError, ExitCode.DELIVERY),
    (NotAllowedError, ExitCode.USAGE),
    (Overloaded, ExitCode.RESOURCES),
    (DataError, ExitCode.DATA),
    (ConfigError, ExitCode.USAGE),
    (OutputError, ExitCode.USAGE),
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# safetensors writes in Rust and tells of a full disk in words only
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code for an error.

    Parameters
    ----------
    error : BaseException
        What ended the command.

    Returns
    -------
    ExitCode
        A full disk or memory anywhere among the causes decides first.

    Examples
    --------
    >>> exit_code_of(DataError("no price column")).value, exit_code_of(MemoryError()).value
    (3, 6)
    """
    if any(map(_lacks_resources, _causes(error))):
        return ExitCode.RESOURCES
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.UNEXPECTED)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _lacks_resources(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    told = _OS_ERROR.search(str(error))
    return isinstance(error, MemoryError) or (told is not None and int(told[1]) in _FULL)

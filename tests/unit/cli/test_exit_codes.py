"""One table of exit codes for everything that can go wrong."""

from __future__ import annotations

import errno
import os

import pytest
from safetensors import SafetensorError

from pricelm.cli.exit_codes import MEANINGS, ExitCode, exit_code_of
from pricelm.core import errors

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def test_the_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0, "UNEXPECTED": 1, "USAGE": 2, "DATA": 3, "MODEL": 4, "MISSING_EXTRA": 5, "RESOURCES": 6,
        "STORE": 7, "RULES": 8, "DELIVERY": 9, "INTERRUPTED": 130,
    }  # fmt: skip
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DataError("x"), 3),
        (errors.ReadError("x"), 3),
        (errors.LimitError("x"), 3),
        (errors.ConfigError("x"), 2),
        (errors.BackboneError("x"), 4),
        (errors.BundleError("x"), 4),
        (errors.NoModelError("x"), 4),
        (errors.BundleVersionError("x"), 4),
        (errors.OutputError("x"), 2),
        (errors.StoreError("x"), 7),
        (errors.DeliveryError("x"), 9),
        (errors.NotAllowedError("x"), 2),
        (errors.TrainingStopped("x"), 130),
        (errors.MissingExtraError("x"), 5),
        (errors.PricelmError("x"), 1),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 6),
        (FULL, 6),
        (OSError(errno.EACCES, "no"), 1),
        (RuntimeError("x"), 1),
        (caused(errors.OutputError("x"), FULL), 6),
        (caused(errors.OutputError("x"), OSError(errno.EACCES, "no")), 2),
        (caused(errors.BundleError("x"), SafetensorError("I/O error: No space left (os error 28)")), 6),
        (caused(errors.BundleError("x"), SafetensorError("header too small")), 4),
        (caused(errors.TrainingStopped("x"), FULL), 6),
    ],
    ids=lambda value: repr(value),
)
def test_every_error_has_its_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_no_error_of_ours_is_unexpected() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [
        kind for kind in kinds if issubclass(kind, errors.PricelmError) and kind is not errors.PricelmError
    ]
    assert len(ours) > 8
    assert [kind for kind in ours if exit_code_of(kind("x")) == ExitCode.UNEXPECTED] == []

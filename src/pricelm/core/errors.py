"""The exception tree of pricelm.

Every message says what was expected, what came, and what to do::

    PricelmError
    ├── DataError (ValueError)          the listings cannot be used
    │   ├── ReadError                   the file cannot be read at all
    │   ├── LimitError                  a size, time or memory limit was passed
    │   └── SupportError                a price is outside the prices that demand is known for
    ├── ConfigError (ValueError)        an option or a combination of options is wrong
    │   ├── UnknownVersionError         the registry has no such model version
    │   └── RuleError                   a pricing rule is wrong, or names what is not there
    ├── BackboneError                   a pretrained model cannot be found or loaded
    ├── BundleError                     a saved model is broken or incomplete
    │   └── BundleVersionError          it was written by a later pricelm
    ├── OutputError                     a result cannot be written: no space, no permission
    ├── StoreError                      pricelm's own database cannot be used
    ├── NotAllowedError                 a person may not do this, or not alone
    ├── DeliveryError                   prices could not be handed over; the same command goes on
    ├── Overloaded                      the service has more to do than it can; try again later
    │   └── DeadlinePassed              the answer would have come too late
    ├── TrainingStopped                 training was interrupted; it can be resumed
    └── MissingExtraError (ImportError) an optional part of pricelm is not installed
"""

from __future__ import annotations


class PricelmError(Exception):
    """Base of all errors that pricelm raises on purpose.

    Examples
    --------
    >>> issubclass(DataError, PricelmError) and issubclass(DataError, ValueError)
    True
    """


class DataError(PricelmError, ValueError):
    """The data cannot be used; the message names the column or row and the remedy."""


class ReadError(DataError):
    """A file or query cannot be read: truncated, of another format, of unknown encoding."""


class LimitError(DataError):
    """An input is larger than a limit allows, for example one field of many megabytes."""


class SupportError(DataError):
    """A price lies outside the prices that demand was learned from: test it first."""


class ConfigError(PricelmError, ValueError):
    """An option has a value that it cannot have."""


class UnknownVersionError(ConfigError):
    """The model registry has no version of this number."""


class RuleError(ConfigError):
    """A pricing rule is wrong, or names a column that the products do not have."""


class BackboneError(PricelmError):
    """A pretrained model cannot be found or loaded."""


class BundleError(PricelmError):
    """A saved model is broken, incomplete or not a pricelm bundle."""


class BundleVersionError(BundleError):
    """A saved model has a schema version that this pricelm does not know."""


class OutputError(PricelmError):
    """A result cannot be written: the disk is full, or the folder does not allow it."""


class StoreError(PricelmError):
    """The database of keys, models and decisions cannot be opened or used."""


class NotAllowedError(PricelmError):
    """A person may not do this with that role, or not without a second person."""


class DeliveryError(PricelmError):
    """Prices could not be handed over; those that were are marked, and the same command goes on."""


class Overloaded(PricelmError):
    """There is more to do than can be done in time.

    Parameters
    ----------
    message : str
        What was expected, what came, what to do.
    retry_after_seconds : float
        When to try again.
    """

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DeadlinePassed(Overloaded):
    """The time that the caller allowed is over."""


class TrainingStopped(PricelmError):
    """Training was interrupted in good order; the message says how to resume it."""


class NoModelError(PricelmError):
    """No model is loaded: the service waits for the first one."""


class MissingExtraError(PricelmError, ImportError):
    """A library of an optional extra is missing; the message names the extra."""

"""The model registry: register a bundle, promote it, roll back, shadow it, try it on a share.

A version is only ever given work after its bundle was loaded whole, so that a broken one is refused
and the present one stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pricelm.core.errors import BundleError, ConfigError, UnknownVersionError
from pricelm.storage.database import Store
from pricelm.storage.outcomes import forget_outcomes
from pricelm.storage.registry import (
    ModelVersion,
    RegistryChange,
    RegistryDraft,
    all_versions,
    changing_registry,
    last_change,
    latest_changes,
)

AT_WORK = ("active", "canary", "shadow")


@dataclass(frozen=True)
class VersionRecord:
    """One registered bundle.

    Parameters
    ----------
    version : int
        Its number, from 1.
    bundle : pathlib.Path
        Its folder.
    fingerprint : str
        SHA-256 over the hashes of all its files.
    state : {"registered", "active", "canary", "shadow", "retired"}
        What it does.
    share : float
        Share of listings that a canary prices.
    created : datetime.datetime
        When it was registered.
    promoted : datetime.datetime or None
        When it last became the active one.
    """

    version: int
    bundle: Path
    fingerprint: str
    state: str
    share: float
    created: datetime
    promoted: datetime | None


@dataclass(frozen=True)
class ChangeRecord:
    """One change of the registry: when, by whom, what, to which version, and why."""

    at: datetime
    actor: str
    action: str
    version: int
    note: str


def bundle_fingerprint(bundle: Path) -> str:
    """Return the hash of a bundle's list of hashes, which tells it from every other.

    Raises
    ------
    BundleError
        If the folder is no bundle.
    """
    try:
        return hashlib.sha256((bundle / "files.json").read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(
            f"expected a bundle folder at {bundle}, found none: check the path, and that it can be read"
        ) from error


class ModelRegistry:
    """The use cases of the registry of one store.

    Parameters
    ----------
    store : Store
        The store.
    check : callable
        Loads a bundle as a trial; raises BundleError where it cannot serve.
    """

    def __init__(self, store: Store, check: Callable[[Path], Any]) -> None:
        self._store = store
        self._check = check

    def versions(self) -> list[VersionRecord]:
        """Return all versions, newest first."""
        return [_record(row) for row in all_versions(self._store)]

    def changes(self, limit: int = 100) -> list[ChangeRecord]:
        """Return the latest changes, newest first."""
        return [_change(row) for row in latest_changes(self._store, limit)]

    def last_change(self) -> int:
        """Return the number of the latest change; it grows with every one."""
        return last_change(self._store)

    def get(self, version: int) -> VersionRecord:
        """Return one version.

        Raises
        ------
        UnknownVersionError
            If there is none of this number.
        """
        found = next((one for one in self.versions() if one.version == version), None)
        if found is None:
            raise _unknown(version)
        return found

    def register(self, bundle: Path, actor: str) -> tuple[VersionRecord, bool]:
        """Add a bundle to the registry after a trial load.

        Parameters
        ----------
        bundle : pathlib.Path
            Its folder, which must stay where it is as long as the version may be used.
        actor : str
            Who does this.

        Returns
        -------
        version : VersionRecord
            The new version, or the known one of the same bundle.
        is_new : bool
            Whether it was not known before.

        Raises
        ------
        BundleError
            If it cannot be loaded.
        """
        bundle = bundle.resolve()
        fingerprint = bundle_fingerprint(bundle)
        self._check(bundle)
        with changing_registry(self._store) as draft:
            row = draft.by_fingerprint(fingerprint)
            if row is not None:
                if row.bundle != str(bundle):
                    row.bundle = str(bundle)
                    draft.note(row, actor, "move", f"to {bundle}")
                return _record(row), False
            row = draft.add(str(bundle), fingerprint)
            draft.note(row, actor, "register")
            return _record(row), True

    def promote(self, version: int, actor: str) -> VersionRecord:
        """Let a version answer; the one before it retires and can be rolled back to.

        Raises
        ------
        UnknownVersionError
            If there is none of this number.
        BundleError
            If its bundle is gone, changed or broken; the present version stays.
        """
        self._check_unchanged(self.get(version))
        with changing_registry(self._store) as draft:
            return self._activate(draft, _existing(draft, version), actor, "promote")

    def roll_back(self, actor: str) -> VersionRecord:
        """Let the version answer that answered before the present one.

        Raises
        ------
        ConfigError
            If there was none.
        BundleError
            If its bundle is gone, changed or broken.
        """
        with changing_registry(self._store) as draft:
            active = draft.in_state("active")
            before = None if active is None else draft.last_promoted_before(active.version)
            if before is None:
                raise ConfigError("expected a version that was active before, found none to roll back to")
            target = _record(before)
        self._check_unchanged(target)
        with changing_registry(self._store) as draft:
            return self._activate(draft, _existing(draft, target.version), actor, "roll back")

    def shadow(self, version: int, actor: str) -> VersionRecord:
        """Let a version price along without being heard."""
        return self._try_out(version, "shadow", 0.0, actor)

    def canary(self, version: int, share: float, actor: str) -> VersionRecord:
        """Let a version answer for a share of the listings, always the same ones.

        Parameters
        ----------
        version : int
            The version.
        share : float
            Above 0, at most 0.5.
        actor : str
            Who does this.

        Raises
        ------
        ConfigError
            If the share is out of range, or the version is the active one.
        """
        if not 0 < share <= 0.5:
            raise ConfigError(f"expected a share above 0 and at most 0.5, got {share:g}")
        return self._try_out(version, "canary", share, actor)

    def stop(self, version: int, actor: str, reason: str = "") -> VersionRecord:
        """End the trial of a canary or a shadow.

        Raises
        ------
        ConfigError
            If the version is neither.
        """
        with changing_registry(self._store) as draft:
            row = _existing(draft, version)
            if row.state not in ("canary", "shadow"):
                raise ConfigError(f"expected a canary or a shadow, and version {version} is {row.state}")
            draft.set_state(row, "retired")
            draft.note(row, actor, "stop", reason)
            return _record(row)

    def start_with(self, bundle: Path | None, actor: str) -> VersionRecord:
        """Return the version to serve when the service starts.

        Parameters
        ----------
        bundle : pathlib.Path, optional
            A bundle that was never seen before becomes the active one; one that is known stays what it
            is, so that a restart does not undo a promotion or a rollback.
        actor : str
            Who does this.

        Raises
        ------
        ConfigError
            If there is neither a bundle nor an active version.
        BundleError
            If the one to serve cannot be loaded.
        """
        active = next((one for one in self.versions() if one.state == "active"), None)
        if bundle is not None:
            version, is_new = self.register(bundle, actor)
            if is_new or active is None:
                return self.promote(version.version, actor)
        if active is None:
            raise ConfigError("expected a model to serve, and the store has no active one: name its folder")
        # here it is told in one message; a worker that cannot start has only its traceback
        self._check_unchanged(active)
        return active

    def _check_unchanged(self, version: VersionRecord) -> None:
        check_unchanged(version)
        self._check(version.bundle)

    def _activate(self, draft: RegistryDraft, row: ModelVersion, actor: str, action: str) -> VersionRecord:
        active = draft.in_state("active")
        if active is not None and active.version == row.version:
            return _record(row)
        if active is not None:
            draft.set_state(active, "retired")
        draft.set_state(row, "active", 1.0)
        draft.note(row, actor, action, "" if active is None else f"instead of {active.version}")
        return _record(row)

    def _try_out(self, version: int, state: str, share: float, actor: str) -> VersionRecord:
        self._check_unchanged(self.get(version))
        with changing_registry(self._store) as draft:
            row = _existing(draft, version)
            if row.state == "active":
                raise ConfigError(
                    f"expected a version that is not active, and {version} is: promote another first"
                )
            if draft.in_state("active") is None:
                raise ConfigError("expected an active version beside it, found none: promote one first")
            other = draft.in_state(state)
            is_new_trial = row.state not in ("canary", "shadow")
            if other is not None and other.version != version:
                draft.set_state(other, "retired")
                draft.note(other, actor, "stop", f"{version} takes its place")
            draft.set_state(row, state, share)
            draft.note(row, actor, state, f"share {share:g}" if share else "")
            record = _record(row)
        if is_new_trial:
            forget_outcomes(self._store, version)
        return record


def check_unchanged(version: VersionRecord) -> None:
    """Hold that a version's folder still has the bundle that was registered.

    Raises
    ------
    BundleError
        If it has another one, or none.
    """
    if bundle_fingerprint(version.bundle) != version.fingerprint:
        raise BundleError(
            f"expected the bundle of version {version.version} at {version.bundle}, found another one: "
            "give every version a folder of its own, and register the new one"
        )


def _existing(draft: RegistryDraft, version: int) -> ModelVersion:
    row = draft.by_version(version)
    if row is None:
        raise _unknown(version)
    return row


def _unknown(version: int) -> UnknownVersionError:
    return UnknownVersionError(
        f"expected a registered version, got {version}: 'pricelm models list' or GET /v1/models shows them"
    )


def _record(row: ModelVersion) -> VersionRecord:
    return VersionRecord(
        row.version, Path(row.bundle), row.fingerprint, row.state, row.share, row.created, row.promoted
    )


def _change(row: RegistryChange) -> ChangeRecord:
    return ChangeRecord(row.at, row.actor, row.action, row.version, row.note)

"""Results that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pricelm.core.errors import OutputError


@contextmanager
def replaced_file(target: Path) -> Iterator[Path]:
    """Let a block write a draft that takes the place of ``target`` only when the block has ended well.

    Parameters
    ----------
    target : pathlib.Path
        The file to write; its folder is made if it is missing.

    Yields
    ------
    pathlib.Path
        The draft, beside the target; the block writes it.

    Raises
    ------
    OutputError
        If something cannot be written. The draft is gone then, and an earlier ``target`` is as it was.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "prices.csv"
    >>> with replaced_file(target) as draft:
    ...     _ = draft.write_text("price")
    >>> target.read_text(), len(list(target.parent.iterdir()))
    ('price', 1)
    """
    if target.is_dir():
        raise OutputError(f"expected a file name to write to, got the folder {target}; name a file in it")
    draft = target.with_name(f".{target.name}-{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        draft.unlink(missing_ok=True)


def cannot_write(target: Path, error: OSError) -> OutputError:
    """Return the error that says why ``target`` was not written and what to do."""
    return OutputError(
        f"{target} could not be written ({error.strerror or error}); nothing was left there. Free some "
        "space, or choose a place that can be written"
    )


@contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """Let a block fill a folder that appears at ``target`` only when the block has ended well.

    Parameters
    ----------
    target : pathlib.Path
        A folder that is not there yet; the folders above it are made.

    Yields
    ------
    pathlib.Path
        The draft, beside the target.

    Raises
    ------
    OutputError
        If something cannot be written. The draft is gone then.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "backup"
    >>> with replaced_folder(target) as draft:
    ...     _ = (draft / "a").write_text("1")
    >>> [one.name for one in target.iterdir()]
    ['a']
    """
    draft = target.with_name(f".{target.name}-{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        yield draft
        draft.replace(target)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)

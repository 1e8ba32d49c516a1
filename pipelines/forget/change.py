"""A place without the person: written beside it, read again, and only then put in its stead."""

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.prepare.merge import disk_errors, sync_tree
from pipelines.prepare.partial import sync_folder
from pretrain.errors import RunFailure

NEW, OLD = ".forget-new", ".forget-old"


class Change(NamedTuple):
    """What one place needs."""

    path: Path
    removed: str
    """What of the person is there, in words."""
    write: Callable[[Path], None]
    """Writes the place without the person under another name."""
    traces: Callable[[Path], Collection[str]]
    """Reads a place from end to end and names what is the person's."""


def carry_out(changes: Sequence[Change]) -> None:
    """All changes or none: no place is touched before every new one has been read again and holds nobody."""
    try:
        with disk_errors(changes[0].path.parent):
            for change in changes:
                new = beside(change.path, NEW)
                change.write(new)
                if traces := sorted(change.traces(new)):
                    raise RunFailure(
                        f"{change.path}: the person would still be in {traces[0]} ({len(traces)} traces in all): "
                        "remove that by hand; nothing was changed"
                    )
                _sync(new)
    except BaseException:
        for change in changes:
            remove(beside(change.path, NEW))
        raise
    for change in changes:
        swap(change.path)


def swap(path: Path) -> None:
    """Puts the new place in the stead of the old one."""
    new, old = beside(path, NEW), beside(path, OLD)
    if path.is_dir():
        path.rename(old)
    new.replace(path)
    sync_folder(path.parent)
    remove(old)


def recover(path: Path) -> bool:
    """Ends what a killed `forget` left behind; whether a place was or had to be replaced."""
    new, old = beside(path, NEW), beside(path, OLD)
    replacing = old.exists()
    if replacing and not path.exists():
        (new if new.exists() else old).rename(path)
    if path.exists():
        remove(new)
        remove(old)
    return replacing


def beside(path: Path, ending: str) -> Path:
    """A hidden neighbour of a place."""
    return path.with_name(f".{path.name}{ending}")


def remove(path: Path) -> None:
    """Removes a file or folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_without(
    source: Path, target: Path, drop: Callable[[Path], bool], edit: Callable[[Path, Path], bool] = lambda a, b: False
) -> None:
    """A copy of a folder by hard links, without what is to `drop`; `edit` may write an entry's copy itself."""
    target.mkdir(mode=source.stat().st_mode & 0o777)
    for entry in sorted(source.iterdir()):
        copy = target / entry.name
        if drop(entry):
            continue
        if entry.is_symlink():
            _link(entry, copy)
        elif not edit(entry, copy):
            copy_without(entry, copy, drop, edit) if entry.is_dir() else _link(entry, copy)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target, follow_symlinks=False)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_tree(path)
    else:
        with path.open("rb") as file:
            os.fsync(file.fileno())

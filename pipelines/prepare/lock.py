"""Who may work in a folder at the same time: shards together, everybody else alone."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from pretrain.errors import RunFailure, UserError

LOCK = "lock"


@contextlib.contextmanager
def working_in(folder: Path, share: str | None = None) -> Iterator[None]:
    """Holds `folder` (made if absent, 0700) alone, or with a `share` together with all who hold other shares.

    Raises `UserError` when somebody else is at work. A killed process holds nothing.
    """
    with contextlib.ExitStack() as stack:
        _hold(stack, folder, LOCK, fcntl.LOCK_SH if share else fcntl.LOCK_EX)
        if share:
            _hold(stack, folder, f"{LOCK}.{share}", fcntl.LOCK_EX)
        yield


def _hold(stack: contextlib.ExitStack, folder: Path, name: str, kind: int) -> None:
    while True:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise RunFailure(f"{folder} cannot be written ({error.strerror or error})") from error
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another `wince prepare` is at work in {folder}: wait until it ends") from None
        except OSError as error:
            print(f"no locks on this file system ({error.strerror}): see to it that nobody else works in {folder}")
            return
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == (folder / name).stat().st_ino:
                return
        # whoever held the lock before has finished and removed the folder: try again in the new one

"""Names behind a key: keyed hashes instead of file names and checksums, for `--private KEYFILE`.

Every part of a name is hashed for itself, so that with the key a person can be found again, joined and forgotten, and
without it one still sees which files belong together (splits by person need that) but not whose they are.
"""

import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path, PurePosixPath

from pretrain.errors import UserError

KEY_BYTES = 32
PART = 32
"""Hexadecimal digits of a hashed part of a name."""
SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
_HIDDEN = re.compile(rf"(?:([0-9a-f]{{{PART}}})_)?([0-9a-f]{{{PART}}})\.[0-9a-f]{{8}}")


def open_key(file: Path) -> bytes:
    """The key in `file`, which is made (0600, random) when it is not there.

    Raises `UserError` when others can read the file, or when it holds no key.
    """
    if not file.exists():
        if not file.absolute().parent.is_dir():
            raise UserError(f"--private {file}: no such folder {file.absolute().parent}")
        _make_key(file)
    return read_key(file)


def read_key(file: Path) -> bytes:
    """The key in `file`; raises `UserError` when it is not there, holds no key, or others can read it."""
    if not file.is_file():
        raise UserError(f"--private {file}: no such key file")
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        raise UserError(f"--private {file}: others can read this key (mode {mode:04o}): chmod 600 it")
    try:
        key = bytes.fromhex(file.read_text().strip())
    except (ValueError, OSError):
        key = b""
    if len(key) != KEY_BYTES:
        raise UserError(f"--private {file}: holds no key ({2 * KEY_BYTES} hexadecimal digits); name a new file for one")
    return key


def key_mark(key: bytes | None) -> str | None:
    """What tells whether two keys are the same and betrays nothing else."""
    return _hash(key, "mark", "")[:16] if key else None


def hide_name(name: str, key: bytes | None) -> str:
    """The name of a piece of footage with every part hashed; the name itself without a key."""
    if key is None:
        return name
    path = PurePosixPath(name)
    folders = [hide_part(part, key) for part in path.parts[:-1]]
    subject = path.stem.partition("_")[0]
    last = hide_part(path.stem, key)
    if subject != path.stem and SUBJECT.fullmatch(subject):
        last = f"{hide_part(subject, key)}_{last}"
    return "/".join([*folders, f"{last}.{_hash(key, 'ending', path.suffix)[:8]}"])


def hide_part(part: str, key: bytes) -> str:
    """The hash that stands for a folder, a file's stem or a `sub-XX` in names."""
    return _hash(key, "part", part)[:PART]


def hide_digest(sha256: str, key: bytes | None) -> str:
    """A content hash that only holders of the key can compare with a file."""
    return _hash(key, "content", sha256) if key and sha256 else sha256


def parts_of(name: str) -> set[str]:
    """The parts of a plain or hidden name that may name a person: folders, the stem, a `sub-XX` that begins it."""
    path = PurePosixPath(name)
    parts = {*path.parts, path.stem}
    subject = path.stem.partition("_")[0]
    if SUBJECT.fullmatch(subject):
        parts.add(subject)
    if hidden := _HIDDEN.fullmatch(path.name):
        parts.update(part for part in hidden.groups() if part)
    return parts


def is_hidden(name: str) -> bool:
    """Whether a name is one that `hide_name` gives."""
    return bool(_HIDDEN.fullmatch(PurePosixPath(name).name))


def _hash(key: bytes, purpose: str, text: str) -> str:
    return hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256").hex()


def _make_key(file: Path) -> None:
    descriptor, scratch = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")  # 0600
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(scratch, file)  # unlike a rename it never replaces the key that another shard has just made
    except FileExistsError:
        pass
    finally:
        Path(scratch).unlink()

"""The options of `wince prepare`, checked before anything is written, and what is recorded of them."""

from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.private import key_mark, open_key
from pretrain.errors import UserError, nearest
from pretrain.footage.finders import make_finder
from pretrain.footage.ingest import IngestOptions
from pretrain.footage.sampling import Sampling

DECIDING = ("wince", "av", "numpy", "opencv-python")
"""Packages whose version may change the pixels."""


def check_options(options: dict[str, Any]) -> IngestOptions:
    """Fields of `IngestOptions` and of its `Sampling` by name, put together.

    Raises `UserError` for unknown names, wrong values, and a face finder that cannot be had.
    """
    frames, known = ([f.name for f in fields(kind)] for kind in (Sampling, IngestOptions))
    for name in options:
        if name not in (*frames, *known):
            raise UserError(f"no option --{name.replace('_', '-')}{nearest(name, [*frames, *known])}")
    make_finder(options.get("faces", IngestOptions.faces), options.get("face_weights"))
    try:
        sampling = Sampling(**{name: value for name, value in options.items() if name in frames})
        return IngestOptions(**{k: v for k, v in options.items() if k in known}, sampling=sampling)
    except ValidationError as e:
        first = e.errors()[0]
        where = f"--{str(first['loc'][0]).replace('_', '-')} {first['input']}: " if first["loc"] else ""
        raise UserError(f"{where}{first['msg'].removeprefix('Value error, ').lower()}") from None


def check_private(private: Path | None) -> bytes | None:
    """The key of `--private`, which is made where it is absent; None without the option."""
    return open_key(private) if private else None


def config_of(options: IngestOptions, key: bytes | None) -> dict[str, Any]:
    """What `config.json` of the clips says: the options, and a mark of the key if names are hidden."""
    values = {**asdict(options), "private": key_mark(key)}
    if weights := values.get("face_weights"):
        values["face_weights"] = "given" if key else str(weights)  # a path may name people
    return values


def record_of(options: IngestOptions, key: bytes | None) -> dict[str, Any]:
    """What must be the same for work to go on."""
    return {"config": config_of(options, key), "versions": {name: version(name) for name in DECIDING}}

"""Run folders: private (0700), with the resolved config and the environment beside every result."""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.configuration import to_json
from pretrain.errors import UserError

PACKAGES = (
    "wince",
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "tensorflow-datasets",
    "numpy",
    "opencv-python",
)


def open_run(out: Path, config: Any, **inputs: Any) -> None:
    """Makes the run folder, or makes sure that an existing one belongs to the same config and inputs.

    Raises `UserError` naming the first thing that differs. Inputs (paths, names) are recorded beside the config.
    """
    record = {"config": to_json(config), "inputs": {k: str(v) for k, v in inputs.items()}}
    path = out / "config.json"
    if path.exists():
        old = json.loads(path.read_text())
        different = first_difference(old, record)
        if different:
            raise UserError(f"{out} belongs to another run: {different}; choose another --out, or repeat its command")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not a run folder; choose another --out")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(out / "environment.json", environment())
    write_json(path, record)


def write_json(path: Path, values: Any) -> None:
    """Writes JSON so that a reader sees the old file or the whole new one."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a text (UTF-8) so that a reader sees the old file or the whole new one."""
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def first_difference(old: Any, new: Any, where: str = "") -> str | None:
    """The first value that differs between two JSON values, as `key is A there and B here`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            found = first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return None
    return None if old == new else f"{where.removeprefix('config.')} is {old!r} there and {new!r} here"


def environment() -> dict[str, Any]:
    """Versions, devices and commit under which a result was made; names nobody and no path."""
    import jax

    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "devices": [d.device_kind for d in jax.devices()],
        "cpu_cores": os.cpu_count(),
        "commit": _commit(),
    }


def _commit() -> str | None:
    here = Path(__file__).resolve().parent
    result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None

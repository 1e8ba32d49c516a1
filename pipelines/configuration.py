"""Loading, overriding and recording configs: typed Python files that name an experiment."""

import importlib
import importlib.util
import json
import re
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from pretrain.errors import UserError, nearest

T = TypeVar("T")


def load_config(name: str, kind: type[T]) -> T:
    """The `config` of a config file, given by path (`configs/pretrain/tiny.py`) or name (`pretrain/tiny`).

    Raises `UserError` for a file that is not there, a wrong key or value in it, or a config of another kind.
    """
    module = _load_module(name)
    config = getattr(module, "config", None)
    if not isinstance(config, kind):
        raise UserError(f"{name}: `config` is {_article(type(config).__name__)}, but this needs a {kind.__name__}")
    return config


def override(config: T, changes: dict[str, str]) -> T:
    """A copy of a config with dotted keys set from text, such as {"optimizer.learning_rate": "1e-3"}.

    A group that is given another kind (`encoder.kind`) has that kind's defaults, but keeps the values of the keys that
    both kinds have. Raises `UserError` for unknown keys and for values that do not fit, naming the nearest right key.
    """
    if not changes:
        return config
    values = _with_kinds(config, changes)
    for key, text in changes.items():
        target, parts = values, key.split(".")
        for i, part in enumerate(parts):
            if part not in target:
                known = [".".join([*parts[:i], k]) for k in target]
                raise UserError(f"no config key {key!r}{nearest(key, known)}")
            if i < len(parts) - 1:
                if not isinstance(target[part], dict):
                    raise UserError(f"config key {'.'.join(parts[: i + 1])!r} has no parts")
                target = target[part]
        if isinstance(target[parts[-1]], dict):
            raise UserError(f"config key {key!r} is a group{nearest(key, [f'{key}.{k}' for k in target[parts[-1]]])}")
        target[parts[-1]] = _parse(text)
    return _from_json(type(config), values)


def read_config(path: Path, kind: type[T]) -> T:
    """The config that a run recorded in its config.json."""
    try:
        return _from_json(kind, json.loads(path.read_text())["config"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not the record of a {kind.__name__}: {error}") from error


def to_json(config: Any) -> dict[str, Any]:
    """A config as plain JSON values."""
    return TypeAdapter(type(config)).dump_python(config, mode="json")


def _with_kinds(config: Any, changes: dict[str, str]) -> dict[str, Any]:
    values = to_json(config)
    for key, text in changes.items():
        name, _, last = key.partition(".")
        kinds = _kinds(get_type_hints(type(config)).get(name))
        if last != "kind" or not kinds:
            continue
        if text not in kinds:
            raise UserError(f"no {key} {text!r}{nearest(text, kinds)}")
        if text != values[name]["kind"]:
            fresh = to_json(kinds[text]())
            values[name] = fresh | {k: values[name][k] for k in fresh if k in values[name]} | {"kind": text}
    return values


def _kinds(hint: Any) -> dict[str, Any]:
    """The members of a union of configs that are told apart by their `kind`."""
    return {member.kind: member for member in get_args(hint) if hasattr(member, "kind")}


def _from_json(kind: type[T], values: dict[str, Any]) -> T:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise UserError(_one_line(error, kind)) from error


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _load_module(name: str) -> ModuleType:
    try:
        if name.endswith(".py"):
            path = Path(name)
            if not path.is_file():
                raise UserError(f"no config file {name}{nearest(path.stem, _known(path.parent))}")
            spec = importlib.util.spec_from_file_location(f"_config_{path.stem}", path)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        root = Path(importlib.import_module("configs").__path__[0])
        if not (root / f"{name}.py").is_file():
            choices = [f"{p.parent.name}/{p.stem}" for p in root.glob("*/*.py") if p.stem != "__init__"]
            raise UserError(f"no config named {name!r}{nearest(name, choices)}")
        return importlib.import_module(f"configs.{name.replace('/', '.')}")
    except ValidationError as error:
        raise UserError(f"{name}: {_one_line(error, _owner(error))}") from error
    except (SyntaxError, ImportError, NameError, TypeError, AttributeError) as error:
        raise UserError(f"{name}: {type(error).__name__}: {error}") from error


def _known(folder: Path) -> list[str]:
    return [p.stem for p in folder.glob("*.py") if p.stem != "__init__"] if folder.is_dir() else []


def _owner(error: ValidationError) -> type | None:
    """The config class that a validation error speaks of, found by its name among the loaded floors."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("pretrain", "personalize", "pipelines"):
            found = getattr(module, error.title, None)
            if isinstance(found, type):
                return found
    return None


def _one_line(error: ValidationError, kind: type | None) -> str:
    first = error.errors()[0]
    parts, owner = _place(kind, first["loc"])
    where = ".".join(parts)
    if first["type"] == "unexpected_keyword_argument":
        known = [f.name for f in fields(owner)] if is_dataclass(owner) else []
        return f"{error.title} has no key {where!r}{nearest(parts[-1], known)}"
    message = re.sub(r"^Value error, ", "", first["msg"])
    return f"{error.title}{'.' + where if where else ''}: {message}, got {first['input']!r}"[:300] if where else message


def _place(kind: Any, loc: tuple[int | str, ...]) -> tuple[list[str], Any]:
    """The keys on the way to a place in a config, without the kinds that pydantic puts between, and its owner."""
    keys, owner, hint = [], kind, kind
    for part in map(str, loc):
        if part in _kinds(hint):
            hint = _kinds(hint)[part]
        else:
            keys, owner = [*keys, part], hint
            hint = get_type_hints(owner).get(part) if is_dataclass(owner) else None
    return keys, owner


def _article(word: str) -> str:
    return "missing" if word == "NoneType" else f"a {word}"

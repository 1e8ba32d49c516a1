"""A person's model as one small file: safetensors, with what it is and what it has seen as JSON in the header.

The file is complete: the population model is in it, and of nobody else anything, not even a name. It answers only for
features of the encoder that it was made with.
"""

import importlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from personalize.adaptation.base import Adaptation, Head, Prediction
from personalize.adaptation.normalise import Normalise
from personalize.cohorts.identity import same_person_key
from pretrain.errors import UserError

FORMAT = "wince person 1"
ENDING = ".safetensors"
MADE_OF = {
    "RidgeHead": "personalize.heads.ridge",
    "GaussianHead": "personalize.heads.gaussian",
    "Space": "personalize.heads.gaussian",
    "NoAdaptation": "personalize.adaptation.simple",
    "ParticipantPrior": "personalize.adaptation.simple",
    "Ridge": "personalize.adaptation.ridge",
    "Prior": "personalize.adaptation.prior",
    "ClassRidge": "personalize.adaptation.classes",
    "Isotonic": "personalize.adaptation.isotonic",
    "Ordinal": "personalize.adaptation.ordinal",
    "Guard": "personalize.adaptation.guard",
    "Normalise": "personalize.adaptation.normalise",
    "GradientAdaptation": "personalize.adaptation.gradient.adaptations",
    "Population": "personalize.adaptation.gradient.networks",
    "Pull": "personalize.adaptation.gradient.adaptations",
}
"""What a file may hold, and where it is defined; nothing else is ever made from one. Of an estimator the attributes
are kept that its `KEPT` names; a dictionary among them is by person.
"""


class Used(NamedTuple):
    """What of the person's data the model has seen."""

    units: int
    seconds: float
    labels: int
    raters: tuple[str, ...] = ()
    """Whose labels."""


class Person(NamedTuple):
    """A person's model, ready to predict."""

    about: dict[str, Any]
    """The header: participant, encoder, adaptation, kind, classes, cut (of two classes), used, date."""
    model: Adaptation
    features: Normalise | None
    lowest: Head | None
    """What finds the clips that are predicted lowest, where these are the neutral moment."""

    def predict(self, X: Float[np.ndarray, "n d"]) -> Prediction:
        """Of features of this person."""
        who = np.full(len(X), self.about["participant"])
        return self.model.predict(X if self.features is None else self.features.transform(X, who), who)


def person_file(folder: Path, participant: str) -> Path:
    """Where the model of a participant lies."""
    return folder / f"{quote(participant, safe='')}{ENDING}"


def save_person(
    folder: Path,
    participant: str,
    model: Adaptation,
    *,
    encoder: str,
    adaptation: str,
    kind: str,
    used: Used,
    classes: Sequence[str] = (),
    features: Normalise | None = None,
    lowest: Head | None = None,
    cut: float | None = None,
    date: str | None = None,
) -> Path:
    """Writes one person's part of an adaptation that was fitted, to anybody or many; returns the file.

    `encoder` is the fingerprint of what made the features, `features` a standardisation that comes before the model,
    `lowest` what finds a neutral moment, `cut` the probability from which on the second of two classes is called.
    Raises `UserError` where the folder holds the model of someone whose name differs only in spelling.
    """
    file = person_file(folder, participant)
    for other in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else []:
        if other != file and same_person_key(other.stem) == same_person_key(file.stem):
            raise UserError(f"{folder} holds {other.name!r}: is {participant!r} the same person?")
    arrays: dict[str, np.ndarray] = {}
    steps = {"model": model, "features": features, "lowest": lowest}
    tree = {name: _pack(step, participant, arrays) for name, step in steps.items()}
    about = {
        "participant": participant,
        "encoder": encoder,
        "adaptation": adaptation,
        "kind": kind,
        "classes": list(classes),
        "cut": cut,
        "used": {**used._asdict(), "raters": list(used.raters)},
        "date": date or datetime.now(UTC).date().isoformat(),
    }
    header = {"format": FORMAT, "about": json.dumps(about), "tree": json.dumps(tree)}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = file.with_name(f".{file.name}.partial")
    scratch.touch(mode=0o600)
    scratch.write_bytes(save(arrays, metadata=header))
    scratch.replace(file)
    return file


def load_person(file: Path, *, encoder: str) -> Person:
    """Reads a person's model; raises `UserError` for another encoder than its own, or a file that is none."""
    try:
        with safe_open(file, framework="numpy") as stream:
            header = stream.metadata() or {}
            arrays = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file} is not the model of a person ({str(error).splitlines()[0]})") from error
    if header.get("format") != FORMAT:
        raise UserError(f"{file} is not the model of a person, or of another version: {header.get('format')!r}")
    about, tree = json.loads(header["about"]), json.loads(header["tree"])
    if about["encoder"] != encoder:
        raise UserError(f"{file} was made with encoder {about['encoder']!r} and cannot read features of {encoder!r}")
    return Person(about, *(_unpack(tree.get(part), arrays) for part in ("model", "features", "lowest")))


def _pack(thing: Any, participant: str, arrays: dict[str, np.ndarray]) -> Any:
    """The thing as JSON, arrays put aside under a number."""
    if isinstance(thing, np.ndarray):
        arrays[str(len(arrays))] = np.ascontiguousarray(thing)
        return {"array": str(len(arrays) - 1)}
    if isinstance(thing, np.generic):
        return thing.item()
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, dict):
        own = {key: value for key, value in thing.items() if key == participant}
        return {"of": {key: _pack(value, participant, arrays) for key, value in own.items()}}
    name = type(thing).__name__
    if name == "BaseEncoder":
        raise UserError("a model that is trained end to end with its encoder is not kept in a person's file: "
                        "adapt on the encoder's features")  # fmt: skip
    if name not in MADE_OF:
        raise UserError(f"a {name} cannot be kept in a person's file")
    if isinstance(thing, tuple):
        return {"tuple": name, "items": [_pack(value, participant, arrays) for value in thing]}
    kept = {key: _pack(getattr(thing, key), participant, arrays) for key in thing.KEPT if hasattr(thing, key)}
    return {"made": name, "kept": kept}


def _unpack(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[tree["array"]]
    if "of" in tree:
        return {key: _unpack(value, arrays) for key, value in tree["of"].items()}
    name = tree.get("tuple") or tree["made"]
    if name not in MADE_OF:
        raise UserError(f"a person's file asks for {name!r}, which this version does not know")
    kind = getattr(importlib.import_module(MADE_OF[name]), name)
    if "tuple" in tree:
        return kind(*(_unpack(value, arrays) for value in tree["items"]))
    thing = kind.__new__(kind)
    for key, value in tree["kept"].items():
        setattr(thing, key, _unpack(value, arrays))
    return thing

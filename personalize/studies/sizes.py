"""A study in one of its sizes, and in its two general variants: with a reference, with an encoder's features."""

from dataclasses import replace
from typing import Any, Literal

from personalize.studies.config import Size, Sizes, Slot, Study, World
from personalize.studies.fitting import on_features, referenced
from personalize.studies.inputs import Embedded, Films, Pictures
from personalize.studies.models import Model
from pretrain.errors import UserError

SIDES = ("as_reported", "honest")
Which = Literal["as_reported", "honest", "both"]


def sized(study: Study, size: Sizes) -> Study:
    """The study with nothing in it but what this size runs."""
    of = study.sizes[size]
    given = study.input
    if of.pixels is not None and isinstance(given, Pictures | Films):
        given = replace(given, pixels=of.pixels)
    models = {name: _shorter(model, of) for name, model in study.models.items() if name in (of.models or study.models)}
    kept = {name: _some(getattr(study, name), getattr(of, name), of, tuple(models)) for name in SIDES}
    gone = study.models.keys() - models.keys()
    asked = [i for i, c in enumerate(study.claims) if not {c.better.adaptation, c.than.adaptation} & gone]
    claims = tuple(study.claims[i] for i in asked)
    worlds = {
        name: replace(world, truths=tuple(world.truths[i] for i in asked if world.truths))
        for name, world in study.worlds.items()
        if name in (of.worlds or study.worlds)
    }
    chosen = dict.fromkeys(study.sizes, replace(of, models=(), worlds=(), honest=(), as_reported=()))
    return replace(study, input=given, models=models, worlds=worlds, claims=claims, sizes=chosen, **kept)


def _some(slots: tuple[Slot, ...], positions: tuple[int, ...], of: Size, models: tuple[str, ...]) -> tuple[Slot, ...]:
    chosen = [slots[i] for i in positions] if positions else slots
    found = []
    for slot in chosen:
        changes: dict[str, Any] = {}
        if of.folds is not None and of.folds < getattr(slot.protocol, "n_splits", 0):
            changes["protocol"] = replace(slot.protocol, n_splits=of.folds)
        if slot.models:
            changes["models"] = tuple(name for name in slot.models if name in models)
        found.append(replace(slot, **changes))
    return tuple(found)


def _shorter(model: Model, of: Size) -> Model:
    if of.steps is None:
        return model
    changes: dict[str, Any] = {"training": replace(model.training, epochs=None, steps=of.steps)}
    if model.tuning is not None:
        steps = min(of.steps, model.tuning.steps or of.steps)
        changes["tuning"] = replace(model.tuning, epochs=None, steps=steps)
    if model.bottleneck is not None:
        shorter = replace(model.bottleneck.training, epochs=None, steps=of.steps)
        changes["bottleneck"] = replace(model.bottleneck, training=shorter)
    return replace(model, **changes)


def with_references(study: Study) -> Study:
    """The study with a further model for each that has no reference: the same with one (`+ref`)."""
    models = dict(study.models)
    for name, model in study.models.items():
        if model.reference is None:
            models[f"{name}+ref"] = referenced(model)
    sides = {side: tuple(_with_more(slot, models) for slot in getattr(study, side)) for side in SIDES}
    return replace(study, models=models, **sides)


def _with_more(slot: Slot, models: dict[str, Model]) -> Slot:
    more = tuple(f"{name}+ref" for name in slot.models if f"{name}+ref" in models)
    return replace(slot, models=(*slot.models, *more))


def with_encoder(study: Study) -> Study:
    """The study with an encoder's features in place of its own networks.

    Raises `UserError` where it looks at no pictures.
    """
    if not isinstance(study.input, Pictures | Films):
        raise UserError(f"--encoder takes the place of networks that see faces; this study looks at {study.input.kind}")
    models = {name: on_features(model) for name, model in study.models.items() if not model.background}
    return replace(study, input=Embedded(), models=models)


def of_cohort(study: Study, name: str) -> Study:
    """The study with one world, that of a cohort at hand: nobody knows what is true there."""
    first = next(iter(study.worlds.values()))
    system = replace(study.system, data_substitute=None)
    return replace(study, system=system, worlds={"given": World(first.cohort, f"the cohort {name}")})

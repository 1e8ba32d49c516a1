"""`--adaptation` and `--k` of the command line, in the stead of a config's adaptations."""

from collections.abc import Sequence
from dataclasses import replace

from personalize.adaptation.names import parts, takes_labels
from personalize.config import AdaptationConfig, LabelZero, PersonalizeConfig
from personalize.protocols.config import Personal
from pretrain.errors import UserError

LABELS = 5
"""k where neither the command nor the config says it."""


def with_adaptations(
    config: PersonalizeConfig, names: Sequence[str] | None, ks: Sequence[int] | None
) -> PersonalizeConfig:
    """The config with these adaptations, each that takes labels at every k; without names, its own at every k.

    Without k an adaptation has those that the config gives it, else 5. A protocol without labels of the person keeps
    only what needs none, unless they were asked for. Raises `UserError` for a k without an adaptation that takes
    labels, or below 0, or for a new population, which has rungs of its own.
    """
    if config.population is not None:
        if names or ks:
            raise UserError("a new population has rungs and numbers of labelled people, not --adaptation and --k: "
                            "say --population.rungs and --population.labelled")  # fmt: skip
        return config
    if ks is not None and min(ks) < 0:
        raise UserError(f"--k must not be below 0, as {min(ks)} is")
    asked = list(dict.fromkeys(names or [a.name for a in config.adaptations]))
    if names is None and ks is None:
        personal = isinstance(config.protocol, Personal)
        kept = tuple(a for a in config.adaptations if personal or (a.k == 0 and not _takes(config, a.name)))
        return config if personal else replace(config, adaptations=kept or (AdaptationConfig("none"),))
    if ks and not any(_takes(config, name) for name in asked):
        raise UserError(f"--k {ks[0]}: none of the adaptations ({', '.join(asked)}) uses labels")
    found = []
    for name in asked:
        own = [a.k for a in config.adaptations if a.name == name] or [LABELS]
        found += [AdaptationConfig(name, k) for k in (dict.fromkeys(ks or own) if _takes(config, name) else [0])]
    return replace(config, adaptations=tuple(found))


def _takes(config: PersonalizeConfig, name: str) -> bool:
    return takes_labels(name) or (parts(name).referenced and isinstance(config.neutral, LabelZero))

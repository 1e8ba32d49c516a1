"""The protocols as typed configs: what a run's `config.protocol` may be."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.protocols.base import Protocol
from personalize.protocols.personal import FEWEST_DRAWS
from personalize.protocols.registry import make_protocol
from pretrain.errors import UserError

Share = Annotated[float, Field(gt=0, lt=1)]
Splits = Annotated[int, Field(ge=2)]
Seed = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
_strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_strict)
class _People:
    """Who is left out of training while a person is adapted to; with `--train-cohort`, everybody of the cohort is."""

    people: Literal["loso", "group_kfold"] = "loso"
    n_splits: Splits = 5
    """Of `group_kfold`."""
    split_seed: Seed = 0
    """Of `group_kfold`."""


@dataclass(frozen=True, config=_strict)
class KShotConfig(_People):
    """k labels of the person; see `personalize.protocols.personal.KShot`."""

    kind: Literal["k_shot"] = "k_shot"
    first: Annotated[int, Field(ge=1)] = 1
    """Recordings from which the labels come, where there are later ones to test."""
    pool_share: Share = 0.5
    """Share of a single recording's time (without order: of a person's units) from which the labels come."""
    purge: Seconds | None = None
    """Seconds (rows, in a table without time) between pool and test; None: the length of the longest unit."""
    draws: Annotated[int, Field(ge=FEWEST_DRAWS)] = FEWEST_DRAWS
    """How often labels are drawn where there is no order."""
    seed: Seed = 0


@dataclass(frozen=True, config=_strict)
class BlockedConfig(_People):
    """The first part of every recording calibrates."""

    kind: Literal["blocked"] = "blocked"
    pool_share: Share = 0.5
    purge: Seconds | None = None
    per_class: bool = False
    """The first part of every class of it."""


@dataclass(frozen=True, config=_strict)
class SessionConfig(_People):
    """The first recordings calibrate."""

    kind: Literal["session"] = "session"
    first: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True, config=_strict)
class LosoConfig:
    """Leave one subject out; no labels of the person."""

    kind: Literal["loso"] = "loso"


@dataclass(frozen=True, config=_strict)
class GroupKFoldConfig:
    """People in folds; no labels of the person."""

    kind: Literal["group_kfold"] = "group_kfold"
    n_splits: Splits = 5
    seed: Seed = 0


@dataclass(frozen=True, config=_strict)
class FixedSplitConfig:
    """One split by named people, or by their number (the last that many); no labels of the person."""

    kind: Literal["fixed_split"] = "fixed_split"
    test: tuple[str, ...] | Annotated[int, Field(ge=1)] = 1
    train: tuple[str, ...] | None = None


@dataclass(frozen=True, config=_strict)
class RandomFrameConfig:
    """LEAKY: units dealt one by one."""

    kind: Literal["random_frame"] = "random_frame"
    n_splits: Splits = 10
    seed: Seed = 0


@dataclass(frozen=True, config=_strict)
class RandomWindowConfig:
    """LEAKY: stretches of recordings dealt whole."""

    kind: Literal["random_window"] = "random_window"
    seconds: Annotated[float, Field(gt=0)] = 2.0
    n_splits: Splits = 10
    seed: Seed = 0


@dataclass(frozen=True, config=_strict)
class MixedConfig:
    """LEAKY: recordings dealt within each participant."""

    kind: Literal["mixed"] = "mixed"
    n_splits: Splits = 10
    seed: Seed = 0


ProtocolConfig = (
    KShotConfig
    | BlockedConfig
    | SessionConfig
    | LosoConfig
    | GroupKFoldConfig
    | FixedSplitConfig
    | RandomFrameConfig
    | RandomWindowConfig
    | MixedConfig
)
Personal = KShotConfig | BlockedConfig | SessionConfig
"""Those that give labels of the person who is tested."""
NEEDS_ORDER = ("blocked", "session", "random_window", "mixed")


def to_protocol(
    config: ProtocolConfig, *, ordered: bool, k: int = 0, per_class: bool = False, external: Protocol | None = None
) -> Protocol:
    """The splitter that a config stands for.

    With `external` a protocol of the person's labels leaves out all people but those of the training cohort.
    Raises `UserError` where the protocol needs an order that the data lack, or cannot be external.
    """
    name = config.kind
    if not ordered and name in NEEDS_ORDER:
        raise UserError(f"protocol {name!r} needs an order, and the tables say that they have none: take k_shot")
    options = {key: value for key, value in vars(config).items() if key != "kind"}
    if isinstance(config, Personal):
        options = {key: value for key, value in options.items() if key not in ("people", "n_splits", "split_seed")}
        options["people"] = external or _people(config)
        if isinstance(config, KShotConfig):
            options |= {"k": k, "per_class": per_class, "order": ordered}
    elif external is not None:
        raise UserError(f"protocol {name!r} is of one cohort; --train-cohort goes with k_shot, blocked or session")
    return make_protocol(name, **options)


def _people(config: _People) -> Protocol:
    if config.people == "loso":
        return make_protocol("loso")
    return make_protocol("group_kfold", n_splits=config.n_splits, seed=config.split_seed)

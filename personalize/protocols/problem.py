"""What is to be predicted, of whom, and from what: the data of a personalization, all cohorts together."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from personalize.cohorts.joining import Rows
from personalize.cohorts.kinds import NUMBER, TargetKind
from personalize.protocols.people import External
from pretrain.errors import UserError


class Rests(NamedTuple):
    """Intervals that somebody has marked as rest, seconds."""

    recording: Shaped[np.ndarray, "r"]
    t0: Float[np.ndarray, "r"]
    t1: Float[np.ndarray, "r"]


NO_RESTS = Rests(np.zeros(0, str), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class Problem:
    """Feature rows with their labels, and what is known of both."""

    rows: Rows
    kind: TargetKind = NUMBER
    ordered: bool = True
    """Whether what comes first came first."""
    columns: tuple[str, ...] = ()
    """Names of the features; () where they have none."""
    rests: Rests = field(default=NO_RESTS)
    cohort: Shaped[np.ndarray, "n"] | None = None
    """Of every row, where people of one cohort are tested by a model of another one."""
    external: External | None = None
    """Which is which."""
    apart: frozenset[str] = frozenset()
    """People who are never tested, though others may learn from them: development people, in the test at the end."""

    def model_kind(self) -> str:
        """What models are fitted to: "number" or "class"."""
        return "class" if self.kind.name == "class" else "number"

    def metric_kind(self) -> str:
        """Kind of target of the metrics: two classes are scored by the probability of the second."""
        if self.kind.name == "class":
            return "probability" if len(self.kind.classes) == 2 else "class"
        return {"number": "numeric", "ordinal": "ordinal"}[self.kind.name]


def external_problem(train: Problem, test: Problem, names: tuple[str, str]) -> Problem:
    """Two cohorts as one: trained on the first, tested on the second.

    Raises `UserError` where the two have other features or one name.
    """
    if train.columns != test.columns or train.rows.x.shape[1] != test.rows.x.shape[1]:
        odd = sorted(set(train.columns) ^ set(test.columns)) or ["their number or order"]
        raise UserError(f"cohorts {names[0]!r} and {names[1]!r} have other features ({odd[0]})")
    if names[0] == names[1]:
        raise UserError(f"both cohorts are called {names[0]!r}: the name is in dataset_description.json")
    parts = [train, test]
    rests = [p.rests._replace(recording=_prefixed(p.rests.recording, n)) for p, n in zip(parts, names, strict=True)]
    return replace(
        test,
        rows=Rows(**{key: np.concatenate([getattr(p.rows, key) for p in parts]) for key in vars(train.rows)}),
        ordered=train.ordered and test.ordered,
        rests=Rests(*(np.concatenate(each) for each in zip(*rests, strict=True))),
        cohort=np.repeat(names, [len(p.rows.y) for p in parts]),
        external=External(*names),
    )


def _prefixed(recording: Shaped[np.ndarray, "r"], cohort: str) -> Shaped[np.ndarray, "r"]:
    return np.array([f"{cohort}/{name}" for name in recording.tolist()], dtype=str)


def unit_table(problem: Problem) -> pd.DataFrame:
    """Rows as the table of units that protocols take."""
    columns = ("participant", "recording", "sequence", "track", "t0", "t1")
    table = pd.DataFrame({name: getattr(problem.rows, name) for name in columns})
    return table if problem.cohort is None else table.assign(cohort=problem.cohort)

"""Who is trained on, calibrates and is tested in every fold, draw and k of a comparison; nothing is fitted here."""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from personalize.adaptation.names import parts
from personalize.cohorts.joining import Rows
from personalize.config import AdaptationConfig, FirstSeconds, LabelZero, LowestPredicted, MarkedRest, PersonalizeConfig
from personalize.protocols.base import LEAKY, Fold, Protocol
from personalize.protocols.config import KShotConfig, Personal, to_protocol
from personalize.protocols.kshot import calibration_units_of_each
from personalize.protocols.neutral import Neutral, first_seconds, label_zero, marked_rest
from personalize.protocols.problem import Problem, unit_table
from personalize.protocols.units import Units, read_units
from pretrain.errors import UserError

FEWEST = 3
"""With fewer labelled people the population model's strength cannot be chosen on two others."""
ALL = 10**9
"""More labels than anybody has."""


class Job(NamedTuple):
    """One fold in one draw; of the folds of all k only the calibration differs. Positions of units."""

    outer: str
    """Who is left out."""
    seed: int
    """Of the draw of labels; 0 where they are not drawn."""
    train: Int[np.ndarray, "a"]
    test: Int[np.ndarray, "t"]
    calibration: dict[int, Int[np.ndarray, "c"]]
    """By k."""

    def fold(self, k: int) -> Fold:
        """As the audit takes it."""
        return Fold(self.outer, self.train, self.calibration[k], self.test)


class Plan:
    """A problem and a config, with the masks that follow from them; units are the rows with label and features."""

    def __init__(self, problem: Problem, config: PersonalizeConfig, cells: Sequence[AdaptationConfig]) -> None:
        """Raises `UserError` where the data do not allow what the config asks for."""
        everything = read_units(unit_table(problem))
        everything.ids()  # made once, and taken along into every fold
        self.problem, self.config, self.cells = problem, config, tuple(cells)
        self.rows = _renamed(problem.rows, everything)
        self.valid = np.flatnonzero(problem.rows.valid)
        """Positions of the units among the rows."""
        self.row_units = everything
        self.table = unit_table(problem).iloc[self.valid].reset_index(drop=True)
        self.units = everything.take(self.valid)
        self.y = self.rows.y[self.valid]
        self.apart = np.isin(self.units.participant, [*problem.apart])
        self.since = everything.since_begin()[self.valid]
        """Time from the beginning of a unit's recording to its own."""
        self.per_class = problem.kind.name == "class"
        self.protocol = self.protocol_of(ALL)
        self.personal = isinstance(config.protocol, Personal)
        self.ks = sorted({a.k for a in cells} | {0})
        self._check()
        self.cut = self._cut()

    def protocol_of(self, k: int) -> Protocol:
        """The splitter that gives k labels."""
        p = self.problem
        options = {"ordered": p.ordered, "per_class": self.per_class, "external": p.external}
        return to_protocol(self.config.protocol, k=k, **options)

    def name(self) -> str:
        """The protocol's name with its marks, and with who is left out where that is not each person in turn."""
        people = getattr(self.config.protocol, "people", "loso")
        name = "external" if self.problem.external else self.protocol.name
        name += f"/{people}" if people != "loso" and not self.problem.external else ""
        return " ".join([name, *self.protocol.marks()])

    def leaky(self) -> bool:
        """Whether the protocol is marked LEAKY."""
        return LEAKY in self.protocol.marks()

    def seeds(self) -> list[int]:
        """Of the draws of labels, or that of the run."""
        p = self.config.protocol
        if isinstance(p, KShotConfig) and not self.problem.ordered:
            return [p.seed + i for i in range(p.draws)]
        return [self.config.seed]

    @functools.cache  # noqa: B019  (a plan lives as long as its run)
    def roles(self, k: int, draw: int) -> tuple[Bool[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        """Masks of the calibration and test units of everybody, training people included."""
        if not self.personal:
            return np.zeros(len(self.y), bool), ~self.cut
        shot = isinstance(self.config.protocol, KShotConfig)
        calibration, test = self.protocol_of(k).roles(self.table, self.y, draw)  # pyright: ignore[reportAttributeAccessIssue]
        if not shot:
            label = self.y if self.per_class else np.zeros(len(self.y))
            calibration = calibration_units_of_each(self.units, label, calibration, k)
        return calibration, test & ~self.cut

    def longest(self, k: int) -> tuple[int, int]:
        """The most labels and the most test units of one person, in whichever fold and draw."""
        most = [_most_of_one(mask, self.units.participant) for mask in (self.pool(0), self.roles(0, 0)[1])]
        return min(most[0], k * max(len(self.problem.kind.classes) if self.per_class else 1, 1)), most[1]

    def pool(self, draw: int) -> Bool[np.ndarray, "n"]:
        """Units from which everybody's labels come; whatever needs no label may use all of them."""
        return self.roles(ALL, draw)[0]

    def jobs(self) -> list[Job]:
        """All folds and draws, fold by fold."""
        folds = list(self.protocol.folds(None, self.y, self.table))
        drawn = isinstance(self.config.protocol, KShotConfig) and not self.problem.ordered
        found = []
        for fold in folds:
            outer, seed = fold.name.rsplit(", seed ", 1) if drawn else (fold.name, "0")
            test = fold.test[~(self.cut | self.apart)[fold.test]]
            if len(test):
                found.append(self._job(fold, outer, int(seed), test))
        if not found:
            raise UserError("no participant has units after the calibration pool and the purge gap: nothing to test")
        return sorted(found, key=lambda job: (job.outer, job.seed))

    def draw_of(self, job: Job) -> int:
        """Number of a job's draw."""
        return job.seed - self.config.protocol.seed if len(self.seeds()) > 1 else 0  # pyright: ignore[reportAttributeAccessIssue]

    def _job(self, fold: Fold, outer: str, seed: int, test: Int[np.ndarray, "t"]) -> Job:
        job = Job(outer, seed, fold.train, test, {})
        of_tested = np.isin(self.units.participant, np.unique(self.units.participant[test]))
        for k in self.ks:
            mask = self.roles(k, self.draw_of(job))[0] & of_tested
            job.calibration[k] = np.flatnonzero(mask) if self.personal else np.zeros(0, int)
        return job

    @functools.cache  # noqa: B019
    def neutral(self, k: int, draw: int) -> Neutral:
        """The neutral moments over all rows, where they do not hang on a model."""
        config, rows = self.config.neutral, self.rows
        usable = finite_rows(rows.x)
        where = (rows.recording, rows.t0, rows.t1, usable)
        if isinstance(config, FirstSeconds):
            return first_seconds(*where, config.seconds)
        if isinstance(config, MarkedRest):
            return marked_rest(*where, *self.problem.rests)
        assert isinstance(config, LabelZero)
        return self._label_zero(config, k, draw)

    def _label_zero(self, config: LabelZero, k: int, draw: int) -> Neutral:
        rows = self.rows
        offered, test = np.zeros(len(rows.y), bool), np.zeros(len(rows.y), bool)
        calibration, tested = self._uncut_roles(k, draw)
        offered[self.valid] = True if config.oracle else calibration
        test[self.valid] = tested
        usable = finite_rows(rows.x)
        of = (rows.participant, rows.recording, rows.t0, rows.t1, usable, rows.y)
        return label_zero(*of, offered, test, config.zero)

    def _uncut_roles(self, k: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
        calibration, test = self.protocol_of(k).roles(self.table, self.y, draw)  # pyright: ignore[reportAttributeAccessIssue]
        return calibration, test

    def _cut(self) -> Bool[np.ndarray, "n"]:
        """Units that are tested in no adaptation, for they share time with a neutral moment that one of them uses."""
        nobody = np.zeros(len(self.valid), bool)
        if not any(parts(a.name).referenced for a in self.cells):
            return nobody
        config = self.config.neutral
        if not self.problem.ordered and isinstance(config, FirstSeconds):
            raise UserError("`reference` by first_seconds needs an order, and the tables say that they have none")
        if isinstance(config, MarkedRest) and not len(self.problem.rests.recording):
            raise UserError(f"`reference` by marked_rest: nothing is marked on the scale {config.scale!r}")
        if isinstance(config, LabelZero) and not self.personal:
            raise UserError(f"`reference` by label_zero: protocol {self.protocol.name!r} gives no labels of the person")
        if isinstance(config, LowestPredicted) or (isinstance(config, LabelZero) and not config.oracle):
            return nobody  # which hang on a model; calibration units, which lie a purge gap away from the test
        return self.neutral(0, 0).overlapping[self.valid]

    def _check(self) -> None:
        people = len(np.unique(self.units.participant))
        if people < FEWEST:
            raise UserError(f"{people} participants have labelled units; leaving one out needs at least {FEWEST}")
        asked = next((a for a in self.cells if a.k), None)
        if asked and not self.personal:
            raise UserError(f"protocol {self.protocol.name!r} gives no labels of the person: "
                            f"{asked.name!r} with k={asked.k} needs k_shot, blocked or session")  # fmt: skip
        for a in self.cells:
            if parts(a.name).features == "normalise" and not self.personal:
                raise UserError(f"protocol {self.protocol.name!r} keeps no units of the person aside: "
                                "take normalise_all, or k_shot, blocked or session")  # fmt: skip


def outer_folds(jobs: Sequence[Job]) -> Iterator[tuple[str, list[Job]]]:
    """The jobs of each fold, all draws together."""
    names = dict.fromkeys(job.outer for job in jobs)
    for name in names:
        yield name, [job for job in jobs if job.outer == name]


def finite_rows(x: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n"]:
    """Which rows have all features."""
    return np.asarray(np.isfinite(x).all(axis=1), dtype=bool)


def _renamed(rows: Rows, units: Units) -> Rows:
    """Rows whose names are unique over cohorts."""
    return Rows(**(vars(rows) | {"participant": units.participant, "recording": units.recording}))


def _most_of_one(units: Bool[np.ndarray, "n"], participant: Shaped[np.ndarray, "n"]) -> int:
    return int(np.unique(participant[units], return_counts=True)[1].max(initial=0))


def labels_of(person: str, participant: Shaped[np.ndarray, "n"], calibration: Int[np.ndarray, "c"]) -> int:
    """How many labels of a person are used."""
    return int((participant[calibration] == person).sum())

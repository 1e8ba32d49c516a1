"""Writes a cohort of phantom people: videos, ratings, codes, signals and, apart from them, the truth."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from personalize.phantom.face.facs import AUS
from personalize.phantom.face.parameters import MUSCLES, UNITS
from personalize.phantom.face.render import render
from personalize.phantom.files import parent, whole_or_nothing, write_json, write_tsv, write_video
from personalize.phantom.filming import Member, Take, cast, observers, takes
from personalize.phantom.patient.biosignals import Drift, Reactivity, biosignals, write_physio
from personalize.phantom.patient.course import Course, coded
from personalize.phantom.patient.raters import Observer
from personalize.phantom.scenarios import EPISODES
from personalize.phantom.scenarios.base import Extent, Scenario
from personalize.phantom.unbc_cohort import write_unbc
from personalize.phantom.worlds import NATURAL, World
from pretrain.errors import UserError

Progress = Callable[[int, int], None]
STRIDE = 1_000_003
"""Between the seeds of scenarios: whoever trains on one and tests on another must not meet the same people."""
SIGNAL_RATE = 256
"""Samples a second of muscle and skin signals."""
BY_TIME = Drift(emg=2.0, eda=3.0)
"""Rise of the signals over a recording where they rise with time instead of pain."""


def write_cohort(
    out: Path,
    *,
    scenario: Scenario = EPISODES,
    extent: Extent | None = None,
    seed: int = 0,
    first: int = 1,
    world: World = NATURAL,
    ratings: bool = True,
    layout: str = "cohort",
    progress: Progress | None = None,
) -> None:
    """Writes a scenario's cohort, whole or not at all, as a BIDS-like cohort or (`layout="unbc"`) as UNBC-McMaster.

    `extent` is how much is filmed (default: the scenario's); `first` the number of the first participant; a person
    depends on scenario, `seed` and number alone, and so do its recordings. With `ratings=False` there are no events,
    codes or signals: footage for pretraining. Truth (muscles, pain, pose) goes to `derivatives/truth`.
    `progress(done, total)` counts recordings.

    Raises `UserError` when `out` exists and is not an empty folder, and for sizes that make no video.
    """
    extent = extent or scenario.default
    _check(out, extent, first)
    root_seed = seed + STRIDE * scenario.number
    members = cast(scenario, world, root_seed, first, extent.participants)
    order = Order(scenario, extent, world, observers(scenario, world, root_seed), ratings)
    total = extent.participants * extent.recordings
    with whole_or_nothing(out) as root, ThreadPoolExecutor(1) as encoder:
        write_json(_description(scenario, world, seed), root / "dataset_description.json")
        if layout == "cohort":
            _write_tables(root, members)
        writing: Future[None] | None = None
        for done, take in enumerate((t for m in members for t in takes(scenario, world, extent, m, root_seed)), 1):
            pictures = render(take.faces, extent.size)
            if writing:  # at most one recording waits to be written
                writing.result()
            if layout == "unbc":
                writing = encoder.submit(write_unbc, root, take, scenario, order.observers, pictures)
            else:
                writing = encoder.submit(_write_take, root, take, pictures, order)
            if done == total:
                writing.result()
            if progress:
                progress(done, total)


def _check(out: Path, extent: Extent, first: int) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} exists and is not an empty folder: choose another --out")
    for name, value, least in (
        ("participants", extent.participants, 1),
        ("recordings", extent.recordings, 1),
        ("seconds", extent.seconds, 4),
        ("fps", extent.fps, 1),
        ("size", extent.size, 32),
        ("first", first, 1),
    ):
        if value < least:
            raise UserError(f"phantom cohort: {name}={value} is too small; the least is {least}")
    if extent.size % 2:
        raise UserError(f"phantom cohort: size={extent.size} is odd, which H.264 cannot store; take {extent.size + 1}")


class Order(NamedTuple):
    """What is wanted of every recording."""

    scenario: Scenario
    extent: Extent
    world: World
    observers: tuple[Observer, ...]
    ratings: bool


def _write_take(root: Path, take: Take, pictures: UInt8[np.ndarray, "n h w 3"], order: Order) -> None:
    """Everything of one recording."""
    course, stem = take.recording.course, take.stem
    write_video(parent(root / f"{stem}_video.mp4"), pictures, order.extent.fps, quality=take.camera.quality)
    write_json(_sidecar(course, order.extent), root / f"{stem}_video.json")
    write_tsv(_truth(course), parent(root / f"derivatives/truth/{stem}_aus.tsv"))
    if not order.ratings:
        return
    rating_rng, signal_rng = take.rng.spawn(2)
    write_tsv(order.scenario.events(take.recording, order.observers, rating_rng), root / f"{stem}_events.tsv")
    if order.scenario.coded:
        codes = dict(zip(AUS, coded(course).astype(int).T, strict=True))
        write_tsv(pd.DataFrame({"onset": course.plan.time, **codes}), root / f"{stem}_aus.tsv")
    if order.scenario.signals:
        signals = _signals(take, order.extent.fps, order.world, signal_rng)
        write_physio(root / f"{stem}_physio.tsv.gz", signals, SIGNAL_RATE)


def physiology(reactivity: Reactivity, world: World) -> tuple[Reactivity, Drift]:
    """What a person's muscle and skin signals rise with in this world: muscles and pain, or the time alone."""
    if world.signals == "time":
        return reactivity._replace(emg=0.0, eda=0.0), BY_TIME
    return reactivity, Drift(0.0, 0.0)


def _signals(take: Take, fps: int, world: World, rng: np.random.Generator) -> pd.DataFrame:
    course = take.recording.course
    reactivity, drift = physiology(take.recording.person.reactivity, world)
    return biosignals(course.plan.shown, course.muscles, fps, reactivity, drift, rng, SIGNAL_RATE)


def _sidecar(course: Course, extent: Extent) -> dict:
    plan = course.plan
    return {
        "FrameRate": extent.fps,
        "StartTime": round(plan.clock, 3),
        "Excerpt": plan.excerpt,
        "Phases": [{"name": p.name, "onset": round(p.onset, 3), "duration": round(p.duration, 3)} for p in plan.phases],
        **dict(plan.about),
    }


def _truth(course: Course) -> pd.DataFrame:
    plan, view = course.plan, course.view
    events = AUS[len(UNITS) :]
    return pd.DataFrame(
        {
            "onset": plan.time,
            **dict(zip(MUSCLES, course.muscles.T, strict=True)),
            **dict(zip(events, course.aus[:, len(UNITS) :].T, strict=True)),
            "pspi": course.pspi,
            "pain": plan.pain,
            "shown": plan.shown,
            **{name: np.degrees(getattr(view, name)) for name in ("yaw", "pitch", "roll")},
        }
    )


def _write_tables(root: Path, members: list[Member]) -> None:
    grouped = {m.group.name for m in members} != {""}
    rows = [
        {
            "participant_id": m.name,
            **({"group": m.group.name} if grouped else {}),
            **m.person.about._asdict(),
            "glasses": "yes" if m.person.about.glasses else "no",
        }
        for m in members
    ]
    write_tsv(pd.DataFrame(rows), root / "participants.tsv")
    write_json({name: COLUMNS[name] for name in rows[0]}, root / "participants.json")
    truth = [{"participant_id": m.name, **dict(_traits(m))} for m in members]
    write_tsv(pd.DataFrame(truth), parent(root / "derivatives/truth/participants.tsv"))


def _traits(member: Member) -> Iterator[tuple[str, float]]:
    """Signature, reactivity and rating habit as flat columns."""
    for part in (member.person.signature, member.person.reactivity, member.person.habit):
        kind = type(part).__name__.lower()
        for name, value in part._asdict().items():
            if np.ndim(value):
                yield from ((f"{kind}_{name}_{muscle}", v) for muscle, v in zip(MUSCLES, value, strict=True))
            else:
                yield f"{kind}_{name}", float(value)


def _description(scenario: Scenario, world: World, seed: int) -> dict:
    return {
        "Name": f"Phantom, {scenario.name}: synthetic people with known pain",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0-1.0",
        "KnownCaveats": [*CAVEATS, *scenario.caveats],
        "Scenario": scenario.name,
        "Seed": seed,
        "World": asdict(world),
    }


COLUMNS = {
    "participant_id": {"Description": "Pseudonym"},
    "group": {"Description": "Kind of participant"},
    "age": {"Description": "Age of the synthetic person", "Units": "years"},
    "sex": {"Description": "Sex of the synthetic person", "Levels": {"F": "female", "M": "male"}},
    "skin_tone": {"Description": "Monk Skin Tone, 1 (lightest) to 10 (darkest)"},
    "glasses": {"Description": "Wears glasses", "Levels": {"yes": "yes", "no": "no"}},
}
CAVEATS = (
    "Synthetic: drawn faces with invented rules of pain and expression; no result here holds for people.",
    "PSPI counts what is shown beyond the person's resting tone; smiles, frowns and squints count too.",
    "derivatives/truth holds what no study can know and is for scoring and tests only.",
)

"""The whole study, part by part in a folder: what is there is never made again."""

import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from personalize.signals.meter import Meter
from pipelines.run_folder import write_json
from scripts.claims.streams import Streams, joined, streams
from scripts.claims.study import Scene, claim_of, read_question, scene, set_meter, simulate

BLOCK = 200
"""People that are made at a time."""


class Cell(NamedTuple):
    """Position of the claim, true difference in deltas, and participants."""

    claim: int
    multiple: int
    participants: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"cell-{self.claim}-{self.multiple}-{self.participants}"


def cells(question: Mapping[str, Any]) -> list[Cell]:
    """All cells, in the order of the table."""
    claims = range(len(question["claims"]))
    return [Cell(c, m, p) for c in claims for m in question["multiples"] for p in question["participants"]]


def place(folder: Path, question: Mapping[str, Any]) -> Path:
    """Where the parts of a question lie: another question has another place."""
    text = json.dumps(question, sort_keys=True)
    return folder / hashlib.sha256(text.encode()).hexdigest()[:12]


def calibrate(folder: Path, file: Path, wanted: Sequence[Cell], processes: int) -> dict[Cell, dict[str, Any]]:
    """Makes what is not there yet of people, meters and cells, and returns the cells."""
    question = read_question(file)
    here = place(folder, question)
    here.mkdir(parents=True, exist_ok=True)
    scenarios = dict.fromkeys(question["claims"][cell.claim]["scenario"] for cell in wanted)
    blocks = [(name, which, start) for name in scenarios for which, start in _blocks(question)]
    meters = list(dict.fromkeys((cell.claim, cell.multiple) for cell in wanted))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        for what, make, parts in (
            ("people", make_people, blocks),
            ("meters", make_meter, meters),
            ("cells", make_cell, wanted),
        ):
            _all(pool, what, make, [(here, file, *part) for part in parts])
    return {cell: json.loads((here / f"{cell.name}.json").read_text()) for cell in wanted}


def _all(pool: ProcessPoolExecutor, what: str, make: Callable[..., None], parts: Sequence[tuple]) -> None:
    began = time.monotonic()
    for done, future in enumerate([pool.submit(make, *part) for part in parts], 1):
        future.result()
        print(f"{what}: {done} of {len(parts)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _blocks(question: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for which in ("reading", "pool"):
        yield from ((which, start) for start in range(0, question["people"][which], BLOCK))


def make_people(here: Path, file: Path, scenario: str, which: str, start: int) -> None:
    """Writes a block of people."""
    out = here / f"people-{scenario}-{which}-{start}.npz"
    if out.exists():
        return
    question = read_question(file)
    last = min(start + BLOCK, question["people"][which])
    scale, seed = question["scenarios"][scenario]["scale"], question["people"][f"{which}_seed"]
    scratch = out.with_suffix(".tmp.npz")
    np.savez(scratch, **streams(scenario, scale, seed, range(start + 1, last + 1))._asdict())
    scratch.replace(out)


@lru_cache(1)
def read_scene(here: Path, file: Path, scenario: str) -> Scene:
    """A scenario's people and reading."""
    question = read_question(file)
    found: dict[str, list[Streams]] = {"reading": [], "pool": []}
    for which, start in _blocks(question):
        with np.load(here / f"people-{scenario}-{which}-{start}.npz") as block:
            found[which].append(Streams(**block))
    return scene(question, scenario, joined(found["reading"]), joined(found["pool"]))


def make_meter(here: Path, file: Path, claim: int, multiple: int) -> None:
    """Writes the noise of `than` for a true difference."""
    out = here / f"meter-{claim}-{multiple}.json"
    if out.exists():
        return
    question = read_question(file)
    asked = question["claims"][claim]
    at = read_scene(here, file, asked["scenario"])
    found = set_meter(claim_of(asked), at, Meter(**question["meter"]), multiple * asked["delta"])
    write_json(out, {**found, "people": int(at.people.person[-1]) + 1})


def make_cell(here: Path, file: Path, claim: int, multiple: int, participants: int) -> None:
    """Writes the verdicts of a cell."""
    out = here / f"{Cell(claim, multiple, participants).name}.json"
    if out.exists():
        return
    began, question = time.monotonic(), read_question(file)
    asked, true = question["claims"][claim], json.loads((here / f"meter-{claim}-{multiple}.json").read_text())
    at, than = read_scene(here, file, asked["scenario"]), Meter(**question["meter"])._replace(noise=true["noise"])
    seed = [question["people"]["pool_seed"], claim, multiple, participants]
    found = simulate(claim_of(asked), at, than, participants, question["cohorts"], seed, true["difference"])
    write_json(out, {**found, "true": true, "cohorts": question["cohorts"], "seconds": time.monotonic() - began})

"""The benchmark of personalization prints both tables; sizes are those of a toy."""

import runpy
import sys
from pathlib import Path

import pytest

from scripts.bench import personalize, personalize_gradient

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_personalize"
TOY = {
    personalize: {"PEOPLE": 50, "LABELLED": 6, "TESTED": 4, "WIDTH": 5, "DRAWS": 50, "FRAMES": 400, "RATED": 5},
    personalize_gradient: {
        "PEOPLE": 2,
        "SEEDS": 1,
        "WIDTH": 4,
        "RANK": 1,
        "LENGTHS": (3, 4),
        "PLAN": personalize_gradient.PLAN._replace(steps=2, every=1),
    },
}


@pytest.mark.long
@pytest.mark.usefixtures("compile_quickly")
def test_one_command_prints_it_all(monkeypatch, capsys):
    for module, sizes in TOY.items():
        for name, value in sizes.items():
            monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--repeats", "1"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    first, second = (lines.index(line) for line in lines if line.startswith("|---"))
    ways = [f"{head} | {way}" for head in ("linear", "LoRA, rank 1") for way in ("one program", "(a)", "(b)")]
    for ruler, names in (
        (first, ["ridge with intervals", "its prior", "one new person", "50 participant bootstraps"]),
        (second, ways),
    ):
        rows = [line for line in lines[ruler + 1 :] if line.startswith("|")][: len(names)]
        assert [row[2:].startswith(name) for row, name in zip(rows, names, strict=True)] == [True] * len(names)
        assert {row.count("|") for row in rows} == {lines[ruler].count("|")}

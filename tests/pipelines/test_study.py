"""`wince study` end to end, in its smallest size: every study, what it finds, and that nothing is lost."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from personalize.studies.config import Study
from pipelines.cli import main
from pipelines.configuration import load_config
from pipelines.study import command
from pipelines.study.every import study_names

pytestmark = pytest.mark.usefixtures("compile_quickly", "prepare_here")
QUICKEST = "s32_mieronkoski_2020"
QUICK = (QUICKEST, "s23_cascella_2023")


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    return tmp_path_factory.mktemp("cohorts")


def study(name, out, cohorts, *more):
    return main(["study", name, "--size", "smoke", "--out", str(out), "--cohorts", str(cohorts), *more])


def results(out):
    return json.loads((out / "results.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in study_names()]
)
def test_every_study_runs_all_its_branches(name, cohorts, tmp_path, capsys):
    assert study(name, tmp_path / "run", cohorts) == 0
    found, config = results(tmp_path / "run"), load_config(f"studies/{name}", Study)
    assert found["smoke"]
    assert "SMOKE" in capsys.readouterr().out
    assert all(cell["done"] for cell in found["cells"])
    sides = {side: [p for p in found["parts"] if p["slot"] == side] for side in ("as_reported", "honest")}
    for part in sides["honest"]:
        assert part["findings"] == []
        assert not part["leaky"]
    reasons = {finding["reason"] for finding in sides["as_reported"][0]["findings"]}
    assert reasons >= set(config.as_reported[0].finds)
    assert sides["as_reported"][0]["leaky"] == bool(config.as_reported[0].finds)
    tested = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    for _, same in tested.groupby(["world", "slot", "protocol"]):
        units = {key: frozenset(zip(t["recording"], t["onset"], strict=True)) for key, t in same.groupby("adaptation")}
        assert len(set(units.values())) == 1  # the same units for every model and baseline
    assert (tmp_path / "run" / "report.html").stat().st_mode & 0o777 == 0o600


def test_the_same_command_goes_on_and_then_changes_nothing(cohorts, tmp_path, monkeypatch, capsys):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert study(QUICKEST, whole, cohorts) == 0
    made, run_model = [], command.run_model

    def stopped(*args):
        made.append(args[1:])
        if len(made) == 3:
            raise KeyboardInterrupt
        return run_model(*args)

    monkeypatch.setattr(command, "run_model", stopped)
    assert study(QUICKEST, killed, cohorts) == 130
    left = results(killed)  # the first protocol has run
    assert not left["done"]
    assert {cell["slot"] for cell in left["cells"] if cell["done"]} == {"as_reported"}
    assert study(QUICKEST, killed, cohorts) == 0
    assert len(made) == 5  # the third once more, and the fourth
    assert (killed / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    assert (killed / "predictions.parquet").read_bytes() == (whole / "predictions.parquet").read_bytes()
    capsys.readouterr()
    assert study(QUICKEST, killed, cohorts) == 0
    assert "done already" in capsys.readouterr().out
    assert len(made) == 5
    assert study(QUICKEST, killed, cohorts, "--protocol", "honest") == 2
    assert "belongs to another run" in capsys.readouterr().err


@pytest.mark.long
def test_killed_hard_it_ends_the_same(cohorts, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert study(QUICKEST, whole, cohorts) == 0
    line = [sys.executable, "-m", "pipelines.cli", "study", QUICKEST, "--size", "smoke", "--out", str(killed),
            "--cohorts", str(cohorts)]  # fmt: skip
    with subprocess.Popen(line, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL) as running:
        while running.poll() is None and not (killed / "cells" / "00001.parquet").exists():
            pass
        running.send_signal(signal.SIGKILL)
    assert not (killed / "results.json").exists() or not results(killed)["done"]
    subprocess.run(line, cwd=Path(__file__).parents[2], check=True, stdout=subprocess.DEVNULL)
    assert results(killed) == results(whole)


def test_mistakes_are_named_and_nothing_is_written(tmp_path, capsys):
    out = tmp_path / "run"
    for words, says in (
        (["s36_rezai_2021"], "s36_rezaei_2021"),
        (["s23_cascella_2023", "--clips", "x"], "--cohort"),
        (["s23_cascella_2023", "--encoder", "x"], "looks at aus"),
        (["s23_cascella_2023", "--size", "smok"], "smoke"),
        (["s23_cascella_2023", "--cohort", str(tmp_path / "none")], "no cohort"),
    ):
        assert main(["study", *words, "--out", str(out)]) == 2
        assert says in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.slow
def test_a_reference_for_every_model(cohorts, tmp_path):
    assert study(QUICKEST, tmp_path / "run", cohorts, "--ref", "--protocol", "honest") == 0
    found = results(tmp_path / "run")
    assert found["referenced"]
    models = {cell["model"] for cell in found["cells"]}
    assert models >= {"all ten", "all ten+ref", "best two", "best two+ref"}
    pairs = {(row["a"]["adaptation"], row["b"]["adaptation"]) for row in found["parts"][0]["comparisons"]}
    assert ("best two+ref", "best two") in pairs


@pytest.mark.long
def test_a_study_runs_on_an_archive_as_it_lies(tmp_path, prepare_here):
    archive, out = tmp_path / "UNBC", tmp_path / "run"
    words = [
        "phantom",
        "shoulder",
        "--layout",
        "unbc",
        "--participants",
        "6",
        "--recordings",
        "1",
        "--out",
        str(archive),
    ]
    assert main(words) == 0
    given = ["--cohort", f"unbc:{archive}", "--protocol", "honest"]
    assert main(["study", "s36_rezaei_2021", "--size", "smoke", "--out", str(out), *given]) == 0
    found = results(out)
    assert [part["world"] for part in found["parts"]] == ["given", "given"]
    assert all(part["findings"] == [] and part["truth"] is None for part in found["parts"])
    assert found["study"]["data_substitute"] is None
    assert found["parts"][0]["counts"]["participants_tested"] == 5
    assert str(tmp_path) not in (out / "config.json").read_text()

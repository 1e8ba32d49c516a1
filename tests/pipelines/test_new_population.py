"""The ladder to a new population: who is labelled and tested, what each rung is, restarts, leaks; the ten commands."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from personalize.adaptation.population import adapted_population, predict_population, unseen
from personalize.config import PersonalizeConfig
from personalize.heads.gaussian import GaussianHead
from personalize.heads.ridge import RidgeHead
from personalize.phantom.scenarios import DEMENTIA, SCENARIOS
from personalize.protocols import rungs
from personalize.protocols.people import External
from personalize.protocols.population import PopulationConfig, rung_cells, rung_of, sizes
from personalize.protocols.seen import saw
from personalize.protocols.units import read_units
from pipelines.cli import main
from pipelines.forget import forget
from pipelines.personalization import personalize
from pipelines.population import command
from pipelines.report.page import write_report
from pretrain.errors import RunFailure, UserError
from tests.personalize.cohorts.cohort_worlds import linear_world, write_events
from tests.support.quickly import wince

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "personalize" / "new_population.md"
QUICK = PopulationConfig(rungs=("none", "calibrate", "refit"), labelled=(0, 2, "all"))
KEYS = ["participant", "recording", "track", "onset"]


def populations(root, offset=0.0, classes=False, people=(8, 9)):
    """Two cohorts of one world, ratings of the second `offset` higher; its first four people are for development."""
    found = []
    for name, count, seed in (("known", people[0], 1), ("new", people[1], 2)):
        folder = root / name
        folder.mkdir()
        cohort, features = linear_world(folder, people=count, units=8, width=4, differ=0.1, seed=seed)
        rng = np.random.default_rng(seed)
        table = pd.read_parquet(features)
        for file in sorted(cohort.rglob("*_events.tsv")):
            x = table[table["source"] == str(file.relative_to(cohort)).replace("_events.tsv", "_video.mp4")]
            value = 4 + 2 * x["f0"].to_numpy() + 0.3 * rng.normal(size=len(x)) + offset * (name == "new")
            write_events(file, x["t0"].to_numpy(), np.where(value > 4, "yes", "no") if classes else value)
        (cohort / "dataset_description.json").write_text(json.dumps({"Name": name}))
        names = pd.read_csv(cohort / "participants.tsv", sep="\t", dtype=str)
        names["split"] = ["development" if i < 4 else "test" for i in range(count)]
        names["sex"] = ["F" if i % 2 else "M" for i in range(count)]
        names.to_csv(cohort / "participants.tsv", sep="\t", index=False)
        found.append((cohort, features))
    return found


def climb(found, out, ladder=QUICK, **changes):
    (known, known_features), (new, new_features) = found
    config = PersonalizeConfig(population=ladder, threshold=None, **changes)
    given = {"cohort": new, "features": new_features, "train_cohort": known, "train_features": known_features}
    assert personalize(config, out=out, **given) == 0
    return json.loads((out / "results.json").read_text()), pd.read_parquet(out / "predictions.parquet")


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    root = tmp_path_factory.mktemp("shifted")
    found = populations(root, offset=3.0)
    return found, root / "run", *climb(found, root / "run")


def test_every_cell_tests_the_same_units_of_people_who_are_never_labelled(shifted):
    _, _, results, table = shifted
    units = [frozenset(map(tuple, part[KEYS].to_numpy())) for _, part in table.groupby(["rung", "labelled", "seed"])]
    assert len(units) == 1 + 2 * (6 + 1)  # two of four people in all six ways, and all four
    assert len(set(units)) == 1
    tested = {name.removeprefix("new/") for name in table["participant"]}
    assert tested == {f"sub-{i:02d}" for i in range(5, 10)}
    for proof in results["proof"]:
        assert {name.removeprefix("new/") for name in proof["test"]} == tested
        assert set(proof["calibration"]) <= {f"new/sub-{i:02d}" for i in range(1, 5)}
        assert all(name.startswith("known/") for name in proof["train"])
    drawn = [tuple(p["calibration"]) for p in results["proof"] if p["fold"].startswith("refit, 2")]
    assert len(set(drawn)) == len(drawn) == 6


def test_rows_have_their_interval_and_say_how_many_draws(shifted):
    results = shifted[2]
    rows = results["population"]
    assert {(r["rung"], r["labelled"], r["draws"]) for r in rows} == {
        ("none", 0, 1), ("calibrate", 2, 6), ("calibrate", 4, 1), ("refit", 2, 6), ("refit", 4, 1),
    }  # fmt: skip
    defined = [r for r in rows if r["value"] is not None]
    assert all(r["low"] <= r["value"] <= r["high"] and r["n_participants"] == 5 for r in defined)
    assert all(r["spread"] > 0 for r in defined if r["draws"] > 1 and r["metric"] == "mae")
    assert all(r["difference_low"] <= r["difference"] <= r["difference_high"] for r in defined if r["rung"] != "none")
    assert {r["metric"] for r in rows if r["reason"]} == {"auroc"}


def test_numbers_are_those_of_the_predictions(shifted):
    _, _, results, table = shifted
    part = table[(table["rung"] == "calibrate") & (table["labelled"] == 2)]
    part = part.assign(error=(part["truth"] - part["prediction"]).abs())
    row = next(r for r in results["population"] if (r["rung"], r["labelled"], r["metric"]) == ("calibrate", 2, "mae"))
    np.testing.assert_allclose(row["value"], part.groupby(["seed", "participant"])["error"].mean().mean())
    none = table[table["rung"] == "none"]
    alone = (none["truth"] - none["prediction"]).abs().groupby(none["participant"]).mean().mean()
    np.testing.assert_allclose(row["difference"], row["value"] - alone)


def test_labels_of_the_new_people_mend_a_shift(shifted):
    rows = {(r["rung"], r["labelled"]): r for r in shifted[2]["population"] if r["metric"] == "mae"}
    assert rows["none", 0]["value"] > 2.5
    assert rows["calibrate", 2]["value"] < 1.0
    assert rows["calibrate", 4]["difference_high"] < -1.5
    assert rows["refit", 4]["value"] < rows["refit", 2]["value"] < rows["none", 0]["value"]


def test_zero_shot_and_refit_are_the_heads_of_one_and_of_both_populations(shifted):
    ((_, known), (_, new)), _, _, table = shifted
    x, y, who = {}, {}, {}
    for name, features in (("known", known), ("new", new)):
        rows = pd.read_parquet(features)
        events = {f.name: pd.read_csv(f, sep="\t") for f in features.parent.rglob("*_events.tsv")}
        stem = rows["source"].map(lambda s: s.rsplit("/", 1)[1].replace("_video.mp4", "_events.tsv"))
        x[name] = rows[[f"f{i}" for i in range(4)]].to_numpy()
        y[name] = np.array([events[s]["value"][int(t)] for s, t in zip(stem, rows["t0"], strict=True)])
        who[name] = np.array([f"{name}/{s.split('/')[0]}" for s in rows["source"]])
    labelled = np.isin(who["new"], [f"new/sub-{i:02d}" for i in range(1, 5)])
    both = [np.concatenate([part["known"], part["new"][labelled]]) for part in (x, y, who)]
    for rung, data in (("none", (x["known"], y["known"], who["known"])), ("refit", both)):
        head = RidgeHead().fit(*data, held_out=[])
        expected = head.predict(x["new"][~labelled]).value
        found = table[(table["rung"] == rung) & (table["labelled"].isin([0, 4]))]
        np.testing.assert_allclose(np.sort(found["prediction"]), np.sort(expected), rtol=1e-8)


def test_nothing_hangs_on_labels_of_those_who_are_tested(shifted, tmp_path):
    found, _, _, before = shifted
    copied = [(shutil.copytree(cohort, tmp_path / cohort.parent.name), features) for cohort, features in found]
    for file in copied[1][0].rglob("*_events.tsv"):
        if file.name[:6] > "sub-04":
            table = pd.read_csv(file, sep="\t")
            table.assign(value=table["value"][::-1].to_numpy()).to_csv(file, sep="\t", index=False)
    _, after = climb(copied, tmp_path / "run")
    np.testing.assert_array_equal(before["prediction"], after["prediction"])
    assert (before["truth"] != after["truth"]).any()


def test_interrupted_ladder_goes_on_with_the_next_cell(shifted, tmp_path, monkeypatch, capsys):
    found, whole, _, _ = shifted
    run_rung, made = command.run_rung, []

    def stopping(plan, models, cell, **options):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(cell.name)
        return run_rung(plan, models, cell, **options)

    monkeypatch.setattr(command, "run_rung", stopping)
    with pytest.raises(KeyboardInterrupt):
        climb(found, tmp_path / "run")
    first, made[:] = list(made), []
    monkeypatch.setattr(command, "run_rung", lambda *a, **o: (made.append(a[2].name), run_rung(*a, **o))[1])
    climb(found, tmp_path / "run")
    assert not set(first) & set(made)
    assert len(first) + len(made) == 15
    for name in ("predictions.parquet", "parameters.parquet", "results.json", "config.json"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes(), name
    climb(found, tmp_path / "run")
    assert "is done already" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"population\.draws is 10 there and 11 here"):
        climb(found, tmp_path / "run", PopulationConfig(rungs=QUICK.rungs, labelled=QUICK.labelled, draws=11))


def test_seeded_leak_fails_the_run(shifted, tmp_path, monkeypatch):
    """A rung that has seen a test unit, and one that does not say what it has seen."""
    adapted = rungs.adapted_population
    for seen, reason in ((lambda units: saw(units), "rung"), (lambda units: None, "no record")):

        def leaking(name, kind, X, y, units, *, seen=seen, **options):
            model = adapted(name, kind, X, y, units, **options)
            table = pd.DataFrame({"participant": ["new/sub-09"], "recording": ["new/sub-09_ses-02"], "t0": [3.0]})
            model.seen_ = seen(table)
            return model

        monkeypatch.setattr(rungs, "adapted_population", leaking)
        with pytest.raises(RunFailure, match=rf"calibrate, 2 .* leak \({reason}\)"):
            climb(shifted[0], tmp_path / f"run_{reason}")


def test_shift_page(shifted):
    shift = shifted[2]["shift"]
    assert set(shift["participants"]) == {f"sub-{i:02d}" for i in range(1, 10)}
    assert [p["role"] for p in shift["participants"].values()] == ["development"] * 4 + ["test"] * 5
    assert {g["group"]: g["participants"] for g in shift["groups"]} == {"everybody": 9, "sex F": 4, "sex M": 5}
    assert 0.7 < shift["groups"][0]["over_training_median"] < 1.4  # ratings shift here, features do not
    widths = [r["width"] for r in shift["expected"] if (r["rung"], r["of"]) == ("calibrate", "difference")]
    assert len(widths) == 4
    assert sorted(widths, reverse=True) == widths


def test_report_has_the_ladder_and_the_shift(shifted, tmp_path):
    assert write_report([shifted[1]], tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    for words in ("New population: encoder", "calibrate", "difference to zero-shot", "told apart", "sub-09"):
        assert words in page
    assert (tmp_path / "report_figures" / "ladder_encoder.png").read_bytes()[:4] == b"\x89PNG"


def test_a_person_can_be_forgotten_in_a_ladder(shifted, tmp_path):
    run = shutil.copytree(shifted[1], tmp_path / "run")
    assert "sub-09" in (run / "results.json").read_text()
    assert forget("sub-09", [run]) == 0
    assert "sub-09" not in (run / "results.json").read_text()
    assert not pd.read_parquet(run / "predictions.parquet")["participant"].str.contains("sub-09").any()
    assert len(json.loads((run / "results.json").read_text())["shift"]["participants"]) == 8


def test_classes_have_the_rungs_that_there_are_for_them(tmp_path):
    ladder = PopulationConfig(rungs=("none", "calibrate", "ridge", "refit"), labelled=(0, 3))
    results, table = climb(populations(tmp_path, classes=True), tmp_path / "run", ladder)
    assert list(results["skipped"]) == ["calibrate"]
    assert "not for a target of kind 'class'" in results["skipped"]["calibrate"]
    assert list(dict.fromkeys(table["rung"])) == ["none", "ridge", "refit"]
    assert all(r["value"] > 0.6 for r in results["population"] if r["metric"] == "accuracy")


def test_rungs_with_a_neutral_reference_cut_it_from_every_cell(tmp_path):
    """The first two units of a recording are the neutral moment; nobody is tested on them, in no rung."""
    ladder = PopulationConfig(rungs=("none", "reference", "reference+refit"), labelled=(2,))
    results, table = climb(populations(tmp_path), tmp_path / "run", ladder)
    assert table["onset"].min() == 2.0
    assert results["counts"]["units_cut_for_the_neutral_moment"] == 2 * 2 * 17
    assert {(r["rung"], r["draws"]) for r in results["population"]} == {
        ("none", 1), ("reference", 1), ("reference+refit", 6),
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.usefixtures("compile_quickly")
def test_gradient_rungs(tmp_path):
    """Adam finds the shift that recalibration finds, and does not leave the model where there is none."""
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    ladder = PopulationConfig(rungs=("none", "head", "lora", "full"), labelled=("all",))
    far, _ = climb(populations(tmp_path / "far", offset=3.0), tmp_path / "far_run", ladder)
    near, _ = climb(populations(tmp_path / "near"), tmp_path / "near_run", ladder)
    for rung in ("head", "lora", "full"):
        a, b = (next(r for r in of["population"] if (r["rung"], r["metric"]) == (rung, "mae")) for of in (far, near))
        assert a["value"] < 1.0, rung
        assert b["difference"] < 0.1, rung


def test_who_is_unknown_is_predicted_by_the_model_as_it_is():
    rng = np.random.default_rng(0)
    x, names = rng.normal(size=(60, 3)), np.repeat([f"p{i}" for i in range(6)], 10)
    head = RidgeHead().fit(x, x[:, 0], names, held_out=[])
    new = rng.normal(size=(20, 3))
    np.testing.assert_array_equal(unseen(head, new).left_out_.value, head.predict(new).value)
    assert len(head.left_out_.value) == 60
    classes = GaussianHead(2).fit(x, (x[:, 0] > 0).astype(float), names, held_out=[])
    assert unseen(classes, new).left_out_z_.shape[0] == 20
    one = read_units(pd.DataFrame({"participant": ["q"] * 20, "recording": ["q"] * 20, "t0": np.arange(20.0)}))
    model = adapted_population("ridge", "number", new, new[:, 0] + 5, one, start=head)  # one person: nobody to check by
    np.testing.assert_array_equal(predict_population(model, new).value, head.predict(new).value)
    assert model.seen_.units >= frozenset(one.ids())


def test_draws_are_different_people_and_all_ways_where_there_are_few():
    people = [f"sub-{i}" for i in range(6)]
    table = pd.DataFrame({"participant": [*people, "a", "b"], "cohort": ["new"] * 6 + ["old"] * 2})
    table["recording"] = table["participant"]
    config = PopulationConfig(rungs=("refit",), labelled=(1, 3, 10, "all"))
    cells = rung_cells(config, External("old", "new"), people[:5], np.zeros(8), table)
    drawn = [(c.labelled, c.fold.calibration.tobytes()) for c in cells if c.rung == "refit"]
    assert len(set(drawn)) == len(drawn) == 5 + 10 + 1
    assert sizes(config, 5) == [1, 3, 5]
    assert all(len(c.fold.calibration) == c.labelled and c.fold.test.tolist() == [5] for c in cells)


@pytest.mark.parametrize("name", ["participant_prior", "ridge+guard", "normalise+ridge", "refit+none", "lorra"])
def test_what_is_no_rung_is_refused(name):
    with pytest.raises(UserError, match=r"no rung|unknown adaptation"):
        rung_of(name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name its cohort with --train-cohort"),
        (["--adaptation", "ridge"], "say --population.rungs"),
        (["--k", "3"], "say --population.rungs"),
        (["--population.draws", "3"], "population.draws"),
        (["--population.rungs", '["refitt"]'], "unknown adaptation 'refitt'"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(shifted, tmp_path, capsys, words, message):
    _, (new, features) = shifted[0]
    given = ["--cohort", str(new), "--features", str(features), "--out", str(tmp_path / "run")]
    assert main(["personalize", "personalize/new_population", *given, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_group_that_a_scenario_lacks_is_refused(tmp_path, capsys):
    for scenario, hint in (("dementia", "did you mean 'healthy'"), ("episodes", "no group 'healty'")):
        assert main(["phantom", scenario, "--group", "healty", "--out", str(tmp_path / "cohort")]) == 2
        assert hint in capsys.readouterr().err
    assert not (tmp_path / "cohort").exists()


def commands() -> list[str]:
    """The document's ten commands, each numbered and in one line of its own."""
    found = re.findall(r"^wince .+$", re.search(r"```sh\n(wince prepare.*?)```", DOCUMENT.read_text(), re.S)[1], re.M)
    return [line.partition("  #")[0].strip() for line in found]


def test_there_are_ten_commands():
    assert len(commands()) == 10


@pytest.mark.long
@pytest.mark.usefixtures("prepare_here")
def test_ten_commands_from_footage_to_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SCENARIOS, "dementia", replace(DEMENTIA, default=replace(DEMENTIA.default, fps=5, size=128)))
    for out, group, size, more in (
        ("known", "healthy", (3, 1), ["--seed", "1"]),
        ("new", "dementia", (5, 2), ["--seed", "2"]),
        ("footage", "dementia", (2, 1), ["--seed", "3", "--unlabelled"]),
    ):
        people, recordings = map(str, size)
        phantom = ["phantom", "dementia", "--group", group, "--participants", people, "--recordings", recordings]
        assert wince(*phantom, "--seconds", "4", *more, "--out", out) == 0
    people = pd.read_csv("new/participants.tsv", sep="\t", dtype=str)
    people["split"] = ["development"] * 2 + ["test"] * 3
    people.to_csv("new/participants.tsv", sep="\t", index=False, na_rep="n/a")
    small = {
        "prepare": "--size 64",
        "pretrain": "--steps 2 --batch.tracks 2 --batch.clips_per_track 2 --checkpoint_every 2 --log_every 1"
        " --clip.fps 5 --encoder.width 32 --encoder.depth 1 --encoder.heads 2",
        "personalize": """--population.rungs '["none","calibrate","refit"]'""",
    }
    for line in commands():
        words = shlex.split(line)[1:]
        more = small.get(words[0], "") if "personalize/ridge" not in line else ""
        assert wince(*words, *shlex.split(more)) == 0, line
    assert "New population" in Path("report.html").read_text()
    assert Path("said.csv").is_file()

"""A person's model on a video: the same numbers as in the run that tested them, and whatever can go wrong."""

import json
import shutil
import stat
import tempfile

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from personalize.adaptation.files import load_person
from personalize.config import AdaptationConfig, LowestPredicted, MarkedRest, PersonalizeConfig
from personalize.protocols.plan import Plan, outer_folds
from pipelines.cli import main
from pipelines.forget import forget
from pipelines.personalization.command import run_folds
from pipelines.personalization.inputs import read_inputs, read_source
from pipelines.predicting import predictions
from pipelines.prepare import command, prepare
from pretrain.clips.tracks import index_tracks
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world
from tests.support.quick_prepare import Hands, write_footage
from tests.support.small import SMALL

pytestmark = [
    pytest.mark.usefixtures("compile_quickly", "few_numbers"),
    # Orbax leaves its coroutines and event loop to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PEOPLE = [f"sub-{number:02d}" for number in range(1, 6)]
TESTED = PEOPLE[:4]
VIDEO = "sub-01/ses-2/sub-01_ses-2_video.mp4"


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    monkeypatch.setattr(command, "run_pool", Hands())


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A cohort of five people with two drawn videos each, an encoder, and a run that tested four of them."""
    root = tmp_path_factory.mktemp("world")
    cohort, clips = root / "cohort", root / "clips"
    names = [f"{who}/ses-{n}/{who}_ses-{n}_video.mp4" for who in PEOPLE for n in (1, 2)]
    write_footage(cohort, names)
    (cohort / "participants.tsv").write_text("\n".join(["participant_id", *PEOPLE, ""]))
    (root / "development.tsv").write_text(f"participant_id\n{PEOPLE[4]}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "run_pool", Hands())
        prepare([cohort], clips, size=64)
    for track in index_tracks(clips):
        table = {"onset": track.time, "duration": 0.1, "scale": "vas", "value": 4 + track.measures[:, 0], "rater": "x"}
        events = cohort / track.source.replace("_video.mp4", "_events.tsv")
        pd.DataFrame(table).to_csv(events, sep="\t", index=False)
    changes = SMALL | {"steps": "4", "evaluate_every": "4", "checkpoint_every": "4"}
    flags = [word for key, value in changes.items() for word in (f"--{key}", value)]
    assert main(["pretrain", "pretrain/tiny", "--clips", str(clips), "--out", str(root / "encoder"), *flags]) == 0
    given = ["--cohort", cohort, "--encoder", root / "encoder", "--clips", clips, "--out", root / "run"]
    given += ["--development", root / "development.tsv", "--adaptation", "reference+ridge", "--k", 3]
    assert main([*map(str, ["personalize", "personalize/ridge", *given])]) == 0
    return root


def say(world, *more, run="run", video=VIDEO):
    return main([*map(str, ["predict", world / run, world / "cohort" / video, *more])])


def test_predictions_are_those_of_the_run(world, tmp_path):
    out = tmp_path / "said.csv"
    assert say(world, "--participant", "sub-01", "--out", out) == 0
    said = pd.read_csv(out)
    assert list(said.columns) == ["track", "t0", "t1", "prediction", "low", "high", "se"]
    table = pd.read_parquet(world / "run" / "predictions.parquet")
    own = table.query("participant == 'sub-01' and adaptation == 'reference+ridge'").sort_values("onset")
    assert own["labels"].unique() == [3]
    both = own.merge(said, left_on=own["onset"].round(6), right_on=said["t0"].round(6))
    assert len(both) == len(own) >= 15
    np.testing.assert_allclose(both["prediction_y"], both["prediction_x"], rtol=1e-5)
    np.testing.assert_allclose(both["se_y"], both["se_x"], rtol=1e-5)
    np.testing.assert_allclose(said["high"] - said["low"], 2 * 1.959964 * said["se"], rtol=1e-6)


def test_population_needs_no_name_and_parquet_is_an_ending_too(world, tmp_path, capsys):
    out = tmp_path / "said.parquet"
    assert say(world, "--population", "--out", out) == 0
    said = pd.read_parquet(out)
    assert np.isfinite(said["prediction"]).all()
    assert say(world, "--participant", "01", "--out", tmp_path / "own.parquet") == 0
    assert (pd.read_parquet(tmp_path / "own.parquet")["prediction"] - said["prediction"]).abs().max() > 1e-6


def test_models_are_private_and_hold_nobody_else(world):
    folder = world / "run" / "people"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(file.stem for file in folder.iterdir()) == ["population", *TESTED]
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert not [name for name in PEOPLE if name != file.stem and name.encode() in file.read_bytes()]
    kept = json.loads((world / "run" / "results.json").read_text())["people"]
    assert kept == {"kept": 4, "adaptation": "reference+ridge", "k": 3}


def test_nothing_is_left_of_the_video(world, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes = []
    honest = command.run_pool

    def watched(jobs, workers, total):
        modes.append(stat.S_IMODE(next(iter(tmp_path.glob("wince-predict-*"))).stat().st_mode))
        return honest(jobs, workers, total)

    monkeypatch.setattr(command, "run_pool", watched)
    assert say(world, "--participant", "sub-02", "--out", tmp_path / "said.csv") == 0
    assert modes == [0o700]
    assert [entry.name for entry in tmp_path.iterdir()] == ["said.csv"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--participant", "sub-04x"], "has no model of 'sub-04x'; did you mean 'sub-04'? (or say --population)"),
        (["--participant", PEOPLE[4]], "has no model of 'sub-05'"),
        ([], "one of the arguments --participant --population is required"),
        (["--participant", "sub-01", "--encoder", "nowhere"], "is not at nowhere any more"),
    ],
)
def test_mistakes_are_one_line(world, tmp_path, capsys, more, says):
    assert say(world, *more, "--out", tmp_path / "said.csv") == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_or_are_there(world, tmp_path, capsys):
    for name, says in (("said.txt", "must end with .csv or .parquet"), ("there.csv", "exists")):
        (tmp_path / "there.csv").touch()
        assert say(world, "--population", "--out", tmp_path / name) == 2
        assert says in capsys.readouterr().err
    assert say(world, "--population", "--out", tmp_path / "new.csv", video="no.mp4") == 2
    assert "no.mp4" in capsys.readouterr().err


def test_an_encoder_that_was_moved_is_named_and_another_is_refused(world, tmp_path, capsys):
    for name in ("run", "cohort"):
        shutil.copytree(world / name, tmp_path / name)
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    record["inputs"]["encoder"]["run"] = "/gone"
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    who = ["--participant", "sub-01", "--out", tmp_path / "said.csv"]
    assert say(tmp_path, *who) == 2
    assert "is not at /gone any more: say with --encoder" in capsys.readouterr().err
    assert say(tmp_path, *who, "--encoder", world / "encoder") == 0
    record["inputs"]["encoder"]["step"] = 0
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    who[-1] = tmp_path / "other.csv"
    assert say(tmp_path, *who, "--encoder", world / "encoder") == 2
    assert "has other weights than those" in capsys.readouterr().err


def test_models_of_features_and_of_classes(tmp_path, capsys):
    """A run on features alone says so; its models are kept, and give the classes that the run gave."""
    cohort, file = linear_world(tmp_path, people=6, units=12, width=4)
    for events in cohort.rglob("*_events.tsv"):
        table = pd.read_csv(events, sep="\t")
        words = np.where(table["value"] > 4, "pain", "none")
        table.assign(value=words).to_csv(events, sep="\t", index=False)
    given = ["--cohort", cohort, "--features", file, "--adaptation", "normalise+ridge", "--k", 2, "--out"]
    assert main([*map(str, ["personalize", "personalize/ridge", *given, tmp_path / "run"])]) == 0
    (tmp_path / "cohort" / "no.mp4").touch()
    assert say(tmp_path, "--population", "--out", tmp_path / "said.csv", video="no.mp4") == 2
    assert "was made from a table of features" in capsys.readouterr().err
    person = load_person(tmp_path / "run" / "people" / "sub-03.safetensors", encoder="encoder")
    table = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    own = table.query("participant == 'sub-03' and adaptation == 'normalise+ridge'").sort_values("onset")
    clips = pd.read_parquet(file).query("source.str.contains('sub-03_ses-02')")
    said = predictions(clips.reset_index(drop=True), person, {"kind": "first_seconds", "seconds": 2.0})
    said = said[np.isin(said["t0"], own["onset"])]
    np.testing.assert_array_equal(said["prediction"], own["prediction_class"])
    np.testing.assert_allclose(said["p_pain"], own["p_pain"], rtol=1e-6)
    np.testing.assert_array_equal(said["cut"], own["cut"])
    assert said["low"].isna().all()
    half = person._replace(about=person.about | {"cut": said["p_pain"].median()})  # from there on pain is called
    again = predictions(clips.reset_index(drop=True), half, {"kind": "first_seconds", "seconds": 2.0})
    assert set(again["prediction"][again["p_pain"] >= again["cut"]]) == {"pain"}
    assert set(again["prediction"][again["p_pain"] < again["cut"]]) == {"none"}


@pytest.mark.parametrize(
    ("neutral", "rest"), [(LowestPredicted(count=2), None), (MarkedRest(scale="rest"), (3.0, 6.0))]
)
def test_the_neutral_moment_of_a_film_is_found_as_the_run_found_it(tmp_path, neutral, rest):
    cohort, file = linear_world(tmp_path, people=5, units=12, width=4)
    for events in cohort.rglob("*_events.tsv"):
        marked = {"onset": 3.0, "duration": 3.0, "scale": "rest", "value": 1, "rater": "x"}
        pd.concat([pd.read_csv(events, sep="\t"), pd.DataFrame([marked])]).to_csv(events, sep="\t", index=False)
    config = PersonalizeConfig(adaptations=(AdaptationConfig("reference+ridge", 4),), neutral=neutral)
    plan = Plan(read_inputs(config, read_source(cohort, file, None), None).problem, config, config.cells())
    folds = [fold for fold in outer_folds(plan.jobs()) if fold[0] == "sub-03"]
    (tmp_path / "run").mkdir()
    unit = run_folds(tmp_path / "run", plan, folds, "encoder")[0]
    own = unit.table.query("adaptation == 'reference+ridge'").set_index("onset")
    person = load_person(tmp_path / "run" / "people" / "sub-03.safetensors", encoder="encoder")
    film = pd.read_parquet(file).query("source.str.contains('sub-03_ses-02')").reset_index(drop=True)
    said = predictions(film, person, vars(neutral), rest).set_index("t0").loc[own.index]
    np.testing.assert_allclose(said["prediction"], own["prediction"], rtol=1e-9)
    if rest:
        with pytest.raises(UserError, match=r"--rest 3 3.5: no whole clip lies within"):
            predictions(film, person, vars(neutral), (3.0, 3.5))


@pytest.mark.parametrize(
    ("kind", "adaptation", "rest", "says"),
    [
        ("label_zero", "reference+ridge", None, "from labels (label_zero), of which a new film has none: repeat"),
        ("marked_rest", "reference", None, "say with --rest FROM TO, in seconds"),
        ("first_seconds", "reference", (0.0, 9.0), "from a marked rest, not first_seconds"),
        ("marked_rest", "ridge", (0.0, 9.0), "from a marked rest, not none"),
    ],
)
def test_a_neutral_moment_that_a_film_lacks_is_one_line(world, tmp_path, capsys, kind, adaptation, rest, says):
    shutil.copytree(world / "run", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    record["config"]["neutral"] = {"kind": kind}
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    file = tmp_path / "run" / "people" / "sub-01.safetensors"
    content = safe_open(file, framework="numpy")
    arrays, header = {name: content.get_tensor(name) for name in content.keys()}, content.metadata()  # noqa: SIM118
    header["about"] = json.dumps(json.loads(header["about"]) | {"adaptation": adaptation})
    save_file(arrays, file, metadata=header)
    more = [] if rest is None else ["--rest", *rest]
    assert say(tmp_path, "--participant", "sub-01", *more, "--out", tmp_path / "said.csv", video="no.mp4") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_forgotten_person_leaves_the_run(world, tmp_path, capsys):
    shutil.copytree(world / "run", tmp_path / "run")
    assert forget("sub-01", [tmp_path / "run"]) == 0
    said = capsys.readouterr().out
    assert "made with this person among others; it keeps 4 models of other people that were" in said
    assert sorted(file.stem for file in (tmp_path / "run" / "people").iterdir()) == ["population", *TESTED[1:]]
    for file in (tmp_path / "run").rglob("*"):
        assert file.is_dir() or b"sub-01" not in file.read_bytes(), file
    assert say(tmp_path, "--participant", "sub-01", "--out", tmp_path / "x.csv", video="no.mp4") == 2

"""`wince forget`: whole, proven, and for everybody else as if the person had never been there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.forget import change as change_module
from pipelines.forget import forget
from pipelines.forget.change import remove
from pipelines.prepare import command, prepare
from pretrain.clips.dataset import read_clips
from pretrain.errors import RunFailure, UserError
from pretrain.footage.manifest import read_manifest
from scripts.soak.kills import digest
from tests.support.quick_prepare import Hands, write_footage

PEOPLE = ("sub-01", "sub-010", "sub-02")


@pytest.fixture(autouse=True)
def _drawn(monkeypatch):
    monkeypatch.setattr(command, "run_pool", Hands())


def names(people):
    return [f"{who}/ses-{n}/{who}_ses-{n}_video.mp4" for who in people for n in (1, 2)]


def make_clips(folder, people=PEOPLE, extra=(), **options):
    footage = write_footage(folder.with_name(f"{folder.name}_footage"), [*names(people), *extra])
    prepare([footage], folder, **options)
    shutil.rmtree(footage)
    return folder


def make_cohort(folder, people=PEOPLE):
    write_footage(folder, names(people))
    for who in people:
        write_footage(folder, [f"{who}/ses-1/{who}_ses-1_events.tsv", f"derivatives/truth/{who}/{who}_aus.tsv"])
    rows = "".join(f"{who}\t{30 + i}\n" for i, who in enumerate(people))
    for file in (folder / "participants.tsv", folder / "derivatives/truth/participants.tsv"):
        file.write_text(f"participant_id\tage\n{rows}")
    (folder / "dataset_description.json").write_text('{"Name": "people"}')
    return folder


def make_features(file, people=PEOPLE):
    rows = [{"source": name, "track": 0, "f0": float(len(name))} for name in names(people)]
    pd.DataFrame(rows).to_parquet(file)
    return file


def make_run(folder, inputs, people=None):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"config": {}, "inputs": inputs}))
    (folder / "environment.json").write_text("{}")
    if people:
        rows = pd.DataFrame({"participant": list(people), "prediction": np.arange(len(people)) * 1.0})
        rows.to_parquet(folder / "predictions.parquet", index=False)
    return folder


def test_clips_are_as_if_the_person_had_never_been_there(tmp_path, capsys):
    clips = make_clips(tmp_path / "clips")
    never = make_clips(tmp_path / "never", ("sub-010", "sub-02"))
    assert forget("sub-01", [clips]) == 0
    assert digest(clips) == digest(never)
    assert clips.stat().st_mode & 0o777 == 0o700
    assert "4 records, 2 rows of the manifest removed; read again: 0 left" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips", "never"]


def test_the_last_person_leaves_a_manifest_without_rows(tmp_path):
    clips = make_clips(tmp_path / "clips", ["sub-01"])
    assert forget("01", [clips]) == 0
    assert read_manifest(clips) == []
    assert sorted(p.name for p in clips.iterdir()) == ["config.json", "manifest.csv"]


def test_footage_of_another_layout_is_forgotten_by_folder_or_stem(tmp_path):
    clips = make_clips(tmp_path / "clips", ["sub-02"], ["ward/meier/x.mp4", "meier.mp4", "meierling.mp4"])
    assert forget("meier", [clips]) == 0
    assert {r.source for r in read_clips(clips)} == {*names(["sub-02"]), "meierling.mp4"}


def test_cohorts_lose_folder_rows_and_truth(tmp_path):
    cohort, never = make_cohort(tmp_path / "cohort"), make_cohort(tmp_path / "never", ("sub-010", "sub-02"))
    (never / "participants.tsv").write_text((cohort / "participants.tsv").read_text().replace("sub-01\t30\n", ""))
    shutil.copy(never / "participants.tsv", never / "derivatives/truth/participants.tsv")
    assert forget("sub-01", [cohort]) == 0
    assert digest(cohort) == digest(never)


def test_a_mention_that_cannot_be_removed_stops_everything(tmp_path):
    cohort, clips = make_cohort(tmp_path / "cohort"), make_clips(tmp_path / "clips")
    (cohort / "notes.json").write_text('{"dropped out": "sub-01"}')
    before = digest(tmp_path)
    with pytest.raises(RunFailure, match=r"still be in notes\.json .*nothing was changed"):
        forget("sub-01", [clips, cohort])
    assert digest(tmp_path) == before


def test_all_kinds_in_one_folder_and_the_runs_that_cannot_be_cleaned(tmp_path, capsys):
    everything = tmp_path / "all"
    everything.mkdir()
    clips = make_clips(everything / "clips")
    others = make_clips(tmp_path / "others", ["sub-02"])
    make_cohort(everything / "cohort")
    make_features(everything / "features.parquet")
    (everything / "key.tsv").write_text("participant_id\toriginal\nsub-01\tA\nsub-02\tB\n")
    (everything / "report.html").write_text("<html>")
    make_run(everything / "encoder", {"clips": str(clips)})
    make_run(everything / "innocent", {"clips": str(others)})
    make_run(everything / "lost", {"clips": str(tmp_path / "gone")})
    run = make_run(everything / "personal", {"cohort": "people"}, PEOPLE)
    assert forget("sub-01", [everything]) == 0
    said = capsys.readouterr().out
    assert pd.read_parquet(everything / "features.parquet")["source"].tolist() == names(["sub-010", "sub-02"])
    assert pd.read_parquet(run / "predictions.parquet")["participant"].tolist() == ["sub-010", "sub-02"]
    assert (everything / "key.tsv").read_text() == "participant_id\toriginal\nsub-02\tB\n"
    assert {r.source for r in read_clips(clips)} == set(names(["sub-010", "sub-02"]))
    assert f"encoder: trained on {clips}" in said
    assert "lost: cannot tell" in said
    assert "personal: its models and scores were made with this person" in said
    assert "innocent" not in said
    assert "not looked into: 1 links or files of other kinds" in said
    assert "sub-01" not in said
    with pytest.raises(UserError, match="no such person"):
        forget("sub-01", [clips, everything / "features.parquet", everything / "cohort"])


def test_rows_of_results_and_the_reports_that_show_them_go(tmp_path):
    run = make_run(tmp_path / "personal", {"cohort": "people"}, PEOPLE)
    rows = [{"participant": who, "units": 3} for who in PEOPLE]
    (run / "results.json").write_text(json.dumps({"participants": {"rows": rows, "worst": ["sub-01", "sub-02"]}}))
    for name, text in {"report": "about sub-01", "other": "about sub-010"}.items():
        (run / f"{name}.html").write_text(f"<p>{text}</p>")
        (run / f"{name}.json").write_text("{}")
        (run / f"{name}_figures").mkdir()
        (run / f"{name}_figures" / "per_person.png").write_bytes(b"")
    assert forget("sub-01", [run]) == 0
    left = json.loads((run / "results.json").read_text())["participants"]
    assert left == {"rows": rows[1:], "worst": ["sub-02"]}
    assert sorted(path.name for path in run.glob("other*")) == ["other.html", "other.json", "other_figures"]
    assert not list(run.glob("report*"))


def test_private_clips_forget_with_their_key_only(tmp_path):
    key = tmp_path / "key"
    clips = make_clips(tmp_path / "clips", private=key)
    never = make_clips(tmp_path / "never", ("sub-010", "sub-02"), private=key)
    before = digest(clips)
    with pytest.raises(UserError, match="with --private: name its key file"):
        forget("sub-01", [clips])
    make_clips(tmp_path / "other", private=tmp_path / "key2")
    with pytest.raises(UserError, match="with another key"):
        forget("sub-01", [clips], private=tmp_path / "key2")
    assert digest(clips) == before
    assert forget("sub-01", [clips], private=key) == 0
    assert digest(clips) == digest(never)


def test_hidden_names_without_their_key_are_no_proof_of_absence(tmp_path, capsys):
    key, clips = tmp_path / "key", tmp_path / "clips"
    make_clips(clips, private=key)
    make_run(tmp_path / "run", {"clips": str(clips)})
    assert forget("sub-01", [tmp_path / "run"]) == 0
    assert "cannot tell" in capsys.readouterr().out
    features = tmp_path / "features.parquet"
    pd.DataFrame({"source": sorted({r.source for r in read_clips(clips)})}).to_parquet(features)
    with pytest.raises(UserError, match="holds hidden names"):
        forget("sub-01", [features])
    assert forget("sub-01", [features], private=key) == 0
    assert len(pd.read_parquet(features)) == 4


def test_clips_and_features_within_a_cohort_or_clips_forget_too(tmp_path, capsys):
    key, cohort = tmp_path / "key", make_cohort(tmp_path / "cohort")
    clips = make_clips(cohort / "derivatives" / "clips")
    hidden = make_clips(cohort / "derivatives" / "hidden", private=key)
    make_features(cohort / "features.parquet")
    make_features(clips / "features.parquet")
    with pytest.raises(UserError, match="name its key file"):
        forget("sub-01", [cohort])
    assert forget("sub-01", [cohort], private=key) == 0
    left = set(names(["sub-010", "sub-02"]))
    assert {r.source for r in read_clips(clips)} == left
    assert len({r.source for r in read_clips(hidden)}) == len(left)
    for table in (cohort / "features.parquet", clips / "features.parquet"):
        assert set(pd.read_parquet(table)["source"]) == left
    make_features(clips / "features.parquet")
    assert forget("sub-01", [clips]) == 0
    assert "2 rows of features removed" in capsys.readouterr().out
    assert set(pd.read_parquet(clips / "features.parquet")["source"]) == left


def test_the_place_that_a_link_leads_to_forgets(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "disk"
    folder.mkdir()
    clips, features = make_clips(folder / "clips"), make_features(folder / "features.parquet")
    study = tmp_path / "study"
    study.mkdir()
    (study / "clips").symlink_to(clips)
    (study / "loop").symlink_to(study)
    make_features(study / "own.parquet")
    assert forget("sub-01", [study / "clips"]) == 0
    assert (study / "clips").is_symlink()
    assert {r.source for r in read_clips(clips)} == set(names(["sub-010", "sub-02"]))
    monkeypatch.chdir(study)
    assert forget("sub-01", [Path()]) == 0
    assert "not looked into: 2 links or files" in capsys.readouterr().out
    assert set(pd.read_parquet("own.parquet")["source"]) == set(names(["sub-010", "sub-02"]))
    assert len(pd.read_parquet(features)) == 6


def test_runs_are_listed_before_the_proof_of_it_goes(tmp_path, monkeypatch, capsys):
    clips = make_clips(tmp_path / "clips")
    make_run(tmp_path / "run", {"clips": str(clips)})

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(change_module, "swap", killed)
    with pytest.raises(KeyboardInterrupt):
        forget("sub-01", [clips, tmp_path / "run"])
    assert f"run: trained on {clips}" in capsys.readouterr().out


def test_half_done_work_in_progress_goes_too(tmp_path):
    """A kill leaves records without a row, and a dataset that is half written: nobody can tell whose they are."""
    footage = write_footage(tmp_path / "footage", names(PEOPLE))
    prepare([footage], tmp_path / "clips", shard="1/1")
    partial = tmp_path / "clips.partial"
    (partial / "files" / "0123.records.abc.tmp").write_bytes(b"face")
    (partial / "files" / "0123.records").write_bytes(b"face")
    (partial / "clips" / "incomplete.abc").mkdir(parents=True)
    assert forget("sub-01", [partial]) == 0
    assert sorted(p.name for p in partial.iterdir()) == ["begun.json", "files", "lock", "lock.1-of-1"]
    assert len(list((partial / "files").iterdir())) == 2 * 4


def test_work_in_progress_forgets_too(tmp_path):
    footage = write_footage(tmp_path / "footage", names(PEOPLE))
    prepare([footage], tmp_path / "clips", shard="1/1")
    assert forget("sub-01", [tmp_path / "clips.partial"]) == 0
    shutil.rmtree(footage / "sub-01")
    prepare([footage], tmp_path / "clips", merge=True)
    assert digest(tmp_path / "clips") == digest(make_clips(tmp_path / "never", ("sub-010", "sub-02")))


@pytest.mark.parametrize(
    ("participant", "path", "says"),
    [
        ("sub-03", "clips", "no such person in .*clips; nothing was changed"),
        ("sub-0", "clips", "no such person"),
        ("sub-01", "clip", "did you mean 'clips'"),
        ("sub-01", "empty", "holds no clips, cohort, features or run"),
    ],
)
def test_mistakes_change_nothing(tmp_path, participant, path, says):
    make_clips(tmp_path / "clips")
    (tmp_path / "empty").mkdir()
    before = digest(tmp_path)
    with pytest.raises(UserError, match=says):
        forget(participant, [tmp_path / path])
    assert digest(tmp_path) == before


@pytest.mark.parametrize("steps", range(6))
def test_a_kill_at_any_step_is_put_in_order_by_the_same_command(tmp_path, monkeypatch, steps):
    """Two places, each replaced by two renames and a removal; the kill comes after some of these steps."""
    cohort, clips = make_cohort(tmp_path / "cohort"), make_clips(tmp_path / "clips")
    never = digest(make_clips(tmp_path / "never", ("sub-010", "sub-02")))
    done = []

    class Killed(BaseException):
        pass

    def until_killed(function):
        def step(*args):
            if len(done) >= steps:
                raise Killed
            done.append(function.__name__)
            return function(*args)

        return step

    swap = change_module.swap
    with monkeypatch.context() as broken, pytest.raises(Killed):
        # what is written before the first swap is removed again in any case
        broken.setattr(change_module, "swap", lambda path: (break_steps(broken, until_killed, swap), swap(path)))
        forget("sub-01", [cohort, clips])
    assert len(done) == steps
    assert forget("sub-01", [clips, cohort]) == 0
    assert digest(clips) == never
    assert not [p for p in cohort.rglob("*") if p.name.startswith(("sub-01_", "."))]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips", "cohort", "never"]


def break_steps(monkeypatch, until_killed, swap):
    monkeypatch.setattr(change_module, "swap", swap)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, until_killed(vars(Path)[name]))
    monkeypatch.setattr(change_module, "remove", until_killed(remove))

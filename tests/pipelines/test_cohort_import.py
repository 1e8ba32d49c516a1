"""`wince cohort import`: a flat table becomes a cohort that `wince personalize` takes."""

import json
import stat

import numpy as np
import pandas as pd
import pytest

import pipelines.cohort_import as pipeline
from configs.personalize.table import config
from personalize.cohorts.layout import read_cohort
from pipelines.cohort_import import cohort_import
from pipelines.personalization import personalize
from pretrain.errors import UserError


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "person": np.repeat(["007", "Anna", "12"], 20),
            "trial": np.tile(np.arange(20)[::-1], 3),
            "scr": rng.normal(size=60).round(4),
            "emg": rng.normal(size=60).round(4),
            "note": "text",
        }
    )
    rows["pain"] = (50 + 20 * rows["scr"]).round(1).where(rows.index % 10 != 3)
    rows.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def run(table, out, **changes):
    options = {"participant": "person", "target": "pain", "features": None, "order": "trial"} | changes
    return cohort_import(table, out=out, **options)


def test_pseudonyms_key_and_layout(table, tmp_path, capsys):
    out = tmp_path / "cohort"
    assert run(table, out) == 0
    key_file = tmp_path / "cohort_key.tsv"
    assert str(key_file) in capsys.readouterr().out
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    key = pd.read_csv(key_file, sep="\t", dtype=str)
    assert set(key["original"]) == {"007", "Anna", "12"}
    assert all(len(name) == 8 and name.startswith("sub-") for name in key["participant_id"])
    for file in out.rglob("*"):
        assert "Anna" not in file.name
        assert file.is_dir() or "Anna" not in file.read_text()


def test_rows_keep_their_values_in_the_stated_order(table, tmp_path):
    run(table, tmp_path / "cohort")
    key = pd.read_csv(tmp_path / "cohort_key.tsv", sep="\t", dtype=str).set_index("original")["participant_id"]
    name = key["Anna"]
    folder = tmp_path / "cohort" / name
    features = pd.read_csv(folder / f"{name}_features.tsv", sep="\t")
    rows = pd.read_csv(table).query("person == 'Anna'").sort_values("trial")
    assert list(features.columns) == ["onset", "scr", "emg"]
    assert features["scr"].tolist() == rows["scr"].tolist()
    assert json.loads((folder / f"{name}_features.json").read_text()) == {"Time": "order"}
    ratings = read_cohort(tmp_path / "cohort").ratings.query("participant == @name")
    assert ratings["onset"].tolist() == list(range(20))
    np.testing.assert_array_equal(ratings["value"].astype(float), rows["pain"])


def test_without_order_time_means_nothing(table, tmp_path):
    run(table, tmp_path / "cohort", order=None, features="s*, em?")
    sidecars = list((tmp_path / "cohort").rglob("*_features.json"))
    assert [json.loads(file.read_text()) for file in sidecars] == [{"Time": "none"}] * 3
    first = pd.read_csv(sidecars[0].with_suffix(".tsv"), sep="\t")
    assert list(first.columns) == ["onset", "scr", "emg"]


def test_two_imports_do_not_share_pseudonyms(table, tmp_path):
    names = []
    for out in ("a", "b"):
        run(table, tmp_path / out)
        names.append(set(read_cohort(tmp_path / out).participants["participant"]))
    assert not names[0] & names[1]


def test_class_targets_are_kept_as_words(table, tmp_path):
    run(table, tmp_path / "cohort", target="note")
    assert set(read_cohort(tmp_path / "cohort").ratings["value"]) == {"text"}
    with pytest.raises(UserError, match="all ratings of 'note' are of the class 'text'"):
        personalize(config, cohort=tmp_path / "cohort", features=None, out=tmp_path / "run")


def test_an_imported_table_can_be_personalized(table, tmp_path, capsys):
    run(table, tmp_path / "cohort")
    assert personalize(config, cohort=tmp_path / "cohort", features=None, out=tmp_path / "run") == 0
    counts = json.loads((tmp_path / "run" / "results.json").read_text())["counts"]
    assert counts["participants_with_one_recording"] == counts["participants_tested"] == 3
    assert counts["feature_rows_without_rating"] == 6
    assert "ridge k=5 - none k=0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"participant": "persn"}, "no column 'persn'; did you mean 'person'"),
        ({"target": "pian"}, "no column 'pian'; did you mean 'pain'"),
        ({"order": "trail"}, "no column 'trail'; did you mean 'trial'"),
        ({"features": "AU*"}, "no numeric column matches 'AU\\*'"),
        ({"features": "*"}, "column 'note' matches the features but is not numeric"),
    ],
)
def test_mistakes_name_the_nearest_and_write_nothing(table, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        run(table, tmp_path / "cohort", **changes)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["table.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("person,pain,x\nanna,1,2\nAnna,1,2\n", "'anna' and 'Anna' in 'person' differ only in case"),
        ("person,pain,x\na,1,2\n,1,2\n", "1 rows have no 'person'"),
        ("person,pain,x\n", "has no rows"),
        ("", "not a CSV table"),
    ],
)
def test_odd_tables_are_refused(tmp_path, content, message):
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        run(tmp_path / "table.csv", tmp_path / "cohort", order=None)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["table.csv"]


def test_nothing_is_overwritten(table, tmp_path):
    run(table, tmp_path / "cohort")
    with pytest.raises(UserError, match="is there already"):
        run(table, tmp_path / "cohort")
    with pytest.raises(UserError, match="no table at"):
        run(tmp_path / "other.csv", tmp_path / "other")


@pytest.mark.parametrize("failing", ["write_key", "write_table_cohort"])
def test_an_interrupted_import_leaves_nothing(table, tmp_path, monkeypatch, failing):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, failing, fail)
    with pytest.raises(KeyboardInterrupt):
        run(table, tmp_path / "cohort")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["table.csv"]

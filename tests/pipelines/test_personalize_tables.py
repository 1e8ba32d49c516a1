"""`wince personalize` on tables: classes and numbers, with and without order, and people who lack something."""

import json

import numpy as np
import pandas as pd
import pytest

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.rows import check_rows
from pipelines.cohort_import import cohort_import
from pipelines.configuration import load_config
from pipelines.personalization import personalize
from pipelines.personalization.choices import with_adaptations
from pipelines.report.page import write_report
from pretrain.errors import UserError
from tests.support.few_numbers import leave_out


@pytest.fixture
def few_numbers(monkeypatch):
    """For tests that look at few of them."""
    leave_out(monkeypatch.setattr)


def rows(people=6, each=8, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = people * each
    person = np.repeat([f"p{i}" for i in range(people)], each)
    word = np.tile(["calm", "fear", "joy", "calm"], n // 4)
    table = {f"AU{i:02d}": rng.normal(size=n) + 2.0 * (word == w) for i, w in ((4, "fear"), (6, "joy"), (9, "fear"))}
    number = np.repeat(rng.normal(5, 2, people), each) + table["AU04"]
    return pd.DataFrame(
        {"who": person, "when": np.tile(np.arange(each), people), "word": word, "number": number, **table}
    )


def imported(folder, table, target, order=None):
    table.to_csv(folder / "table.csv", index=False)
    out = folder / "cohort"
    cohort_import(folder / "table.csv", participant="who", target=target, features="AU*", order=order, out=out)
    return out


def run(cohort, out, *adaptations, **options):
    cells = tuple(AdaptationConfig(*a) for a in adaptations)
    config = PersonalizeConfig(target=None, threshold=None, adaptations=cells, **options)
    assert personalize(config, cohort=cohort, features=None, out=out) == 0
    results = json.loads((out / "results.json").read_text())
    check_rows(results["metrics"])
    return results, pd.read_parquet(out / "predictions.parquet")


@pytest.mark.long
def test_classes_without_order_are_the_mean_over_draws(tmp_path, capsys):
    results, table = run(imported(tmp_path, rows(), "word"), tmp_path / "run", ("ridge", 1))
    assert results["target"] == {
        "name": "word",
        "kind": "class",
        "metrics": "class",
        "classes": ["calm", "fear", "joy"],
    }
    rows_of = [row for row in results["metrics"] if row["metric"] == "accuracy"]
    assert {row["protocol"] for row in rows_of} == {"k_shot order: none"}
    assert {tuple(row["seeds"]) for row in rows_of} == {tuple(range(20))}
    assert table["seed"].nunique() == 20
    mine = table[(table["adaptation"] == "none")]
    right = (mine["truth_class"] == mine["prediction_class"]).groupby([mine["participant"], mine["seed"]]).mean()
    row = next(r for r in rows_of if (r["adaptation"], r["pooling"]) == ("none", "mean_over_participants"))
    assert row["value"] == pytest.approx(right.groupby("participant").mean().mean())
    assert row["value"] > 0.6
    assert set(results["skipped"]) == {"elapsed_time", "previous_label"}
    assert any(row["adaptation"] == "pspi" for row in rows_of)
    assert results["coverage"] == []
    assert {row["k"] for row in results["labels"]} == {0, 1}
    assert "order: none" in capsys.readouterr().out
    assert write_report([tmp_path / "run"], tmp_path / "report.html") == 0
    assert "order: none" in (tmp_path / "report.html").read_text()


def test_two_classes_are_scored_by_their_probability(tmp_path):
    two = rows().assign(word=lambda t: np.where(t["word"] == "fear", "yes", "no"))
    results, table = run(imported(tmp_path, two, "word", order="when"), tmp_path / "run", ("participant_prior", 1))
    metrics = {row["metric"] for row in results["metrics"]}
    assert {"auroc", "brier", "balanced_accuracy"} <= metrics
    assert results["target"]["metrics"] == "probability"
    assert table["prediction"].between(0, 1).all()
    assert {row["protocol"] for row in results["metrics"]} == {"k_shot"}
    assert results["skipped"] == {}


def test_levels_are_scored_as_such(tmp_path, few_numbers):
    table = rows().assign(number=lambda t: t["number"].round().clip(0, 10).astype(int))
    results, _ = run(imported(tmp_path, table, "number", order="when"), tmp_path / "run", ("ridge", 2), kind="ordinal")
    values = {
        r["metric"]: r["value"] for r in results["metrics"] if r["adaptation"] == "ridge" and r["pooling"] == "pooled"
    }
    assert 0 < values["kappa_quadratic"] < 1
    assert results["target"]["kind"] == "ordinal"


def test_people_who_lack_something_are_handled_or_named(tmp_path, few_numbers):
    table = rows(people=8)
    p = table["who"]
    table.loc[p == "p1", ["AU04", "AU06", "AU09"]] = np.nan  # no features
    table.loc[p == "p2", "word"] = "calm"  # one class only
    table.loc[p == "p4", "word"] = None  # no labels
    table = table[~((p == "p3") & (table["when"] > 0)) & ~((p == "p5") & (table["word"] == "fear"))]
    key_file = tmp_path / "cohort_key.tsv"
    results, predictions = run(imported(tmp_path, table, "word"), tmp_path / "run", ("ridge", 2))
    names = dict(pd.read_csv(key_file, sep="\t").set_index("original")["participant_id"])
    assert results["untested"][names["p1"]] == "features missing in all 8 rated rows"
    assert results["untested"][names["p4"]] == "no rated row"
    assert set(predictions["participant"]) == {names[f"p{i}"] for i in (0, 2, 3, 5, 6, 7)}
    assert set(predictions[predictions["participant"] == names["p3"]]["labels"]) == {0}
    assert next(row for row in results["labels"] if row["k"] == 2)["fewer"] >= 3


def test_a_feature_that_nobody_has_is_named(tmp_path):
    cohort = imported(tmp_path, rows().assign(AU15=0.5), "number")
    for file in cohort.glob("sub-*/*_features.tsv"):
        pd.read_csv(file, sep="\t").assign(AU15="n/a").to_csv(file, sep="\t", index=False)
    with pytest.raises(UserError, match="the feature 'AU15' has no value in any row"):
        run(cohort, tmp_path / "run", ("none",))
    assert not (tmp_path / "run").exists()


def test_three_people_are_enough_and_two_are_not(tmp_path, few_numbers):
    for people in (3, 2):
        folder = tmp_path / str(people)
        folder.mkdir()
        cohort = imported(folder, rows(people=people), "number", order="when")
        if people == 2:
            with pytest.raises(UserError, match="2 participants have labelled units"):
                run(cohort, folder / "run", ("ridge", 2))
        else:
            results, _ = run(cohort, folder / "run", ("ridge", 2))
            assert results["counts"]["participants_tested"] == 3


def test_adaptations_and_k_of_the_command_line():
    config = load_config("personalize/table", PersonalizeConfig)

    def cells(names, ks, base=config):
        return [(a.name, a.k) for a in with_adaptations(base, names, ks).cells()]

    assert cells(["ridge"], [1, 3]) == [("none", 0), ("ridge", 1), ("ridge", 3)]
    assert cells(["normalise", "ridge"], None) == [("none", 0), ("normalise", 0), ("ridge", 5)]
    assert cells(None, [2]) == [("none", 0), ("ridge", 2), ("participant_prior", 2)]
    assert cells(None, None) == [("none", 0), ("ridge", 5), ("participant_prior", 5)]
    for names, ks, words in (
        (["none"], [5], "none of the adaptations"),
        (["ridge"], [-1], "must not be below 0"),
        (["rigde"], [1], "did you mean 'ridge'"),
    ):
        with pytest.raises(UserError, match=words):
            cells(names, ks)

"""The gap due to leakage, comparisons and claims against what follows from the predictions by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from personalize.evaluation.claims import ClaimSide
from personalize.studies.config import Phantoms, Size, World
from personalize.studies.inputs import ActionUnits, Embedded, Films, Pictures
from pipelines.personalization.claims import register
from pipelines.personalization.results import About
from pipelines.study.cohorts import Filming, crop_size, filming, folder_name
from pipelines.study.results import Part, comparisons, gaps, part_entry
from tests.support.studies import LINEAR, made_study

NAMES = [f"p{i}" for i in range(12)]
CLAIM = replace(
    made_study().claims[0],
    metric="mae",
    direction="lower",
    delta=0.1,
    better=ClaimSide("b"),
    than=ClaimSide("majority"),
)
STUDY = made_study(
    {"a": LINEAR, "b": LINEAR, "b+ref": LINEAR},
    metric="mae",
    labels=replace(made_study().labels, target="pspi"),
    claims=(CLAIM,),
)


def part(side, errors, *, leaky=False, seeds=(0, 1), units=5):
    """Predictions that miss by `errors[model]` (of every person) with every seed a tenth more."""
    rows = []
    for model, error in errors.items():
        for seed in (0,) if model == "majority" else seeds:
            for person, off in zip(NAMES, error, strict=True):
                for unit in range(units):
                    rows.append(
                        (person, f"{person}_1", 0, float(unit), float(unit), unit + off + seed / 10, model, seed)
                    )
    columns = ["participant", "recording", "track", "onset", "truth", "prediction", "adaptation", "seed"]
    table = pd.DataFrame(rows, columns=columns).assign(k=0, system="study")
    about = About("c", "c", f"{side} LEAKY" if leaky else side, leaky, "pspi", "numeric", None, [*seeds], {}, 2000, 0)
    return Part("natural", side, table, about, [], [], {}, {}, None)


def test_the_gap_is_the_mean_of_peoples_own():
    rng = np.random.default_rng(0)
    found = {side: {m: rng.uniform(0.2, 2, 12) for m in ("a", "b")} for side in ("as_reported", "honest")}
    parts = [part("as_reported", found["as_reported"], leaky=True), part("honest", found["honest"])]
    rows = gaps(STUDY, parts)
    assert [row["adaptation"] for row in rows] == ["a", "b"]
    for row in rows:
        change = found["as_reported"][row["adaptation"]] - found["honest"][row["adaptation"]]
        assert row["difference"] == pytest.approx(change.mean())
        assert row["as_reported"] - row["honest"] == pytest.approx(row["difference"])
        reach = stats.t.interval(0.95, 11, change.mean(), stats.sem(change))
        assert row["low"] == pytest.approx(reach[0], rel=0.15)  # the jackknife's degrees of freedom are its own
        assert row["high"] == pytest.approx(reach[1], rel=0.15)
        assert row["protocols"] == ["as_reported LEAKY", "honest"]


def test_a_gap_of_nobody_says_so():
    nobody = part("honest", {"a": np.ones(12)})
    nobody = nobody._replace(table=nobody.table.assign(participant="z" + nobody.table["participant"]))
    (row,) = gaps(STUDY, [part("as_reported", {"a": np.ones(12)}), nobody])
    assert row["difference"] is None
    assert row["reason"] == "nobody has this number under both protocols"


def test_every_honest_protocol_has_a_gap_to_the_first_reported_one():
    some = [{"a": np.full(12, size)} for size in (1.0, 4.0, 0.0, 0.5)]
    parts = [
        part(side, each) for side, each in zip(["as_reported", "as_reported", "honest", "honest"], some, strict=True)
    ]
    assert [row["difference"] for row in gaps(STUDY, parts)] == pytest.approx([1, 0.5])


def test_only_people_of_both_protocols_are_in_the_gap():
    ones = {"a": np.ones(12)}
    fewer = part("honest", {"a": np.full(12, 2.0)})
    fewer = fewer._replace(table=fewer.table[fewer.table["participant"] != "p3"])
    assert gaps(STUDY, [part("as_reported", ones), fewer])[0]["n_participants"] == 11
    assert gaps(STUDY, [part("honest", ones)]) == []


def test_models_are_compared_with_the_first_and_with_themselves_without_a_reference():
    errors = {name: np.linspace(0.5, 1.5, 12) + i for i, name in enumerate(("a", "b", "b+ref"))}
    rows = comparisons(STUDY, part("honest", {**errors, "majority": np.ones(12)}))
    pairs = {(row["a"]["adaptation"], row["b"]["adaptation"]) for row in rows}
    assert pairs == {("b", "a"), ("b+ref", "a"), ("b+ref", "b")}
    mae = next(row for row in rows if row["metric"] == "mae" and row["a"]["adaptation"] == "b+ref")
    assert mae["difference"] == pytest.approx(2)


def test_a_claim_against_a_baseline_that_has_one_seed(tmp_path: Path):
    errors = {"a": np.ones(12), "b": np.linspace(0.4, 0.6, 12), "majority": np.full(12, 2.0)}
    record = {"config": {"claims": []}, "inputs": {}}
    register(tmp_path, STUDY.claims, record)
    (tmp_path / "config.json").write_text('{"config": {"claims": []}, "inputs": {}}')
    study = replace(STUDY, worlds={"natural": World(Phantoms("shoulder"), "as it is", (True,))})
    row = part_entry(study, part("honest", errors), {}, record, tmp_path)["claims"][0]
    assert row["estimate"] == pytest.approx(2 - 0.5 - 0.05)  # the seeds' mean error is 0.05 higher
    assert (row["verdict"], row["truth"], row["verified"]) == ("supported", True, True)
    (tmp_path / "claim.json").write_text("{}")
    row = part_entry(study, part("honest", errors), {}, record, tmp_path)["claims"][0]
    assert row["verdict"] == "undefined"
    assert "claim.json" in row["reason"]


def test_cohorts_of_other_sizes_lie_apart():
    names = {
        folder_name(Phantoms("shoulder", world, seed), Size(people, seconds=seconds), filmed)
        for world in ("", "alike") for seed in (0, 1) for people in (4, 5) for seconds in (None, 8)
        for filmed in (Filming(), Filming(fps=4), Filming(32))
    }  # fmt: skip
    assert len(names) == 48
    assert crop_size(Pictures(pixels=160, warp=True)) == 160
    assert crop_size(Films(pixels=48)) == 64
    assert crop_size(Films(pixels=96)) == 96
    assert crop_size(ActionUnits()) == 64


def test_films_are_no_finer_than_anybody_looks():
    assert filming(ActionUnits(), smoke=False) == Filming(32)  # nobody looks
    assert filming(Films(rate=4.5), smoke=True) == Filming(96, 5)
    assert filming(Films(rate=4.5), smoke=False) == Filming()
    assert filming(Pictures(rate=4), smoke=True) == Filming(96, 2)
    assert filming(Embedded(), smoke=True) == Filming(96)  # at the encoder's rate

"""Claims of `wince personalize`: written down before anybody is tested, and answered with the results."""

import json
import shutil
from datetime import UTC, datetime

import pandas as pd
import pytest

from personalize.config import AdaptationConfig, LabelZero, PersonalizeConfig
from personalize.evaluation.claims import ClaimConfig, ClaimSide, claim_hash, verdict
from personalize.evaluation.comparison import paired_difference
from pipelines.configuration import load_config, override, read_config, to_json
from pipelines.personalization import command, folds, personalize
from pipelines.personalization.claims import CHANGED, claim_rows
from pipelines.personalization.results import About
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world

pytestmark = pytest.mark.usefixtures("few_numbers")
NONE, RIDGE = ClaimSide("none"), ClaimSide("ridge", 3)
LABELS_HELP = ClaimConfig("three labels help", "mae", "lower", 0.2, RIDGE, NONE)
RANKS_TOO = ClaimConfig("three labels rank better", "pcc", "higher", 0.05, RIDGE, NONE, "pooled")
REST_HELPS = ClaimConfig("a reference helps", "mae", "lower", 0.2, ClaimSide("reference", 3), NONE)
CLAIMS = (LABELS_HELP, RANKS_TOO, REST_HELPS)
CONFIG = PersonalizeConfig(
    neutral=LabelZero(zero=4.0, oracle=True),
    adaptations=(AdaptationConfig("ridge", 3), AdaptationConfig("reference", 3)),
    claims=CLAIMS,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    cohort, features = linear_world(tmp_path_factory.mktemp("world"), people=5, units=8, width=4, light=0.5)
    return {"cohort": cohort, "features": features}


@pytest.fixture(scope="module")
def run(world, few_numbers, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert personalize(CONFIG, **world, out=out) == 0
    return out


@pytest.fixture
def copied(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def read(file):
    return json.loads(file.read_text())


def rows_of(run, **about):
    """The answers from what lies in a run's folder."""
    known = {"cohort": "", "train_cohort": "", "protocol": "", "leaky": False, "target": "vas", "kind": "numeric"}
    known |= {"threshold": 4.0, "seeds": [0], "marks": {}, "draws": 2000, "seed": 0, **about}
    table = pd.read_parquet(run / "predictions.parquet")
    record = read(run / "config.json")
    return claim_rows(run, read_config(run / "config.json", PersonalizeConfig), record, table, About(**known))


def test_claims_are_written_down_with_their_hash(run):
    written, record = read(run / "claim.json"), read(run / "config.json")
    assert [each["claim"]["says"] for each in written["claims"]] == [claim.says for claim in CLAIMS]
    assert written["claims"][0]["claim"] == to_json(LABELS_HELP)
    assert written["claims"][0]["sha256"] == claim_hash(LABELS_HELP, record)
    assert record["config"]["claims"] == [each["claim"] for each in written["claims"]]
    assert datetime.fromisoformat(written["registered"]) <= datetime.now(UTC)


def test_results_answer_every_claim(run):
    rows = read(run / "results.json")["claims"]
    assert set(rows[0]) == {
        *("claim", "sha256", "verified", "estimate", "low", "high", "interval", "verdict", "marks", "n_participants"),
        "reason",
    }
    table = pd.read_parquet(run / "predictions.parquet")
    ridge, none = (table[table["adaptation"] == name] for name in ("ridge", "none"))
    mae = paired_difference(ridge, none, "mae", threshold=4.0)
    pcc = paired_difference(ridge, none, "pcc", threshold=4.0, pooling="pooled")
    assert [row["estimate"] for row in rows[:2]] == [-mae["difference"], pcc["difference"]]
    assert (rows[0]["low"], rows[0]["high"]) == (-mae["high"], -mae["low"])
    for row in rows:
        said = verdict(row["estimate"], row["low"], row["high"], row["claim"]["delta"])
        assert row["verdict"] == " ".join([said, *row["marks"]])
        assert row["verified"] is True
    assert [row["sha256"] for row in rows] == [each["sha256"] for each in read(run / "claim.json")["claims"]]


def test_a_side_that_is_an_oracle_marks_the_verdict(run):
    of_labels, _, of_rest = read(run / "results.json")["claims"]
    assert of_labels["marks"] == []
    assert of_rest["marks"] == ["ORACLE"]
    assert of_rest["verdict"].endswith(" ORACLE")


def test_a_leaky_protocol_marks_every_verdict(run):
    assert [row["verdict"].split()[-1] for row in rows_of(run, leaky=True)] == ["LEAKY"] * 3
    marked = rows_of(run, leaky=True, marks={"reference 3": ["ORACLE", "transductive"]})[2]
    assert marked["marks"] == ["LEAKY", "ORACLE"]
    assert marked["verdict"].endswith(" LEAKY ORACLE")


def test_claims_are_there_before_anybody_is_tested_and_an_edit_is_noticed(world, tmp_path, monkeypatch, capsys):
    out, honest, seen = tmp_path / "run", folds.run_fold, []

    def stops_at_the_second(*args):
        seen.append(sorted(file.name for file in out.iterdir()))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return honest(*args)

    with monkeypatch.context() as patch:
        patch.setattr(command, "run_fold", stops_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            personalize(CONFIG, **world, out=out)
    assert seen[0] == ["claim.json", "config.json", "environment.json"]
    assert read(out / "claim.json")["claims"][0]["sha256"] in capsys.readouterr().out
    weaker(out)
    edited = (out / "claim.json").read_bytes()
    assert personalize(CONFIG, **world, out=out) == 0
    assert (out / "claim.json").read_bytes() == edited
    for row in read(out / "results.json")["claims"]:
        assert (row["verified"], row["verdict"].split()[0], row["reason"]) == (False, "undefined", CHANGED)
        assert row["estimate"] is not None
    assert CHANGED in capsys.readouterr().out


def weaker(out):
    """The claim's delta, and its hash with it."""
    written, record = read(out / "claim.json"), read(out / "config.json")
    easier = ClaimConfig("three labels help", "mae", "lower", 0.01, RIDGE, NONE)
    written["claims"][0] = {"claim": to_json(easier), "sha256": claim_hash(easier, record)}
    (out / "claim.json").write_text(json.dumps(written))


def earlier(out):
    """The time."""
    written = read(out / "claim.json")
    (out / "claim.json").write_text(json.dumps({**written, "registered": "2020-01-01T00:00:00+00:00"}))


def removed(out):
    """The file is gone."""
    (out / "claim.json").unlink()


def cut(out):
    """No JSON any more."""
    (out / "claim.json").write_text((out / "claim.json").read_text()[:100])


def a_list(out):
    """JSON of another shape."""
    (out / "claim.json").write_text("[]")


@pytest.mark.parametrize("edit", [weaker, earlier, removed, cut, a_list])
def test_every_edit_of_the_claim_file_takes_the_verdict(copied, edit):
    assert all(row["verified"] for row in rows_of(copied))
    edit(copied)
    for row in rows_of(copied):
        assert (row["verified"], row["verdict"], row["reason"]) == (False, "undefined", CHANGED)


def test_a_record_edited_since_takes_the_verdict(copied):
    before = read(copied / "config.json")
    record = {**before, "inputs": {**before["inputs"], "ratings": "others"}}
    table, config = pd.read_parquet(copied / "predictions.parquet"), read_config(copied / "config.json", type(CONFIG))
    about = About("", "", "", False, "vas", "numeric", 4.0, [0], {}, 2000, 0)
    assert not any(row["verified"] for row in claim_rows(copied, config, record, table, about))


def test_another_claim_is_refused_once_a_run_has_begun(world, run):
    easier = ClaimConfig("three labels help", "mae", "lower", 0.1, RIDGE, NONE)
    for claims, says in (
        ((easier, *CLAIMS[1:]), r"belongs to another claim: claim 1\.delta is 0\.2 there and 0\.1 here"),
        (CLAIMS[:2], "belongs to another claim: claim 3 is"),
        ((), "belongs to another claim: claim 1 is"),
    ):
        config = PersonalizeConfig(adaptations=CONFIG.adaptations, neutral=CONFIG.neutral, claims=claims)
        with pytest.raises(UserError, match=says) as caught:
            personalize(config, **world, out=run)
        assert "\n" not in str(caught.value)


def test_the_verdict_is_printed(world, run, capsys):
    personalize(CONFIG, **world, out=run)
    row = read(run / "results.json")["claims"][0]
    assert f"claim 'three labels help': {row['verdict']} (mae {row['estimate']:+.3f} [" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        (ClaimConfig("well told", "brier", "lower", 0.1, RIDGE, NONE), "brier is not defined for .* numeric"),
        (
            ClaimConfig("ours is best", "mae", "lower", 0.1, RIDGE, ClaimSide("none", system="theirs")),
            "none k=0 of theirs, but the features of this run are of 'encoder'",
        ),
        (
            ClaimConfig("ours is best", "mae", "lower", 0.1, RIDGE, ClaimSide("ridge", 3, "encoder")),
            "both sides are ridge k=3",
        ),
    ],
)
def test_what_a_run_cannot_answer_is_refused_before_it_begins(world, tmp_path, claim, says):
    config = PersonalizeConfig(adaptations=CONFIG.adaptations, neutral=CONFIG.neutral, claims=(claim,))
    with pytest.raises(UserError, match=says):
        personalize(config, **world, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_claims_of_a_config_file_are_typed(tmp_path):
    file = tmp_path / "claimed.py"

    def claimed(delta, than):
        file.write_text(
            "from personalize.config import *\n"
            "from personalize.evaluation.claims import ClaimConfig, ClaimSide\n"
            f"claim = ClaimConfig('x', 'mae', 'lower', {delta}, ClaimSide('ridge', 5), ClaimSide('{than}'))\n"
            "config = PersonalizeConfig(claims=(claim,))\n"
        )
        return load_config(str(file), PersonalizeConfig)

    config = claimed(0.5, "none")
    assert override(config, {"seed": "3"}).claims == config.claims
    with pytest.raises(UserError, match=r"ClaimConfig.*: Input should be greater than 0, got -0\.5"):
        claimed(-0.5, "none")
    with pytest.raises(UserError, match="`than`, nones k=0, is not among"):
        claimed(0.5, "nones")

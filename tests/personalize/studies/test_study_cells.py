"""Cells of a study on made-up features: what is predicted, what the audit finds, and what is the same again."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from personalize.config import LabelZero
from personalize.evaluation.claims import ClaimSide
from personalize.evaluation.rows import score
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.networks.recurrent import Stream, Streams
from personalize.heads.training.pairs import PairTerm
from personalize.heads.training.schedule import Optimizer, Training
from personalize.protocols.config import LosoConfig, RandomFrameConfig
from personalize.studies.cells import bench, is_leaky, marks_of, run_baselines, run_model
from personalize.studies.config import Slot
from personalize.studies.models import Bottleneck, Reference
from tests.support.studies import BLOCKED, LINEAR, QUICK, made_data, made_study

pytestmark = pytest.mark.usefixtures("compile_quickly")
LEAKY = Slot(RandomFrameConfig(n_splits=2), "frames", ("shared participant",))


def found_of(study, data, slot, name, seed=0):
    at = bench(study, data, slot, {})
    found = run_model(at, name, seed)
    return found._replace(findings=[*at.findings, *found.findings])


def auroc(found):
    table = pd.concat([pd.DataFrame(columns) for columns in found.columns], ignore_index=True)
    rows = score(table, threshold=None, seed=0, kind="probability")
    return next(r["value"] for r in rows if (r["metric"], r["pooling"]) == ("auroc", "pooled"))


def test_an_honest_protocol_is_clean_and_reads_the_feature():
    study = made_study()
    found = found_of(study, made_data(), study.honest[0], "linear")
    assert found.findings == []
    assert auroc(found) > 0.8
    assert sum(len(columns["truth"]) for columns in found.columns) == 240
    proofs = bench(study, made_data(), study.honest[0], {}).proofs()
    assert len(proofs) > 1
    assert all(not {*p["train"]} & {*p["test"]} for p in proofs)


def test_a_leaky_one_is_found_for_the_stated_reason():
    study = made_study()
    found = bench(study, made_data(), LEAKY, {}).findings  # before anything is trained
    assert {finding.reason for _, finding in found} >= set(LEAKY.finds)


def test_the_same_seed_gives_the_same_predictions():
    study, data = made_study(), made_data()
    same = [found_of(study, data, study.honest[0], "linear").columns for _ in range(2)]
    other = found_of(study, data, study.honest[0], "linear", seed=1).columns
    for a, b, c in zip(*same, other, strict=True):
        assert np.array_equal(a["prediction"], b["prediction"])
        assert not np.array_equal(a["prediction"], c["prediction"])


def test_what_is_trained_on_the_same_units_is_trained_once():
    tuned = replace(LINEAR, tuned=2, tuning=QUICK)
    study, made = made_study({"linear": LINEAR, "tuned": tuned}, honest=BLOCKED), {}
    at = bench(study, made_data(), BLOCKED, made)
    run_model(at, "linear", 0)
    heads = set(map(id, made.values()))
    assert len(heads) == 2
    run_model(at, "tuned", 0)  # a training for every person starts from these two
    assert set(map(id, made.values())) == heads


def test_a_model_of_ones_own_gains_where_people_lie_apart():
    longer = Training(Optimizer(rate=0.05), epochs=None, steps=150, batch=16)
    general = replace(LINEAR, training=longer)
    models = {"general": general, "personal": replace(general, learns_from="own")}
    study, data = made_study(models, honest=BLOCKED), made_data(rows=40, own=8.0)
    values = {name: auroc(found_of(study, data, BLOCKED, name)) for name in models}
    assert values["personal"] > values["general"] + 0.2


def test_a_selector_that_saw_everybody_is_found_and_one_that_did_not_is_not():
    study, data = made_study({"selected": replace(LINEAR, select=1)}), made_data()
    slot = Slot(LosoConfig(), "the selector", ("selector",), fitted_on_all=True)
    assert is_leaky(slot, data)
    found = found_of(study, data, slot, "selected")
    assert {finding.reason for _, finding in found.findings} == {"selector"}
    assert found_of(study, data, Slot(LosoConfig()), "selected").findings == []


def test_a_reference_is_taken_away_and_its_units_are_not_tested():
    network = NetworkConfig(difference="features")
    model = replace(LINEAR, network=network, reference=Reference(1, 2))
    study, data = made_study({"linear": LINEAR, "referenced": model}, honest=BLOCKED), made_data(own=8.0)
    found = found_of(study, data, BLOCKED, "referenced")
    assert found.findings == []
    assert min(columns["onset"].min() for columns in found.columns) >= 2
    plain = found_of(study, data, BLOCKED, "linear")
    keys = [[(*zip(c["recording"], c["onset"], strict=True),) for c in f.columns] for f in (plain, found)]
    assert keys[0] == keys[1]  # the same units for all models of a comparison
    assert auroc(found) > auroc(plain)
    oracle = replace(BLOCKED, neutral=LabelZero(oracle=True))
    assert marks_of(bench(study, data, oracle, {}), model) == ["ORACLE"]
    assert marks_of(bench(study, data, BLOCKED, {}), model) == []


def test_features_in_units_of_each_person_forget_gain_and_offset():
    model = replace(LINEAR, per_person=True)
    study, data = made_study({"own units": model}), made_data()
    people = np.unique(data.units.participant, return_inverse=True)[1]
    rng = np.random.default_rng(3)
    stretched = data.pool * np.exp(0.3 * rng.normal(size=6))[people, None] + rng.normal(size=6)[people, None]
    slot = study.honest[0]
    a, b = (found_of(study, replace(data, pool=pool), slot, "own units") for pool in (data.pool, stretched))
    # the spread is shrunk a little towards that of all people, which is another one now
    assert np.corrcoef(*[np.concatenate([c["prediction"] for c in f.columns]) for f in (a, b)])[0, 1] > 0.98
    assert marks_of(bench(study, data, slot, {}), model) == ["transductive"]


def test_a_ranking_is_brought_into_the_units_of_the_labels():
    model = replace(LINEAR, loss=None, pairs=(PairTerm("difference"),))
    usual = made_study()
    claim = replace(usual.claims[0], metric="mae", direction="lower", better=ClaimSide("ranked"))
    labels = replace(usual.labels, target="pspi")
    study = made_study({"ranked": model}, labels=labels, metric="mae", claims=(claim,))
    found = found_of(study, made_data(classes=False), study.honest[0], "ranked")
    predicted = np.concatenate([columns["prediction"] for columns in found.columns])
    assert abs(predicted.mean() - 0.5) < 0.1
    assert -1 < predicted.min() < predicted.max() < 2


def test_components_come_from_what_was_learnt_from():
    width = 6
    face = Bottleneck(NetworkConfig(dense=(4,)), 2, QUICK)
    streams = NetworkConfig(Streams(streams=(Stream((8,), hidden=4, dense=8),)))
    model = replace(LINEAR, network=streams, loss="ce", bottleneck=face)
    study, data = made_study({"streams": model}), made_data(width=width)
    films = replace(data, places=np.stack([np.arange(240), np.roll(np.arange(240), -1)], axis=1))
    found = found_of(study, films, study.honest[0], "streams")
    assert found.findings == []
    everything = replace(study.honest[0], fitted_on_all=True)
    reasons = {f.reason for _, f in found_of(study, films, everything, "streams").findings}
    assert reasons == {"components"}


def test_baselines_need_no_face_and_permuted_labels_leave_nothing():
    study, data = made_study(), made_data(people=8, rows=30)
    found = run_baselines(bench(study, data, study.honest[0], {}), permuted=True)
    table = pd.concat([pd.DataFrame(columns) for columns in found.columns], ignore_index=True)
    names = set(table["adaptation"])
    assert names >= {"majority", "elapsed_time", "permuted_within", "permuted_across", "participant_oracle"}
    assert "participant_prior" not in names  # nobody gives labels here
    assert "AU04" in found.skipped["pspi"]
    assert found.findings == []
    across = table[table["adaptation"] == "permuted_across"]
    rows = score(across, threshold=None, seed=0, kind="probability")
    value = next(r["value"] for r in rows if (r["metric"], r["pooling"]) == ("auroc", "mean_over_participants"))
    assert abs(value - 0.5) < 0.3
    assert "permuted_within" in run_baselines(bench(study, data, study.honest[0], {}), permuted=False).skipped


def test_own_earlier_labels_are_a_baseline_where_a_protocol_gives_them():
    study = made_study(honest=BLOCKED)
    found = run_baselines(bench(study, made_data(), BLOCKED, {}), permuted=False)
    prior = [columns for columns in found.columns if columns["adaptation"][0] == "participant_prior"]
    assert len(prior) == 6
    assert all(columns["labels"][0] > 0 for columns in prior)

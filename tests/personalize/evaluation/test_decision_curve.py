"""Net benefit and predictive values, against definitions written as loops and published examples."""

import numpy as np
import pytest

from personalize.evaluation.decision import ALL, MODEL, OVER_ALL, THRESHOLDS, decision_rows
from personalize.evaluation.jackknife import jackknife_interval
from personalize.evaluation.people import by_people
from personalize.evaluation.prevalence import PREVALENCES, npv, ppv, prevalence_rows
from personalize.evaluation.rows import check_interval


def world(people=12, units=15, seed=0, cut=0.4):
    rng = np.random.default_rng(seed)
    p = rng.random(people * units)
    truth = (rng.random(len(p)) < p).astype(float)
    return by_people(truth, p, np.repeat([f"p{i:02d}" for i in range(people)], units), np.full(len(p), cut))


def naive(truth, p, threshold):
    value = 0.0
    for t, q in zip(truth, p, strict=True):
        if q >= threshold:
            value += 1.0 if t == 1 else -threshold / (1 - threshold)
    return value / len(truth)


def test_net_benefit_is_the_loop_and_its_interval_the_jackknife():
    units = world()
    rows = {(r["strategy"], r["threshold"]): r for r in decision_rows([units], (MODEL, ALL, OVER_ALL))}
    assert sorted({t for _, t in rows}) == list(THRESHOLDS)
    assert (THRESHOLDS[0], THRESHOLDS[-1], len(THRESHOLDS)) == (0.05, 0.95, 19)
    for threshold in (0.05, 0.5, 0.95):
        row = rows[MODEL, threshold]
        assert row["value"] == pytest.approx(naive(units.truth, units.prediction, threshold))
        left = [naive(units.truth[units.code != i], units.prediction[units.code != i], threshold) for i in range(12)]
        assert (row["low"], row["high"]) == pytest.approx(jackknife_interval(row["value"], np.array(left), "as it is"))
        everybody = naive(units.truth, np.ones(len(units.truth)), threshold)
        assert rows[ALL, threshold]["value"] == pytest.approx(everybody)
        assert rows[OVER_ALL, threshold]["value"] == pytest.approx(row["value"] - everybody)
        check_interval(row, row["value"], "net benefit")
    assert rows[MODEL, 0.5]["called"] == pytest.approx((units.prediction >= 0.5).mean())


def test_treating_all_crosses_zero_at_the_prevalence():
    """At a prevalence of 105 in 750 to treat all is worth 0.14 - 0.86 t / (1 - t)."""
    truth = np.zeros(750)
    truth[:105] = 1
    units = by_people(truth, np.full(750, 0.14), np.arange(750).astype(str))
    rows = {r["threshold"]: r for r in decision_rows([units], (ALL,))}
    assert rows[0.05]["value"] == pytest.approx(0.14 - 0.86 / 19)
    assert rows[0.1]["value"] == pytest.approx(0.14 - 0.86 / 9)
    assert rows[0.15]["value"] < 0 < rows[0.1]["value"]


def test_a_perfect_prediction_is_worth_the_prevalence_at_every_threshold():
    units = world()
    perfect = units._replace(prediction=units.truth)
    for row in decision_rows([perfect], (MODEL,)):
        assert row["value"] == pytest.approx(units.truth.mean())


def test_draws_are_averaged():
    several = [world(seed=s) for s in (1, 2, 3)]
    alone = [decision_rows([one], (MODEL,))[6]["value"] for one in several]
    assert decision_rows(several, (MODEL,))[6]["value"] == pytest.approx(np.mean(alone))


def test_predictive_values_of_published_examples():
    """Mammography after Eddy (1982), as in Gigerenzer & Hoffrage 1995 (Psychol Rev 102:684): 7.8 %."""
    assert float(ppv(np.array([0.8]), np.array([0.904]), 0.01)[0]) == pytest.approx(0.078, abs=5e-4)
    rng = np.random.default_rng(0)
    for prevalence in PREVALENCES:  # against a count of ten million people
        sensitivity, specificity = rng.uniform(0.3, 0.99, 2)
        sick, well = 1e7 * prevalence, 1e7 * (1 - prevalence)
        right, wrong = sick * sensitivity, well * (1 - specificity)
        at = (np.array([sensitivity]), np.array([specificity]), prevalence)
        assert float(ppv(*at)[0]) == pytest.approx(right / (right + wrong))
        assert float(npv(*at)[0]) == pytest.approx((well - wrong) / (well - wrong + sick - right))


def test_predictive_values_have_the_jackknife_of_themselves():
    units = world()
    rows = {(r["metric"], r["prevalence"]): r for r in prevalence_rows([units])}
    assert len(rows) == 2 + 2 * len(PREVALENCES)

    def value(keep, f, prevalence):
        truth, called = units.truth[keep], units.prediction[keep] >= 0.4
        sensitivity, specificity = called[truth == 1].mean(), 1 - called[truth == 0].mean()
        return float(f(np.array([sensitivity]), np.array([specificity]), prevalence)[0])

    for f in (ppv, npv):
        row = rows[f.__name__, 0.05]
        everybody = np.ones(len(units.truth), bool)
        assert row["value"] == pytest.approx(value(everybody, f, 0.05))
        left = np.array([value(units.code != i, f, 0.05) for i in range(12)])
        assert (row["low"], row["high"]) == pytest.approx(jackknife_interval(row["value"], left, "logit"))
    values = [rows["ppv", prevalence]["value"] for prevalence in PREVALENCES]
    assert values == sorted(values)
    own = units.truth.mean()
    called = units.prediction >= 0.4
    at_own = ppv(np.array([rows["sensitivity", None]["value"]]), np.array([rows["specificity", None]["value"]]), own)
    assert float(at_own[0]) == pytest.approx(units.truth[called].mean())


def test_without_events_or_alarms_there_are_reasons():
    units = world()
    for row in prevalence_rows([units._replace(truth=np.zeros(len(units.truth)))]):
        assert row["value"] is None or row["metric"] == "specificity"
        assert row["reason"] or row["value"] is not None
    silent = {(r["metric"], r["prevalence"]): r for r in prevalence_rows([units._replace(prediction=0 * units.truth)])}
    assert silent["ppv", 0.1]["value"] is None
    assert silent["ppv", 0.1]["reason"] == "nothing is called an event"
    assert silent["npv", 0.1]["value"] == pytest.approx(0.9)

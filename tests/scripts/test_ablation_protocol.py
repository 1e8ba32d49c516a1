"""Questions are sealed and asked once; every recipe tried is logged once."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from pretrain.errors import UserError
from scripts.ablation import protocol
from scripts.ablation.data import SEEDS
from scripts.ablation.scores import Columns
from scripts.ablation.tables import DIFFERENCES, TABLES

QUESTION = {
    "question": "Is it?",
    "recipes": ["pairwise"],
    "baseline": "measures",
    "comparisons": [{"a": "pairwise", "b": "measures", "column": "covered/neutral/pspi/pcc", "direction": "higher"}],
    "delta": 0.03,
    "people_seed": 4711,
    "seeds": 5,
    "size": "default",
    "scale": 1.0,
    "steps": 10,
    "encoder": "conv",
}


def columns(value) -> Columns:
    names = [name for head in TABLES.values() for name in head.values()]
    return {name: value + np.linspace(-0.01, 0.01, 101) for name in [*names, *DIFFERENCES]}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A function `ask` of a question with films and training left out: (changes, **options) to the answer."""
    seen = []

    def people(study, kind, seed=None):
        seen.append((kind, seed))
        return

    def score_rows(study, rows, seeds, learnt, others):
        return {row: [columns(0.8 if row == "measures" else 0.9)] * len(seeds) for row in rows}

    monkeypatch.setattr(protocol, "people", people)
    monkeypatch.setattr(protocol, "score_rows", score_rows)

    def ask(changes=None, *, again=False, seal=True):
        file = tmp_path / "question.json"
        file.write_text(json.dumps(QUESTION | (changes or {})))
        if seal:
            protocol.seal(file)
        return protocol.final(tmp_path, 1, file, tmp_path / "asked.json", tmp_path / "results.md", again=again)

    return SimpleNamespace(ask=ask, seen=seen, folder=tmp_path)


def test_a_question_is_answered_once(asked):
    text = asked.ask()
    assert "| 1. pairwise − measures | covered/neutral/pspi/pcc | 0.100 [0.100, 0.100] | better, by more than" in text
    assert text == (asked.folder / "results.md").read_text()
    assert asked.seen == [("pretraining", None), ("test", 4711)]
    with pytest.raises(UserError, match="was answered on"):
        asked.ask()
    assert "answered before" in asked.ask(again=True)


def test_an_unsealed_or_changed_question_is_refused(asked):
    with pytest.raises(UserError, match="not sealed"):
        asked.ask(seal=False)
    with pytest.raises(UserError, match="not sealed"):
        asked.ask({"hash": protocol.hash_of(QUESTION), "delta": 0.01}, seal=False)
    assert not asked.seen


def test_nobody_is_asked_two_questions(asked):
    asked.ask()
    with pytest.raises(UserError, match="has seen the people of seed 4711"):
        asked.ask({"delta": 0.01}, again=True)
    asked.ask({"delta": 0.01, "people_seed": 4712})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people_seed": SEEDS["development"]}, "trained or tuned on"),
        ({"seeds": 4}, "at least 5"),
        ({"recipes": ["pairwize"], "comparisons": []}, "did you mean 'pairwise'"),
        ({"comparisons": [{"a": "pairwise", "b": "masked (vit)", "column": "x"}]}, "not both rows"),
        ({"size": "large"}, "no size"),
        ({"comparisons": [{"a": "pairwise", "b": "measures", "column": "unseen/raw/pspi/pc"}]}, "no column"),
    ],
)
def test_what_cannot_be_asked(asked, changes, message):
    with pytest.raises(UserError, match=message):
        asked.ask(changes)
    assert not asked.seen
    assert not (asked.folder / "asked.json").exists()


def test_a_killed_run_may_go_on(asked, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "score_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            asked.ask()
    assert "answered before" not in asked.ask()


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.04, 0.08, "better, by more than the smallest of interest"),
        (0.01, 0.08, "better"),
        (-0.01, 0.02, "no difference of interest"),
        (-0.05, 0.02, "inconclusive"),
        (-0.05, -0.02, "worse"),
    ],
)
def test_verdicts(low, high, wanted):
    assert protocol.verdict(np.linspace(low, high, 1001), 0.03) == wanted


def test_every_recipe_tried_is_logged_once(tmp_path):
    log = tmp_path / "log.csv"
    line = {"date": "d", "recipe": "a, b", "config": "c", "seed": 0, "people": "p", "score": "0.1"}
    for change in ({}, {"score": "0.1", "date": "later"}, {"seed": 1}):
        protocol.append(log, line | change)
    assert [row["seed"] for row in csv.DictReader(log.read_text().splitlines())] == ["0", "1"]

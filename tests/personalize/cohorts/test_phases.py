"""Marks of the cold pressor, on cohorts written by hand and on a phantom one that nobody draws."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.layout import read_cohort
from personalize.cohorts.phases import with_marks
from personalize.cohorts.schemes import with_periods
from personalize.phantom import cohort as cohort_module
from personalize.phantom.cohort import write_cohort
from personalize.phantom.filming import enlarge
from personalize.phantom.scenarios import SCENARIOS
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import write_events

IMMERSION = [{"name": "baseline", "onset": 0, "duration": 10}, {"name": "immersion", "onset": 10.0, "duration": 30.0}]


def recorded(root: Path, said, phases=IMMERSION, number: int = 1) -> Path:
    """A recording of the only participant with ratings (onset, value); returns the JSON of its video."""
    folder = root / "sub-01"
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"participant_id": ["sub-01"]}).to_csv(root / "participants.tsv", sep="\t", index=False)
    stem = f"sub-01_run-{number}"
    (folder / f"{stem}_video.mp4").touch()
    write_events(folder / f"{stem}_events.tsv", *map(list, zip(*said, strict=True)), duration=5.0)
    sidecar = folder / f"{stem}_video.json"
    if phases is not None:
        sidecar.write_text(json.dumps({"FrameRate": 10, "Phases": phases}))
    return sidecar


def marks(cohort) -> dict:
    """Recording -> {mark: onset}."""
    table = cohort.ratings[cohort.ratings["scale"] == "mark"]
    return {name: dict(zip(own["value"], own["onset"], strict=True)) for name, own in table.groupby("recording")}


@pytest.mark.parametrize(
    ("said", "threshold", "felt"),
    [
        ([(3, 9), (12, 0), (20, 1), (30, 4)], 0, 20.0),
        ([(3, 9), (12, 0), (20, 1), (30, 4)], 1, 30.0),
        ([(30, 4), (20, 1), (12, np.nan)], 0, 20.0),
        ([(3, 9), (12, 0), (20, 1), (30, 4), (42, 9)], 4, None),
        ([(12, np.nan), (20, 0)], 0, None),
        ([(10, 3), (20, 4)], 0, None),
        ([(40, 3)], 0, None),
        ([(12, "much"), (20, 4)], 0, 20.0),
    ],
    ids=["first", "above", "in their order", "afterwards only", "never", "at once", "at the end", "in a word"],
)
def test_marks_of_an_immersion(tmp_path, said, threshold, felt):
    recorded(tmp_path, said)
    cohort = read_cohort(tmp_path)
    found = with_marks(cohort, threshold)
    assert marks(found) == ({} if felt is None else {"sub-01_run-1": {"t1": 10.0, "t2": felt, "t3": 40.0}})
    assert found.counts == {"recordings_without_marks": int(felt is None)}
    pd.testing.assert_frame_equal(found.ratings.iloc[: len(said)], cohort.ratings)
    assert list(found.ratings.columns) == list(cohort.ratings.columns)


def test_marks_are_ratings_of_the_person_and_make_periods(tmp_path):
    recorded(tmp_path, [(20, 3)])
    recorded(tmp_path, [(20, 0)], number=2)
    found = with_marks(read_cohort(tmp_path))
    own = found.ratings[found.ratings["scale"] == "mark"]
    assert own["rater"].tolist() == ["self"] * 3 and own["duration"].tolist() == [0.0] * 3
    assert own["participant"].tolist() == ["sub-01"] * 3
    periods = with_periods(found).ratings.query("scale == 'period'")
    assert periods["onset"].tolist() == [10, 15, 20, 30] and set(periods["recording"]) == {"sub-01_run-1"}


def test_marks_that_are_there_stay(tmp_path):
    recorded(tmp_path, [(20, 3)])
    recorded(tmp_path, [(25, 3)], number=2)
    first = with_marks(read_cohort(tmp_path))
    kept = first.ratings["recording"].ne("sub-01_run-2") | first.ratings["scale"].ne("mark")
    again = with_marks(replace(first, ratings=first.ratings[kept], counts={"others": 3}), threshold=2)
    assert marks(again) == marks(first)
    assert again.counts == {"others": 3, "recordings_without_marks": 0}


@pytest.mark.parametrize("phases", [None, [], IMMERSION[:1]])
def test_a_cohort_without_an_immersion_comes_back_as_it_was(tmp_path, phases):
    recorded(tmp_path, [(20, 3)], phases)
    cohort = read_cohort(tmp_path)
    assert with_marks(cohort) is cohort
    nothing = replace(cohort, recordings=cohort.recordings.assign(video=""))
    assert with_marks(nothing) is nothing


@pytest.mark.parametrize("text", ["[", "[]", '{"Phases": [{"name": "immersion"}]}', '{"Phases": 3}', '{"Phases": [1]}'])
def test_a_json_of_another_form_is_refused(tmp_path, text):
    recorded(tmp_path, [(20, 3)]).write_text(text)
    with pytest.raises(UserError, match=r"run-1_video.json: 'Phases' is not a list of objects"):
        with_marks(read_cohort(tmp_path))


def test_phantoms_in_iced_water(tmp_path, monkeypatch):
    """Immersions begin after the baseline of 30 s, and last for 10 to 45 s."""
    monkeypatch.setattr(cohort_module, "render", lambda faces, size: np.zeros((1, size, size, 3), np.uint8))
    scenario = replace(SCENARIOS["cold_pressor"], signals=False)
    extent = enlarge(scenario.default, participants=2, recordings=2, fps=2, size=32)
    write_cohort(tmp_path / "c", scenario=scenario, extent=extent, seed=1)
    cohort = read_cohort(tmp_path / "c")
    found = with_marks(cohort)
    assert len(marks(found)) + found.counts["recordings_without_marks"] == 4 and len(marks(found)) > 2
    for recording, own in marks(found).items():
        said = cohort.ratings[(cohort.ratings["recording"] == recording) & cohort.ratings["value"].notna()]
        under = said[said["onset"].between(30, own["t3"], inclusive="left")]
        assert own["t1"] == 30 and 40 <= own["t3"] <= 75
        assert own["t2"] == under.loc[under["value"].astype(float) > 0, "onset"].min()
    assert set(with_periods(found).ratings["scale"]) == {"vas", "mark", "period"}

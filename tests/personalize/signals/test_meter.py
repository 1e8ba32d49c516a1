"""An imperfect meter of action units: it errs as it says, and of one's own errors others know nothing."""

import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.features import KEYS
from personalize.phantom.face.facs import AUS
from personalize.signals.meter import Meter, as_openface, measured, misread, tops
from personalize.signals.pspi import OPENFACE

PERFECT = Meter(0, 0, 0, 0)
WHOLE = Meter(0.2, 0.5, 0.4, 0.3)


def rows_of(people=3, recordings=2, frames=5, units=AUS, value=None, seed=0) -> pd.DataFrame:
    """Rows as `au_rows` returns them; every unit at `value` times its top, or anywhere in its range."""
    names = [(f"sub-{p:02d}", f"sub-{p:02d}_run-{r}") for p in range(people) for r in range(recordings)]
    table = pd.DataFrame([(*name, 0, t / 5, (t + 1) / 5) for name in names for t in range(frames)], columns=[*KEYS])
    share = np.random.default_rng(seed).uniform(size=(len(table), len(units))) if value is None else value
    return pd.concat([table, pd.DataFrame(share * tops(units) * np.ones((len(table), 1)), columns=[*units])], axis=1)


def errors(meter: Meter, **rows) -> pd.DataFrame:
    """In FACS intensities, of units in the middle of their range: by person, recording and row."""
    faces = rows_of(value=0.5, **rows)
    read = measured(faces, meter, 7)
    wrong = (read[[*AUS]] - faces[[*AUS]]) / tops(AUS) * 5
    return wrong.set_index([faces["participant"], faces["recording"]])


def spread(table: pd.DataFrame, within: str | pd.Series) -> np.ndarray:
    """Largest less smallest value of each group and column."""
    groups = table.groupby(within)
    return (groups.max() - groups.min()).to_numpy()


def test_lids_are_there_or_not():
    assert dict(zip(AUS, tops(AUS), strict=True)) == {**dict.fromkeys(AUS, 5.0), "AU43": 1.0, "AU45": 1.0}


def test_a_meter_without_error_reads_what_is_there():
    pd.testing.assert_frame_equal(measured(rows_of(), PERFECT, 0), rows_of())


def test_intensities_stay_in_their_range():
    top = tops(["AU04", "AU43", "AU06"])
    found = misread(np.array([[4.0, 1.0, 0.2]]), np.full((1, 3), 2.0), np.array([[0.5, 0.5, -3.0]]), top)
    assert found.tolist() == [[5.0, 1.0, 0.0]]
    read = measured(rows_of(people=20), Meter(1, 3, 3, 3), 0)[[*AUS]]
    assert (read.min() == 0).all() and (read.max() == tops(AUS)).all()


def test_the_gain_is_of_a_person_and_unit():
    faces = rows_of(people=40, value=0.3)
    ratio = measured(faces, Meter(0.1, 0, 0, 0), 1)[[*AUS]] / faces[[*AUS]]
    assert spread(ratio, faces["participant"]).max() < 1e-12
    assert np.log(ratio.groupby(faces["participant"]).mean()).std().mean() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("meter", "same_within", "differ_within"),
    [
        (Meter(0, 0.4, 0, 0), "participant", None),
        (Meter(0, 0, 0.4, 0), "recording", "participant"),
        (Meter(0, 0, 0, 0.4), None, "recording"),
    ],
    ids=["person", "recording", "noise"],
)
def test_offsets_and_noise_are_as_large_as_said(meter, same_within, differ_within):
    wrong = errors(meter, people=60)
    assert wrong.to_numpy().std() == pytest.approx(0.4, rel=0.1)
    assert abs(wrong.to_numpy().mean()) < 0.05
    if same_within:
        assert spread(wrong, same_within).max() < 1e-12
    if differ_within:
        assert spread(wrong, differ_within).min() > 0


def test_errors_of_units_and_people_do_not_go_together():
    wrong = errors(WHOLE, people=60).groupby("recording").mean()
    assert np.abs(np.corrcoef(wrong.to_numpy().T) - np.eye(len(AUS))).max() < 0.45
    own = wrong.to_numpy()
    assert abs(np.corrcoef(own[:-2:2].ravel(), own[2::2].ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("meter", [WHOLE, Meter(1, 1, 1, 1)])
def test_who_else_is_there_changes_nothing(meter):
    faces = rows_of(people=4)
    read = measured(faces, meter, 3)
    some = faces["recording"].isin(["sub-01_run-1", "sub-03_run-0"])
    units = ["AU45", "AU06"]
    shuffled = faces[some].iloc[::-1].sort_values("t0", kind="stable").filter([*KEYS, *units])
    pd.testing.assert_frame_equal(measured(shuffled, meter, 3).sort_index(), read[some].filter([*KEYS, *units]))
    assert not measured(faces, meter, 4)[[*AUS]].equals(read[[*AUS]])


def test_what_is_missing_stays_missing():
    faces = rows_of()
    faces.loc[3, "AU04"] = np.nan
    read = measured(faces, WHOLE, 0)
    assert np.isnan(read.loc[3, "AU04"]) and read[[*AUS]].isna().sum().sum() == 1


def test_openface_sees_every_closure_of_the_lids_as_one_unit():
    faces = rows_of().assign(AU43=[0, 1, 0] * 10, AU45=[0, 0, 1] * 10)
    seen = as_openface(faces)
    assert list(seen.columns) == [*KEYS, *OPENFACE]
    assert seen["AU45"].tolist() == [0, 1, 1] * 10
    pd.testing.assert_series_equal(seen["AU12"], faces["AU12"])
    few = as_openface(faces.filter([*KEYS, "AU43", "AU06", "AU04"]))
    assert list(few.columns[5:]) == ["AU04", "AU06", "AU45"] and few["AU45"].tolist() == [0, 1, 0] * 10
    assert list(as_openface(faces.filter([*KEYS, "AU06"])).columns[5:]) == ["AU06"]

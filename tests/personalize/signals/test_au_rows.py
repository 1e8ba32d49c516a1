"""Action units as rows of features, against naive loops; the PSPI against worked examples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.cohorts.joining import join
from personalize.cohorts.layout import read_cohort
from personalize.phantom.face.facs import AUS, pspi
from personalize.signals.aus import au_rows, summarise
from personalize.signals.pspi import OPENFACE, au_name, pspi_of
from personalize.signals.windows import window_starts
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import write_events
from tests.personalize.signals.signal_worlds import new_cohort, write_aus


def test_pspi_of_a_worked_example():
    """AU4 B, AU6 C, AU7 A, AU9 D, AU10 B, eyes closed: 2 + 3 + 4 + 1."""
    aus = {"AU04": 2, "AU06": 3, "AU07": 1, "AU09": 4, "AU10": 2, "AU43": 1}
    x = np.array([[*map(float, aus.values()), 9.0]])
    assert pspi_of(x, (*aus, "AU12")) == 10
    assert pspi_of(x, ("AU4_r", "AU6_r", "AU7_r", "AU9_r", "AU10_r", "AU45_r", "AU04_c")) == 10
    assert pspi_of(x[:, :5], ("AU04", "AU06", "AU07", "AU09", "AU10")) == 9
    assert pspi_of(x, ("AU06", "a", "b", "c", "d", "e", "f")) == "the features have no column AU04"
    assert "AU09 or AU10" in pspi_of(x, ("AU04", "AU06", "a", "b", "c", "d", "e"))


def test_the_17_units_of_openface():
    assert len(OPENFACE) == len(set(OPENFACE)) == 17
    assert [au_name(f"{au}_r") for au in OPENFACE] == [*OPENFACE] and au_name("AU06_c") is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=len(AUS), max_size=len(AUS)), st.booleans())
def test_pspi_of_coded_faces(codes, shut):
    row = np.array([codes], float)
    row[0, AUS.index("AU43")] = shut
    a = dict(zip(AUS, row[0], strict=True))
    naive = a["AU04"] + max(a["AU06"], a["AU07"]) + max(a["AU09"], a["AU10"]) + a["AU43"]
    assert pspi(row)[0] == naive


def test_openface_columns_get_the_units_names_and_join(tmp_path):
    root = tmp_path / "c"
    for stem in new_cohort(root):
        write_aus(stem, [0.0, 0.1, 0.2], {"confidence": 0.9, " AU06_r": [1, 2, 3], "AU06_c": 1, "AU4": [0, 1, 2]})
        write_events(stem.with_name(f"{stem.name}_events.tsv"), [0.0, 0.1, 0.2], [5, 6, 7], scale="pspi", duration=0.1)
    cohort = read_cohort(root)
    rows, counts = au_rows(cohort)
    assert list(rows.columns) == ["participant", "recording", "track", "t0", "t1", "AU06", "AU04"]
    assert counts == {"aus_missing": 0}
    chosen, counts = au_rows(cohort, OPENFACE)
    assert list(chosen.columns[5:]) == ["AU04", "AU06"] and counts == {"aus_missing": 15}
    joined, _ = join(cohort, chosen, "pspi")
    np.testing.assert_array_equal(joined.x, np.tile([[0, 1], [1, 2], [2, 3]], (2, 1)))
    np.testing.assert_array_equal(joined.y, [5, 6, 7] * 2)


def test_unusable_tables_of_units_are_refused(tmp_path):
    (stem,) = new_cohort(tmp_path / "c", people=1)
    with pytest.raises(UserError, match=r"no \*_aus.tsv$"):
        au_rows(read_cohort(tmp_path / "c"))
    write_aus(stem, [0.0], {"AU06_r": [1], "AU6": [1]})
    with pytest.raises(UserError, match="AU06_r and AU6 are both AU06"):
        au_rows(read_cohort(tmp_path / "c"))
    write_aus(stem, [0.0], {"AU43": [1]})
    with pytest.raises(UserError, match=r"have none of AU01, .*AU43"):
        au_rows(read_cohort(tmp_path / "c"), OPENFACE)
    write_aus(stem, [0.0], {"smile": [1]})
    with pytest.raises(UserError, match="have none of AU01"):
        au_rows(read_cohort(tmp_path / "c"))


def frames(t0, x, recording="r") -> pd.DataFrame:
    keys = {"participant": "p", "recording": recording, "track": 0, "t0": t0, "t1": np.append(t0[1:], t0[-1] + 0.1)}
    return pd.DataFrame({**keys, "AU04": x[:, 0], "AU12": x[:, 1]})


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60),
    st.sampled_from([0.1, 0.5, 1.0, 1.25]),
    st.sampled_from([0.1, 0.3, 1.0]),
    st.integers(0, 10**6),
)
def test_windows_by_a_naive_loop(n, length, step, seed):
    rng = np.random.default_rng(seed)
    t0 = np.round(np.arange(n) * 0.1, 6)
    x = rng.uniform(0, 5, (n, 2))
    table, counts = summarise(frames(t0, x), length, step)
    expected, k = [], 0
    while round(k * step + length, 6) <= round(n * 0.1, 6):
        inside = [row for t, row in zip(t0, x, strict=True) if round(k * step, 6) <= t < round(k * step + length, 6)]
        cells = np.array(inside)
        expected.append(
            [round(k * step, 6), *cells.mean(0), *cells.max(0), *np.sqrt(((cells - cells.mean(0)) ** 2).mean(0))]
        )
        k += 1
    names = ["t0", *(f"{au}_{s}" for s in ("mean", "max", "sd") for au in ("AU04", "AU12"))]
    assert counts == {"recordings_shorter_than_a_window": int(not expected)}
    np.testing.assert_allclose(table.filter(names).to_numpy(float), np.reshape(expected, (-1, 7)), atol=1e-9)
    np.testing.assert_allclose(table["t1"].astype(float) - table["t0"].astype(float), length)


def test_windows_keep_recordings_apart_and_missing_values_missing():
    t0, x = np.arange(10) / 10, np.ones((10, 2))
    x[7, 1] = np.nan
    late = frames(t0[:5] + 3, 2 * x[:5], "s")
    table, _ = summarise(pd.concat([frames(t0, x), late]), 0.5, 0.5, ("mean",))
    assert table["recording"].tolist() == ["r", "r", "s"]
    assert table["AU04_mean"].tolist() == [1, 1, 2] and table["t0"].tolist() == [0, 0.5, 3]
    assert table["AU12_mean"].isna().tolist() == [False, True, False]
    gap = frames(t0[[0, 1, 8, 9]], x[[0, 1, 8, 9]])
    assert summarise(gap, 0.3, 0.3)[0]["AU04_mean"].isna().tolist() == [False, True, False]


def test_wrong_windows_and_statistics_are_refused():
    table = frames(np.arange(5) / 10, np.ones((5, 2)))
    with pytest.raises(UserError, match="did you mean 'mean'"):
        summarise(table, 1, 1, ("means",))
    for length, step in ((0, 1), (1, 0), (float("nan"), 1)):
        with pytest.raises(UserError, match="must be above 0"):
            window_starts(0, 10, length, step)


def test_window_starts_hold_whole_windows_only():
    np.testing.assert_allclose(window_starts(1, 4, 1, 1), [1, 2, 3])
    np.testing.assert_allclose(window_starts(0, 3.0 * 0.1, 0.1, 0.1), [0, 0.1, 0.2])  # 3 * 0.1 is a little above 0.3
    assert len(window_starts(0, 0.9, 1, 1)) == 0

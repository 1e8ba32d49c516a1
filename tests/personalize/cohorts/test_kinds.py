"""What the ratings on a scale are: numbers, classes, or levels in an order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.cohorts.kinds import kind_of
from personalize.cohorts.labels import overlap_majority
from personalize.cohorts.layout import Cohort
from pretrain.errors import UserError


def cohort(tmp_path, values) -> Cohort:
    ratings = pd.DataFrame({"scale": "s", "value": [None, *values]})
    return Cohort(tmp_path, "c", pd.DataFrame(), pd.DataFrame(), ratings)


@pytest.mark.parametrize(
    ("values", "declared", "name", "classes"),
    [
        (["1", "2.5"], None, "number", ()),
        (["fear", "joy", "fear"], None, "class", ("fear", "joy")),
        (["10", "2", "2.0"], "class", "class", ("2", "10")),
        (["0", "3"], "ordinal", "ordinal", ()),
        (["1", "none"], "class", "class", ("1", "none")),
    ],
)
def test_kinds(tmp_path, values, declared, name, classes):
    found = kind_of([cohort(tmp_path, values)], "s", declared)
    assert (found.name, found.classes) == (name, classes)
    codes = found.values(np.array(values, dtype=object).astype(str), "here", "s")
    assert (
        codes.tolist() == [float(classes.index(f"{float(v):g}" if v[0].isdigit() else v)) for v in values]
        if (classes)
        else [float(v) for v in values]
    )


@pytest.mark.parametrize(
    ("values", "declared", "words"),
    [
        (["1", "2", "7o"], None, "rating '7o' on the scale 's' is not a number, as 1 of 3 are not"),
        (["1", "2.5"], "ordinal", "rating '2.5' on the scale 's' is no whole number"),
        (["low", "high"], "ordinal", "is no whole number"),
        (["Fear", "fear"], None, "'Fear' and 'fear' of 's' differ only in case"),
        (["fear", "fear"], None, "all ratings of 's' are of the class 'fear'"),
        ([f"w{i}" for i in range(60)], None, "has 60 different ratings, more than the 50 classes"),
    ],
)
def test_ratings_that_are_not_of_a_kind_are_refused_by_name(tmp_path, values, declared, words):
    with pytest.raises(UserError, match=words):
        kind_of([cohort(tmp_path, values)], "s", declared)


def test_classes_are_those_of_both_cohorts(tmp_path):
    found = kind_of([cohort(tmp_path, ["a"]), cohort(tmp_path, ["b"])], "s", None)
    assert found.classes == ("a", "b")


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=6))
def test_a_row_has_the_class_that_it_overlaps_most(pairs):
    code, share = (np.array(each, dtype=float) for each in zip(*pairs, strict=True))
    found = overlap_majority(share[None], code)
    total = {c: share[code == c].sum() for c in set(code.tolist())}
    assert found.valid[0] == (share.sum() > 0)
    if found.valid[0]:
        assert total[found.target[0]] == pytest.approx(max(total.values()))
        assert found.weight[0] == min(1.0, share.sum())
    else:
        assert np.isnan(found.target[0])

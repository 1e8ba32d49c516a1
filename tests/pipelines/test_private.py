"""Keyed names: nothing without the key, everything with it."""

import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config import PersonalizeConfig
from pipelines.personalization import personalize
from pipelines.private import hide_digest, hide_name, hide_part, key_mark, open_key, parts_of, read_key
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world

KEY, OTHER = b"k" * 32, b"o" * 32
words = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda word: word not in (".", "..")
)
names = st.lists(words, min_size=1, max_size=4).map("/".join)


@given(names, names)
def test_different_names_are_hidden_differently(one, two):
    assert (hide_name(one, KEY) == hide_name(two, KEY)) == (one == two)
    assert hide_name(one, None) == one


@given(names)
def test_hidden_names_are_hexadecimal_and_depend_on_the_key(name):
    hidden = hide_name(name, KEY)
    assert re.fullmatch(r"([0-9a-f]{32}/)*([0-9a-f]{32}_)?[0-9a-f]{32}\.[0-9a-f]{8}", hidden)
    assert not parts_of(hidden) & parts_of(hide_name(name, OTHER))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("sub-01/ses-02/sub-01_ses-02_video.mp4", "sub-01"),
        ("sub-01_video.mp4", "sub-01"),
        ("ward/meier/x.mov", "meier"),
        ("ward/meier.mov", "meier"),
        ("meier", "meier"),
    ],
)
def test_a_person_is_found_again_with_the_key(name, part):
    assert part in parts_of(name)
    assert hide_part(part, KEY) in parts_of(hide_name(name, KEY))
    assert hide_part(part, OTHER) not in parts_of(hide_name(name, KEY))


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "key"
    key = open_key(file)
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert open_key(file) == read_key(file) == key
    assert open_key(tmp_path / "another") != key
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["another", "key"]


def test_wrong_keys_are_refused(tmp_path):
    key = tmp_path / "key"
    open_key(key)
    key.chmod(0o640)
    with pytest.raises(UserError, match=r"others can read this key \(mode 0640\)"):
        open_key(key)
    key.chmod(0o600)
    key.write_text("secret")
    with pytest.raises(UserError, match="holds no key"):
        open_key(key)
    with pytest.raises(UserError, match="no such key file"):
        read_key(tmp_path / "absent")
    with pytest.raises(UserError, match="no such folder"):
        open_key(tmp_path / "absent" / "key")


def test_marks_and_checksums_tell_keys_apart():
    assert key_mark(None) is None
    assert key_mark(KEY) != key_mark(OTHER)
    assert hide_digest("abc", None) == "abc"
    assert hide_digest("", KEY) == ""
    assert len({hide_digest("abc", KEY), hide_digest("abc", OTHER), hide_digest("abd", KEY)}) == 3


@pytest.mark.long
@pytest.mark.usefixtures("few_numbers")
def test_features_with_hidden_names_join_with_the_key_and_give_the_same_results(tmp_path):
    cohort, features = linear_world(tmp_path, people=5, units=10, width=8, light=0.5)[:2]
    key, hidden = tmp_path / "key", tmp_path / "hidden" / features.name
    table = pd.read_parquet(features)
    hidden.parent.mkdir()
    table.assign(source=[hide_name(name, open_key(key)) for name in table["source"]]).to_parquet(hidden)
    config = PersonalizeConfig()
    personalize(config, cohort=cohort, features=features, out=tmp_path / "plain" / "run")
    with pytest.raises(UserError, match="has nothing of the videos"):
        personalize(config, cohort=cohort, features=hidden, out=tmp_path / "hidden" / "run")
    personalize(config, cohort=cohort, features=hidden, private=key, out=tmp_path / "hidden" / "run")
    one, two = (json.loads((tmp_path / n / "run" / "results.json").read_text()) for n in ("plain", "hidden"))
    values = [[(row["metric"], row["value"]) for row in results["metrics"]] for results in (one, two)]
    assert values[0] == values[1]
    assert one["counts"] == two["counts"]

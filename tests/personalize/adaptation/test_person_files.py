"""A person's file predicts as the model did, without the cohort and without anybody else's name in it."""

import numpy as np
import pytest

from personalize.adaptation.files import Used, load_person, person_file, save_person
from personalize.adaptation.gradient.adaptations import GradientAdaptation
from personalize.adaptation.gradient.encoders import BaseEncoder
from personalize.adaptation.normalise import Normalise
from personalize.adaptation.personal import make_adaptation, make_head
from pretrain.encoders.conv import ConvConfig
from pretrain.errors import UserError
from tests.personalize.adaptation.adaptation_worlds import classed, people

GRADIENT = {"steps": 4, "every": 2, "strengths": (1.0,), "at_once": 2, "rank": 1, "room": (8, 16)}
USED = Used(units=4, seconds=12.5, labels=4, raters=("nurse",))


def fitted(name, kind):
    world = people(12, k=4, offset=1.5, gain=0.5) if kind == "number" else classed(12, common=1.2)
    if name.startswith("ordinal") and kind == "number":
        world = world._replace(y=np.searchsorted([0.0, 2.0, 4.0], world.y).astype(float))
    head = make_head(kind).fit(world.x, world.y, world.person, held_out=[])
    masks = {"calibration": world.calibration, "test": world.test}
    model = make_adaptation(name, kind, **GRADIENT).learn_prior(world.x, world.y, world.person, **masks, start=head)
    own = world.take(world.calibration)
    return world, model.fit(own.x, own.y, own.person, start=head)


def saved(folder, model, participant="sub-003", **options):
    about = {"encoder": "abc", "adaptation": "ridge", "kind": "number", "used": USED, "date": "2026-01-02"}
    return save_person(folder, participant, model, **(about | options))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[(name, "number") for name in ("none", "calibrate", "isotonic", "ordinal", "ridge", "ridge+guard")],
        *[(name, "class") for name in ("none", "ordinal", "ridge", "ridge+guard", "participant_prior")],
        ("participant_prior", "number"),
        ("lora", "class"),
    ],
)
@pytest.mark.usefixtures("compile_quickly")
def test_it_predicts_as_the_model_did(tmp_path, name, kind):
    world, model = fitted(name, kind)
    assert name != "lora" or "sub-003" in model.parameters_  # and not the population's alone
    file = saved(tmp_path / "people", model, adaptation=name, kind=kind, classes=("a", "b", "c"))
    assert file == person_file(tmp_path / "people", "sub-003") and file.stat().st_mode & 0o777 == 0o600
    one = load_person(file, encoder="abc")
    theirs = world.person == "sub-003"
    wanted, found = model.predict(world.x[theirs], world.person[theirs]), one.predict(world.x[theirs])
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.about["used"] == {"units": 4, "seconds": 12.5, "labels": 4, "raters": ["nurse"]}
    assert one.about["date"] == "2026-01-02" and one.about["adaptation"] == name
    content = file.read_bytes()
    assert not [p for p in np.unique(world.person) if p != "sub-003" and p.encode() in content]
    assert len(content) < 20_000


def test_a_model_that_is_trained_with_its_encoder_is_refused(tmp_path):
    model = GradientAdaptation("lora", encoder=BaseEncoder(ConvConfig(), {}))
    with pytest.raises(UserError, match="end to end with its encoder is not kept in a person's file: adapt on the enc"):
        saved(tmp_path, model, adaptation="lora")
    assert not list(tmp_path.iterdir())


def test_a_standardisation_goes_with_it(tmp_path):
    world, _ = fitted("ridge", "number")
    steps = Normalise().fit(world.x, groups=world.person)
    x = steps.transform(world.x, world.person)
    head = make_head("number").fit(x, world.y, world.person, held_out=[])
    model = make_adaptation("none", "number").fit(x[:0], world.y[:0], world.person[:0], start=head)
    one = load_person(saved(tmp_path, model, features=steps), encoder="abc")
    theirs = world.person == "sub-003"
    np.testing.assert_array_equal(one.predict(world.x[theirs]).value, head.predict(x[theirs]).value)


def test_another_encoder_is_refused_by_name(tmp_path):
    file = saved(tmp_path, fitted("ridge", "number")[1])
    with pytest.raises(UserError, match="made with encoder 'abc' and cannot read features of 'xyz'"):
        load_person(file, encoder="xyz")


def test_a_second_spelling_is_refused_and_the_same_replaced(tmp_path):
    model = fitted("none", "number")[1]
    saved(tmp_path, model)
    saved(tmp_path, model)
    saved(tmp_path, model, participant="a/b ..")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a%2Fb%20...safetensors", "sub-003.safetensors"]
    with pytest.raises(UserError, match="the same person"):
        saved(tmp_path, model, participant="Sub-003")


def test_other_files_are_refused(tmp_path):
    file = saved(tmp_path, fitted("none", "number")[1])
    whole = file.read_bytes()
    for wrong in (b"", whole[:100], b"\x80\x04K\x01."):
        file.write_bytes(wrong)
        with pytest.raises(UserError, match="is not the model of a person"):
            load_person(file, encoder="abc")
    file.write_bytes(whole.replace(b"wince person 1", b"wince person 9"))
    with pytest.raises(UserError, match="'wince person 9'"):
        load_person(file, encoder="abc")
    file.write_bytes(whole.replace(b"RidgeHead", b"PidgeHead"))
    with pytest.raises(UserError, match="'PidgeHead'"):
        load_person(file, encoder="abc")
    with pytest.raises(UserError, match="not the model"):
        load_person(tmp_path / "nobody.safetensors", encoder="abc")


def test_what_no_file_can_hold_is_refused(tmp_path):
    model = fitted("none", "number")[1]
    model.start_ = object()
    with pytest.raises(UserError, match="object cannot be kept"):
        saved(tmp_path, model)
    assert not list(tmp_path.iterdir())

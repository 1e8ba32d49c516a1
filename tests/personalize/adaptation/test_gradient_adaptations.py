"""head, lora and full as adaptations: limits, recompilation, seeds, and worlds where people differ or do not."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

from personalize.adaptation.gradient.adaptations import POPULATION, GradientAdaptation, Pull, make_gradient
from personalize.adaptation.gradient.batches import FEWEST_TO_HOLD_BACK
from personalize.adaptation.gradient.core import outputs, train
from personalize.adaptation.personal import make_head
from pretrain.errors import UserError
from tests.personalize.adaptation.adaptation_worlds import people

pytestmark = pytest.mark.usefixtures("compile_quickly")
KINDS = ("number", "class")
WHICH = ("head", "lora", "full")
QUICK = {"steps": 40, "every": 20, "strengths": (3.0, 0.5), "at_once": 4, "rank": 2, "room": (16, 16)}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_which = pytest.mark.parametrize("which", WHICH)


def table(kind, people, differ, rows=24, d=4, seed=0):
    """People whose offsets and weights differ; the label is a number, or one of three classes."""
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"sub-{i:02d}" for i in range(people)], rows)
    x = rng.normal(size=(people * rows, d)) * 5 + 100
    own = np.repeat(differ * rng.normal(size=(people, d + 1)), rows, axis=0)
    z = np.column_stack([(x - 100) / 5, np.ones(len(x))])
    score = z[:, 0] + (own * z).sum(axis=1) / 2 + 0.3 * rng.normal(size=len(x))
    return x, score * 3 + 7 if kind == "number" else np.digitize(score, [-0.5, 0.5]).astype(float), groups


class World:
    def __init__(self, kind, differ=1.0, people=10, labels=6, **options):
        self.x, self.y, self.groups = table(kind, people + 4, differ)
        self.old = self.groups < f"sub-{people:02d}"
        position = np.tile(np.arange(24), people + 4)
        self.given, self.asked = position < labels, position >= 12
        x, y, groups = self.x[self.old], self.y[self.old], self.groups[self.old]
        self.head = make_head(kind).fit(x, y, groups, held_out=["sub-99"])
        self.masks = {"calibration": self.given[self.old], "test": self.asked[self.old]}

    def prior(self, model):
        return model.learn_prior(
            self.x[self.old], self.y[self.old], self.groups[self.old], **self.masks, start=self.head
        )

    def fit(self, model, who):
        return model.fit(self.x[who], self.y[who], self.groups[who], start=self.head)

    def losses(self, model):
        """Of the new people's test rows, and those of the population."""
        rows = ~self.old & self.asked
        out = (model.predict(self.x[rows], self.groups[rows]), self.head.predict(self.x[rows]))
        if out[0].probability is None:
            return [float(((p.value - self.y[rows]) ** 2).mean()) for p in out]
        code = self.y[rows].astype(int)
        return [float(-np.log(p.probability[np.arange(len(code)), code]).mean()) for p in out]


@pytest.fixture(scope="module")
def worlds():
    return {kind: World(kind) for kind in KINDS}


def ready(world, which, kind, **options):
    """With a prior that is set, so that nobody stays with the population for want of evidence."""
    model = world.prior(GradientAdaptation(which, kind, **QUICK | options))
    model.prior_ = Pull(1.0, 40)
    return model


def same(a, b, **tolerance):
    for x, y in zip(a, b, strict=True):
        if x is None:
            assert y is None
        else:
            np.testing.assert_allclose(x, y, **tolerance or {"rtol": 0, "atol": 0})


@every_kind
@every_which
def test_labels_help_where_people_differ(worlds, kind, which):
    world = worlds[kind]
    model = world.prior(GradientAdaptation(which, kind, **QUICK))
    assert model.prior_ != POPULATION
    world.fit(model, ~world.old & world.given)
    adapted, population = world.losses(model)
    assert adapted < 0.9 * population


@every_kind
def test_people_who_are_alike_stay_with_the_population(kind):
    world = World(kind, differ=0.0)
    model = world.prior(GradientAdaptation("head", kind, **QUICK))
    world.fit(model, ~world.old & world.given)
    adapted, population = world.losses(model)
    assert adapted < 1.03 * population


@every_kind
@every_which
def test_without_labels_it_is_exactly_the_population_model(worlds, kind, which):
    world = worlds[kind]
    model = world.fit(ready(world, which, kind), np.zeros(len(world.x), bool))
    same(model.predict(world.x, world.groups), world.head.predict(world.x))
    assert model.participants_ == frozenset()
    one = world.fit(model, (world.groups == "sub-11") & world.given)
    assert one.participants_ == {"sub-11"}
    others = world.groups != "sub-11"
    same(one.predict(world.x, world.groups).take(others), world.head.predict(world.x).take(others))
    assert (one.predict(world.x, world.groups).se != world.head.predict(world.x).se)[~others].any()


def test_a_prior_without_labels_is_the_population(worlds):
    world = worlds["number"]
    x, y, groups = world.x[world.old], world.y[world.old], world.groups[world.old]
    none = np.zeros(len(x), bool)
    model = GradientAdaptation(**QUICK).learn_prior(x, y, groups, calibration=none, test=~none, start=world.head)
    assert model.prior_ == POPULATION
    world.fit(model, ~world.old & world.given)
    same(model.predict(world.x, world.groups), world.head.predict(world.x))


@every_kind
@pytest.mark.parametrize("labels", [1, 2, FEWEST_TO_HOLD_BACK])
def test_one_label_or_one_class_gives_numbers(worlds, kind, labels):
    world = worlds[kind]
    rows = np.flatnonzero(world.groups == "sub-12")[:labels]
    x, y = np.full_like(world.x[rows], 100.0), np.full(labels, world.y.max())  # nor do the features say anything
    model = ready(world, "lora", kind).fit(x, y, world.groups[rows], start=world.head)
    found = model.predict(world.x, world.groups)
    assert all(np.isfinite(part).all() for part in found if part is not None)
    if kind == "class":
        np.testing.assert_allclose(found.probability.sum(axis=1), 1)
    before = world.head.predict(x)
    after = model.predict(x, world.groups[rows])
    closer = after.probability[:, 2] > before.probability[:, 2] if kind == "class" else after.value > before.value
    assert closer.all()


@every_which
def test_another_participant_or_label_compiles_nothing_and_changes_nobody(worlds, which, caplog):
    world = worlds["number"]
    model = ready(world, which, "number")
    new = np.unique(world.groups[~world.old])
    few = np.isin(world.groups, new[:2]) & world.given
    rows = np.isin(world.groups, new[:2])
    before = world.fit(model, few).predict(world.x[rows], world.groups[rows])
    compiled = train._cache_size(), outputs._cache_size()
    import jax

    with jax.log_compiles():
        world.fit(model, few | (np.isin(world.groups, new) & world.given))
        after = model.predict(world.x[rows], world.groups[rows])
        world.fit(model, few & (np.arange(len(few)) % 24 < 3)).predict(world.x, world.groups)
        everybody = world.fit(model, world.given)  # 14 people, in batches of 4
        everybody.predict(world.x, world.groups)
    assert not [record for record in caplog.records if "ompiling" in record.getMessage()]
    assert compiled == (train._cache_size(), outputs._cache_size())
    same(before, after, rtol=1e-6)


def test_the_log_of_compilations_is_seen(caplog):
    import jax

    with jax.log_compiles():
        jax.jit(lambda x: x * 3 + 1)(np.ones(7))
    assert [record for record in caplog.records if "ompiling" in record.getMessage()]


@every_which
def test_same_seed_same_result(worlds, which):
    world = worlds["number"]
    rows = ~world.old & world.asked
    given = ~world.old & ~world.asked  # twelve labels, a quarter held back
    found = []
    for seed in (3, 3, 4):
        model = world.fit(ready(world, which, "number", seed=seed), given)
        found.append(model.predict(world.x[rows], world.groups[rows]))
    same(found[0], found[1])
    assert (found[0].value != found[2].value).any()


@pytest.mark.parametrize(("k", "given"), [(0, 0), (3, 3), (5, 5), (5, 1), (0, 5)])
def test_predictive_intervals_hold_as_many_labels_as_they_say(k, given):
    """Also of people who gave fewer labels than the training people; to the end, of three times a hundred people."""
    held = []
    for seed in range(3):
        world = people(140, k=k, offset=1.0, gain=0.5, width=4, seed=seed)
        old, own = world.person < "sub-040", np.tile(np.arange(20), 140) < given
        known, new, asked = world.take(old), world.take(~old & own), world.take(~old & world.test)
        head = make_head("number").fit(known.x, known.y, known.person, held_out=[])
        masks = {"calibration": known.calibration, "test": known.test}
        model = GradientAdaptation(**QUICK).learn_prior(known.x, known.y, known.person, **masks, start=head)
        found = model.fit(new.x, new.y, new.person, start=head).predict(asked.x, asked.person)
        held.append([(np.abs(asked.y - found.value) < z * found.se).mean() for z in (1.2816, 1.96)])
    np.testing.assert_allclose(np.mean(held, axis=0), [0.8, 0.95], atol=0.03)


def test_scikit_learn_can_clone_it():
    model = GradientAdaptation("full", "class", **QUICK)
    again = clone(model)
    assert again is not model
    assert again.get_params() == model.get_params()


def test_what_it_has_seen_is_on_record(worlds):
    world = worlds["number"]
    model = world.prior(GradientAdaptation(**QUICK))
    assert model.prior_participants_ == world.head.participants_ == model.seen_.participants
    world.fit(model, (world.groups == "sub-11") & world.given)
    assert model.seen_.participants == world.head.participants_ | {"sub-11"}


@every_which
def test_units_of_features_and_labels_do_not_matter(worlds, which):
    world = worlds["number"]
    a = world.fit(world.prior(GradientAdaptation(which, **QUICK)), ~world.old & world.given)
    x, y = world.x * 1e-3 + 5, world.y * 40 - 3
    head = make_head("number").fit(x[world.old], y[world.old], world.groups[world.old], held_out=[])
    b = GradientAdaptation(which, **QUICK).learn_prior(
        x[world.old], y[world.old], world.groups[world.old], **world.masks, start=head
    )
    b.fit(x[~world.old & world.given], y[~world.old & world.given], world.groups[~world.old & world.given], start=head)
    assert a.prior_ == b.prior_
    p, q = a.predict(world.x, world.groups), b.predict(x, world.groups)
    np.testing.assert_allclose(p.value * 40 - 3, q.value, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(p.se * 40, q.se, rtol=1e-3)


def test_steps_have_to_be_whole_checkpoints(worlds):
    with pytest.raises(UserError, match="50 steps are not a multiple of every=20"):
        worlds["number"].prior(GradientAdaptation(**QUICK | {"steps": 50}))


def test_options_of_other_adaptations_are_left():
    model = make_gradient("lora", "class", rank=3, components=8)
    assert (model.which, model.kind, model.rank) == ("lora", "class", 3)


def test_jax_is_loaded_only_when_one_is_asked_for():
    code = (
        "import sys, personalize.adaptation.gradient, personalize.adaptation.personal; sys.exit('jax' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

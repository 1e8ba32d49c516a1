"""The estimator: what it predicts, whom it may see, and what it refuses."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

from personalize.adaptation.base import Head
from personalize.heads.indexed import Indexed, against_references, windows
from personalize.heads.network import NetworkHead
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.networks.recurrent import Stream, Streams
from personalize.heads.training.losses import Task
from personalize.heads.training.pairs import PairTerm
from personalize.heads.training.schedule import Optimizer, Training
from personalize.protocols.audit import audit_fitted
from personalize.protocols.leakage import LeakError
from personalize.protocols.people import Loso
from personalize.protocols.seen import Recorded
from personalize.protocols.units import read_units
from pretrain.errors import UserError

pytestmark = pytest.mark.usefixtures("compile_quickly")
FAST = Training(Optimizer(rate=0.03), epochs=None, steps=150, batch=32)


def faces(people=6, per=20, seed=0):
    """Features that show pain beside an offset of the person's own, three times as large; two neutral ones each."""
    rng = np.random.default_rng(seed)
    offset = np.repeat(3 * rng.normal(size=(people, 4)), per, axis=0)
    pain = rng.uniform(0, 4, size=people * per)
    pain[::per] = pain[1::per] = 0
    x = offset + pain[:, None] * [1.0, 0.5, 0.0, 0.0] + rng.normal(size=offset.shape) / 20
    return x, pain, np.repeat([f"p{i}" for i in range(people)], per)


def test_a_reference_tells_pain_from_a_persons_face():
    x, pain, names = faces()
    others, own = names != "p0", names == "p0"
    references = {name: np.flatnonzero(names == name)[:2] for name in np.unique(names)}
    pairs = against_references(x, np.arange(len(x)), names, references, k=2)
    terms = (PairTerm("antisymmetric"),)
    errors = {}
    for name, rows, head in (
        ("pairs", pairs, NetworkHead(NetworkConfig(dense=(8,), difference="input"), training=FAST, least=0.0)),
        ("single", Indexed(x, np.arange(len(x))[:, None]), NetworkHead(NetworkConfig(dense=(8,)), training=FAST)),
    ):
        assert isinstance(head, Head)
        head.fit(rows.take(others), pain[others], names[others], held_out=["p0"])
        found = head.predict(rows.take(own))
        errors[name] = np.abs(found.value - pain[own]).mean()
        assert found.probability is None and (found.se == head.se_).all()
        if name == "pairs":
            votes = head.votes(rows.take(own))
            assert votes.shape == (20, 2, 1) and (votes < 0).any()
            np.testing.assert_allclose(found.value, np.maximum(votes, 0).mean(axis=(1, 2)), rtol=1e-6)
            one = against_references(x, np.flatnonzero(own), names[own], references, k=1)
            np.testing.assert_allclose(head.votes(one), votes[:, :1], atol=1e-5)
    assert errors["pairs"] < 0.3 < errors["single"]
    with pytest.raises(UserError, match="antisymmetric term needs"):
        NetworkHead(NetworkConfig(difference="input"), pairs=terms).fit(pairs, pain, names, held_out=[])


def test_signed_pairs_make_a_function_antisymmetric():
    x, pain, names = faces(per=10)
    rng = np.random.default_rng(1)
    index = np.array([rng.choice(np.flatnonzero(names == name), 2, replace=False) for name in names])
    network = NetworkConfig(dense=(8,), difference="dense_1")
    sizes = []
    for pairs in ((), (PairTerm("antisymmetric", weight=10.0),)):
        head = NetworkHead(network, pairs=pairs, training=FAST)
        head.fit(Indexed(x, index), pain[index[:, 0]] - pain[index[:, 1]], names, held_out=[])
        there, back = (head.votes(Indexed(x, turned))[:, 0, 0] for turned in (index, index[:, ::-1].copy()))
        sizes.append(np.abs(there + back).mean())
    assert sizes[1] < sizes[0] / 2


def test_ranking_alone_orders_each_persons_own_rows():
    x, pain, names = faces()
    drift = np.repeat(50 * np.random.default_rng(3).normal(size=6), 20)  # scores of different people are not compared
    head = NetworkHead(
        NetworkConfig(), (), (PairTerm("logistic"),), Training(Optimizer(rate=0.05), epochs=40, batch=120)
    )
    head.fit(x, pain + drift, names, held_out=[])
    found = head.predict(x)
    assert np.isnan(found.se).all()
    for name in np.unique(names):
        own = names == name
        assert np.corrcoef(found.value[own].argsort().argsort(), pain[own].argsort().argsort())[0, 1] > 0.9


def test_classes_have_probabilities_and_their_weights_count():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 1)), np.repeat([0.0, 1.0], [180, 20])
    x[:, 0] += y
    names = np.array([f"p{i % 5}" for i in range(200)])
    share = {}
    for task in (Task("ce", 2), Task("ce", 2, class_weight="balanced"), Task("bce", class_weight=(1.0, 9.0))):
        head = NetworkHead(NetworkConfig(), (task,), training=FAST).fit(x, y, names, held_out=[])
        found = head.predict(x)
        np.testing.assert_allclose(found.probability.sum(axis=1), 1, atol=1e-6)
        assert (found.value == found.probability.argmax(axis=1)).all()
        share[task.loss, task.class_weight] = found.probability[:, 1].mean()
    assert share["ce", None] == pytest.approx(0.1, abs=0.03)
    assert 0.3 < share["ce", "balanced"] < 0.6
    assert share["bce", (1.0, 9.0)] == pytest.approx(share["ce", "balanced"], abs=0.05)


def test_windows_of_pca_scores_through_streams_inside_a_fold():
    """As Bargshady 2020: the audit passes where everything saw training people alone, and names a PCA that did not."""
    rng = np.random.default_rng(0)
    names = np.repeat(["a", "b", "c"], 12)
    frames, label = rng.normal(size=(36, 6)), np.tile(np.repeat([0.0, 1.0], 6), 3)
    frames[:, 0] += 4 * label
    units = read_units({"participant": names, "recording": names, "t0": np.tile(np.arange(12.0), 3),
                        "t1": np.tile(np.arange(12.0), 3) + 1})  # fmt: skip
    index, where = windows(units, length=5)
    assert index.shape == (3 * 8, 5) and (where.t1 - where.t0 == 5).all()
    fold = next(iter(Loso().folds(None, None, units)))
    windowed = next(iter(Loso().folds(None, None, where)))
    pca = Recorded(PCA(3)).fit(frames[fold.train], groups=units.take(fold.train), held_out=units.take(fold.test))
    assert audit_fitted(fold, units, {"pca": pca}) == []
    cheat = Recorded(PCA(3)).fit(frames, groups=units)
    assert audit_fitted(fold, units, {"pca": cheat})[0].reason == "pca"
    scores, y = pca.transform(frames), label[index[:, -1]]
    streams = Streams(streams=(Stream((4,), hidden=3, both=False, dense=8),))
    head = NetworkHead(
        NetworkConfig(streams), (Task("ce", 2),), training=Training(Optimizer(rate=0.03), epochs=15, batch=8)
    )
    train, test = windowed.train, windowed.test
    rows = Indexed(scores, index)
    head.fit(rows.take(train), y[train], where.take(train), held_out=np.unique(where.participant[test]))
    assert audit_fitted(windowed, where, {"network": head}) == []
    assert (head.predict(rows.take(test)).value == y[test]).mean() > 0.8


def test_windows_keep_to_a_recording_and_the_order_of_time():
    units = {"participant": ["a"] * 7, "recording": ["r", "s", "r", "r", "s", "s", "r"],
             "t0": [3.0, 0.0, 1.0, 2.0, 1.0, 2.0, 0.0]}  # fmt: skip
    index, where = windows(units, length=2, stride=2)
    assert index.tolist() == [[6, 2], [3, 0], [1, 4]]
    assert where.recording.tolist() == ["r", "r", "s"]
    assert windows(units, length=5)[0].shape == (0, 5)
    with pytest.raises(UserError, match="at least 1"):
        windows(units, length=0)


def test_references_are_of_the_same_person_and_may_be_drawn():
    names = np.repeat(["a", "b"], 4)
    own = {"a": np.array([0]), "b": np.array([4, 5, 6])}
    rows = against_references(np.arange(8.0)[:, None], np.arange(8), names, own, k=2)
    assert rows.index[:4, 1:].tolist() == [[0, 0]] * 4 and rows.index[4:, 1:].tolist() == [[4, 5]] * 4
    drawn = against_references(np.arange(8.0)[:, None], np.arange(8), names, own, k=2, seed=0)
    assert set(drawn.index[4:, 1:].ravel()) == {4, 5, 6} and (drawn.index[:4, 1:] == 0).all()
    assert all(len(set(row)) == 2 for row in drawn.index[4:, 1:].tolist())
    with pytest.raises(UserError, match="participant 'b' has no reference"):
        against_references(np.arange(8.0)[:, None], np.arange(8), names, {"a": np.array([0])}, k=2)


@pytest.fixture(scope="module")
def small():
    x, pain, names = faces(people=3, per=6)
    return NetworkHead(training=Training(epochs=1)).fit(x, pain, names, held_out=["q"]), x, pain, names


def test_it_is_an_estimator_and_says_what_it_saw(small):
    head, x, _, names = small
    fresh = clone(head)
    assert fresh.get_params() == head.get_params() and not hasattr(fresh, "model_")
    assert head.participants_ == head.seen_.participants == {"p0", "p1", "p2"} and len(head.seen_.units) == 18
    assert not hasattr(head, "left_out_")
    with pytest.raises(AttributeError, match="as many trainings as there are participants"):
        _ = head.left_out_
    assert head.predict(x[:0]).value.shape == (0,) and len(names) == 18


def test_going_on_from_a_population_model_remembers_whom_it_saw(small):
    head, x, pain, names = small
    own = NetworkHead(training=Training(epochs=1)).fit(x[:6], pain[:6], np.repeat("q", 6), held_out=[], start=head)
    assert own.seen_.participants == {"p0", "p1", "p2", "q"} and own.participants_ == {"q"}
    assert (own.mean_ == head.mean_).all()
    with pytest.raises(UserError, match="same parts"):
        NetworkHead(NetworkConfig(dense=(3,))).fit(x, pain, names, held_out=[], start=head)


def test_mistakes_are_told(small):
    head, x, pain, names = small
    with pytest.raises(LeakError, match="participant ' P1' is held out but was seen"):
        NetworkHead().fit(x, pain, names, held_out=[" P1"])
    with pytest.raises(UserError, match="'p0' has features not finite in 1 of 6"):
        NetworkHead().fit(np.where(np.arange(18)[:, None] == 2, np.nan, x), pain, names, held_out=[])
    with pytest.raises(UserError, match="'p1' has a label not finite in 6 of 6"):
        NetworkHead().fit(x, np.where(names == "p1", np.nan, pain), names, held_out=[])
    with pytest.raises(UserError, match="1 columns of labels for tasks with 2"):
        NetworkHead(tasks=(Task(), Task())).fit(x, pain, names, held_out=[])
    with pytest.raises(UserError, match="is not the code of a class; there are 3"):
        NetworkHead(tasks=(Task("ce", 3),)).fit(x, pain.round() + 1, names, held_out=[])
    with pytest.raises(UserError, match="needs a pair term of"):
        NetworkHead(tasks=(), pairs=(PairTerm("hadsell"),)).fit(x, pain, names, held_out=[])
    with pytest.raises(UserError, match=r"answer=\(1,\): there are 1 outputs"):
        NetworkHead(answer=(1,)).fit(x, pain, names, held_out=[])
    with pytest.raises(UserError, match="takes Indexed rows"):
        NetworkHead(NetworkConfig(difference="input")).fit(x, pain, names, held_out=[])
    with pytest.raises(UserError, match=r"rows of shape \[3\] for a network that was fitted on rows of shape \[4\]"):
        head.predict(x[:, :3])
    with pytest.raises(UserError, match="row 1 of the features is not finite"):
        head.predict(np.where(np.arange(18)[:, None] == 1, np.inf, x))

"""Probes, gauges and intervals of the ablation against naive loops."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pretrain.errors import UserError
from scripts.ablation import scores
from scripts.ablation.bare import lay_over
from scripts.ablation.data import Clips
from scripts.ablation.film import TRUTH
from scripts.ablation.probes import ALPHAS, FOLDS, INNER, deal, own_part, read_off, same_person, variance_shares
from scripts.ablation.tables import over_seeds, with_interval


def some(n=240, d=6, people=10, seed=0):
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), n // people)
    x = rng.normal(size=(n, d)) + rng.normal(size=(people, d))[person]
    y = x @ rng.normal(size=(d, 3)) + rng.normal(size=(n, 3))
    return x, y, person


def naive_read_off(x, y, person, fit):
    """The same by scikit-learn and loops over folds, strengths and targets."""
    names = np.unique(person)
    out = np.zeros(y.shape)
    for fold in range(FOLDS):
        held = np.isin(person, names[fold::FOLDS])
        train = fit & ~held
        mean, scale = x[train].mean(0), x[train].std(0)
        z, target, who = (x[train] - mean) / scale, y[train], person[train]
        left = np.unique(who)
        for m in range(y.shape[1]):
            error = []
            for alpha in ALPHAS:
                total = 0.0
                for inner in range(INNER):
                    out_of = np.isin(who, left[inner::INNER])
                    model = Ridge(alpha=alpha * (~out_of).sum()).fit(z[~out_of], target[~out_of, m])
                    total += ((model.predict(z[out_of]) - target[out_of, m]) ** 2).sum()
                error.append(total)
            best = ALPHAS[int(np.argmin(error))]
            model = Ridge(alpha=best * len(z)).fit(z, target[:, m])
            out[held, m] = model.predict((x[held] - mean) / scale)
    return out


def test_the_probe_is_ridge_with_people_left_out_inside_and_outside():
    x, y, person = some()
    fit = np.arange(len(x)) % 3 > 0
    np.testing.assert_allclose(read_off(x, y, person, fit), naive_read_off(x, y, person, fit), atol=1e-8)


def test_a_persons_own_labels_never_reach_their_predictions():
    x, y, person = some()
    fit = np.ones(len(x), bool)
    before = read_off(x, y, person, fit)
    fold = deal(person, FOLDS) == deal(person, FOLDS)[person == 3][0]
    changed = y + 100 * (person == 3)[:, None]
    after = read_off(x, changed, person, fit)
    np.testing.assert_array_equal(before[person == 3], after[person == 3])
    assert np.abs(before[~fold] - after[~fold]).max() > 1


def test_rows_that_are_not_fitted_are_predicted_only():
    x, y, person = some()
    fit = np.arange(len(x)) % 2 == 0
    before = read_off(x, y, person, fit)
    y = np.where(fit[:, None], y, 1e6)
    np.testing.assert_array_equal(before, read_off(x, y, person, fit))


def test_the_own_part_of_a_target_is_free_of_the_others():
    x, y, _ = some()
    left = own_part(y, x)
    np.testing.assert_allclose(x.T @ left, 0, atol=1e-8)
    np.testing.assert_allclose(own_part(x @ np.ones((6, 1)), x), 0, atol=1e-8)


def test_identity_is_sought_in_other_recordings_only():
    rng = np.random.default_rng(0)
    recording = np.repeat(np.arange(8), 6)
    person = recording // 2
    x = rng.normal(size=(48, 5)) + 3 * rng.normal(size=(8, 5))[recording]
    hit, chance = same_person(x, person, recording, k=5)
    z = (x - x.mean(0)) / x.std(0)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    for i in range(48):
        other = np.flatnonzero(recording != recording[i])
        near = other[np.argsort(-(unit[other] @ unit[i]))[:5]]
        assert hit[i] == (person[near] == person[i]).mean()
        assert chance[i] == pytest.approx(6 / 42)


def test_variance_shares_of_the_whole_and_of_resampled_people():
    x, _, person = some(people=8)
    recording = np.arange(len(x)) // 10
    z = (x - x.mean(0)) / x.std(0)
    counts = np.array([[1] * 8, [2, 0, 1, 1, 0, 3, 1, 0]], float)
    found = variance_shares(x, person, recording, counts)
    for row, shares in zip(counts, found, strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(person == p), int(c)) for p, c in enumerate(row)])
        zr, pr, rr = z[rows], person[rows], recording[rows]
        by_person = np.stack([zr[pr == p].mean(0) for p in pr])
        by_recording = np.stack([zr[rr == r].mean(0) for r in rr])
        parts = [
            ((a - b) ** 2).sum() for a, b in ((by_person, zr.mean(0)), (by_recording, by_person), (zr, by_recording))
        ]
        np.testing.assert_allclose(shares, np.array(parts) / sum(parts), atol=1e-10)


def test_landmarks_are_laid_over_whatever_their_place_turn_and_size():
    rng = np.random.default_rng(0)
    template = rng.normal(size=(68, 2))
    angle = rng.uniform(0, 6, 9)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], 1)
    moved = np.einsum("nij,kj->nki", turn, template) * rng.uniform(0.5, 2, (9, 1, 1)) + rng.normal(size=(9, 1, 2))
    wanted = template - template.mean(0)
    np.testing.assert_allclose(lay_over(moved, template), np.broadcast_to(wanted, (9, 68, 2)), atol=1e-5)


def test_every_action_unit_is_touched_or_not_and_new_measures_must_be_explained(monkeypatch):
    assert not set(scores.touched_aus()) & set(scores.untouched_aus())
    assert set(scores.touched_aus()) | set(scores.untouched_aus()) == set(scores.AUS)
    assert "AU17" in scores.untouched_aus()
    monkeypatch.setattr(scores, "MEASURES", (*scores.MEASURES, "nose_wrinkling"))
    with pytest.raises(UserError, match="nose_wrinkling"):
        scores.touched_aus()


def clips_of(people=6, films=6, each=12, seed=0):
    """Clips whose truth is a few random sources, and features that hold it beside an offset of every recording."""
    rng = np.random.default_rng(seed)
    n = people * films * each
    recording = np.repeat(np.arange(people * films), each)
    place = np.tile(np.arange(each), people * films)
    condition = np.repeat(np.tile(np.repeat(["ordinary", "unseen", "covered"], films // 3), people), each)
    truth = np.abs(rng.normal(size=(n, len(TRUTH)))).astype(np.float32)
    truth[place < 2, :20] = 0
    t0 = 0.8 * place
    clips = Clips(np.zeros((n, 4), int), recording // films, recording, recording, condition, t0, t0 + 0.8, truth)
    offset = 5 * rng.normal(size=(people * films, len(TRUTH)))[recording]
    return clips, truth + offset + 0.05 * rng.normal(size=truth.shape)


def test_a_reference_undoes_what_differs_between_recordings():
    clips, x = clips_of()
    found = scores.score(x, clips)
    assert set(found) == set(scores.column_names())
    assert all(v.shape == (1 + scores.DRAWS,) for v in found.values())
    for condition in scores.CONDITIONS:
        assert found[f"{condition}/neutral/pspi/pcc"][0] > 0.95 > found[f"{condition}/raw/pspi/pcc"][0] + 0.3
    assert found["k5/mae"][0] < 0.3
    assert found["ordinary/neutral/own/pcc"][0] > 0.9


def test_noise_tells_nothing():
    clips, x = clips_of(people=12)
    found = scores.score(np.random.default_rng(1).normal(size=x.shape), clips)
    assert abs(found["ordinary/neutral/pspi/pcc"][0]) < 0.25
    assert abs(found["identity/raw"][0] - found["identity/chance"][0]) < 0.05


def test_intervals_over_seeds_hold_the_spread_of_the_seeds():
    people = np.random.default_rng(0).normal(0, 0.001, 1001)
    apart = [{"c": people + shift} for shift in (0.0, 0.1, 0.2, 0.3, 0.4)]
    both = over_seeds(apart)
    assert both["c"][0] == pytest.approx(0.2 + people[0])
    assert np.ptp(np.quantile(both["c"][1:], [0.025, 0.975])) > 0.15
    np.testing.assert_array_equal(over_seeds(apart[:1])["c"], people)
    assert with_interval(np.full(1001, np.nan)) == "–"

"""Evaluators that know no labels: (step, embed) -> {name: value}. Those with labels are built on the roof."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int64, UInt8
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from pretrain.clips.loader import FrameReader, Stretch
from pretrain.objectives.gauges import alignment, effective_rank, feature_std, uniformity, within_track_share

Embed = Callable[[UInt8[np.ndarray, "b t h w c"]], Float[np.ndarray, "b d"]]
Evaluator = Callable[[int, Embed], dict[str, float]]

CLIPS_PER_STRETCH = 8
MAX_STRETCHES = 64
STRETCHES_AT_ONCE = 8


def knn_same_track(features: Float[np.ndarray, "n d"], track: Int64[np.ndarray, "n"], k: int = 5) -> float:
    """Share of the k nearest other clips (cosine, standardised features) that are of the same track.

    High means that features know who it is and how it was filmed, which for pain is a warning rather than a success.
    """
    scaled = StandardScaler().fit_transform(features)
    near = NearestNeighbors(n_neighbors=k + 1, metric="cosine").fit(scaled).kneighbors(return_distance=False)
    return float((track[near[:, :k]] == track[:, None]).mean())


def ridge_measures(
    features: Float[np.ndarray, "n d"], measures: Float[np.ndarray, "n m"], track: Int64[np.ndarray, "n"]
) -> float:
    """Mean correlation of ridge predictions with the label-free measures on held-out tracks (every other track)."""
    train = track % 2 == 0
    if train.all() or not train.any():
        return float("nan")
    scaler = StandardScaler().fit(features[train])
    model = RidgeCV(alphas=np.logspace(-2, 5, 15)).fit(scaler.transform(features[train]), measures[train])
    predicted = model.predict(scaler.transform(features[~train]))
    with np.errstate(invalid="ignore", divide="ignore"):
        each = [np.corrcoef(p, m)[0, 1] for p, m in zip(predicted.T, measures[~train].T, strict=True)]
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def clip_gauges(parts: Sequence[Stretch], read: FrameReader) -> Evaluator:
    """What features of clips spread over the dataset tell without labels: see the keys of what it returns.

    kNN of clip to track, ridge of features to measures, and the collapse gauges; alignment is that of clips with others
    of their track a crop apart.
    """
    parts = [parts[i] for i in np.unique(np.linspace(0, len(parts) - 1, MAX_STRETCHES).astype(int))]
    chosen = [np.linspace(0, len(p.starts) - 1, CLIPS_PER_STRETCH).astype(int) for p in parts]
    windows = [p.windows[c] for p, c in zip(parts, chosen, strict=True)]
    beside = [p.windows[np.abs(c - 1)] for p, c in zip(parts, chosen, strict=True)]
    track = np.repeat([p.track.number for p in parts], CLIPS_PER_STRETCH)
    order = np.unique(track, return_inverse=True)[1]
    measures = np.concatenate([p.measures[c] for p, c in zip(parts, chosen, strict=True)])

    def evaluate(step: int, embed: Embed) -> dict[str, float]:
        features, shifted = (_features(parts, which, read, embed) for which in (windows, beside))
        f, t = jnp.asarray(features), jnp.asarray(track)
        return {
            "knn_same_track": knn_same_track(features, track),
            "ridge_measures": ridge_measures(features, measures, order),
            "within_track_share": float(within_track_share(f, t)),
            "effective_rank": float(effective_rank(f)),
            "feature_std": float(feature_std(f)),
            "alignment": float(alignment(f, jnp.asarray(shifted))),
            "uniformity": float(uniformity(f)),
        }

    return evaluate


def _features(
    parts: Sequence[Stretch], windows: Sequence[Int64[np.ndarray, "clips frames"]], read: FrameReader, embed: Embed
) -> Float[np.ndarray, "n d"]:
    """Features of the clips of all parts, read and embedded in batches of one size, so that one compile suffices."""
    found = []
    for start in range(0, len(parts), STRETCHES_AT_ONCE):
        numbers = range(start, start + STRETCHES_AT_ONCE)
        wanted = [i for i in numbers if i < len(parts)]
        frames = np.concatenate([read(parts[i].track, windows[i]) for i in wanted])
        filled = frames[np.arange(STRETCHES_AT_ONCE * CLIPS_PER_STRETCH) % len(frames)]
        found.append(embed(filled)[: len(frames)])
    return np.concatenate(found)

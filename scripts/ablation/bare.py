"""Features that need no encoder: what every encoder has to beat."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA

from pretrain.clips.augment import to_input

from .data import Clips, Footage

COMPONENTS = 128
FITTED_ON = 3000
"""Clips of the pretraining people that the components are computed from."""
SIDE = 48
Bare = Callable[[Footage, Clips, Footage, Clips], Float[np.ndarray, "n d"]]
"""(pretraining people, their clips, other people, their clips) to features of the others' clips."""


def measures(_: Footage, __: Clips, footage: Footage, clips: Clips) -> Float[np.ndarray, "n d"]:
    """The label-free measures: mean and standard deviation over the clip, as `wince embed measures` writes them."""
    values = np.ma.masked_invalid(_all_measures(footage)[clips.rows])
    return np.concatenate([values.mean(1).filled(0), values.std(1).filled(0)], axis=1).astype(np.float32)


def standardised(_: Footage, __: Clips, footage: Footage, clips: Clips) -> Float[np.ndarray, "n d"]:
    """The measures standardised within each recording, which looks at all of it, as the pairwise objective does."""
    x = measures(_, __, footage, clips)
    for recording in np.unique(clips.recording):
        rows = clips.recording == recording
        x[rows] = (x[rows] - x[rows].mean(0)) / np.maximum(x[rows].std(0), 1e-6)
    return x


def landmarks(_: Footage, __: Clips, footage: Footage, clips: Clips) -> Float[np.ndarray, "n d"]:
    """All 68 landmarks, each frame's laid over their mean shape by shift, turn and size; mean over the clip."""
    points = footage.landmarks[np.unique(clips.rows)]
    template = points.mean(0)
    laid = np.zeros_like(footage.landmarks)
    laid[np.unique(clips.rows)] = lay_over(points, template)
    return laid[clips.rows].mean(1).reshape(len(clips.rows), -1)


def lay_over(points: Float[np.ndarray, "n k 2"], template: Float[np.ndarray, "k 2"]) -> Float[np.ndarray, "n k 2"]:
    """Shapes under the similarity that brings each nearest to the template (Procrustes without reflection)."""
    p = (points - points.mean(1, keepdims=True)) @ np.array([1, 1j])
    q = (template - template.mean(0)) @ np.array([1, 1j])
    fit = (p.conj() @ q) / (np.abs(p) ** 2).sum(1)
    moved = fit[:, None] * p
    return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)


def pixel_pca(learnt: Footage, theirs: Clips, footage: Footage, clips: Clips) -> Float[np.ndarray, "n d"]:
    """Principal components of the pixels as the encoders see them, computed on pretraining people."""
    some = np.random.default_rng(0).permutation(len(theirs.rows))[:FITTED_ON]
    fitted = _pixels(learnt.frames, theirs.rows[some])
    pca = PCA(min(COMPONENTS, *fitted.shape), svd_solver="randomized", random_state=0).fit(fitted)
    parts = np.array_split(clips.rows, max(1, len(clips.rows) // 512))
    return np.concatenate([pca.transform(_pixels(footage.frames, part)) for part in parts])


def _pixels(frames: np.ndarray, rows: Int[np.ndarray, "n t"]) -> Float[np.ndarray, "n d"]:
    return np.asarray(to_input(jnp.asarray(frames[rows][..., None]), SIDE, 0.8)).reshape(len(rows), -1)


def _all_measures(footage: Footage) -> Float[np.ndarray, "n m"]:
    out = np.full((len(footage.frames), footage.tracks[0].measures.shape[1]), np.nan, np.float32)
    for track in footage.tracks:
        out[track.offset] = track.measures
    return out


BARE: dict[str, Bare] = {
    "measures": measures,
    "measures standardised": standardised,
    "landmarks": landmarks,
    "pixel PCA": pixel_pca,
}

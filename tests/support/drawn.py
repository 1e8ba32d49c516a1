"""Drawn clips: quick to make, with something to learn in them."""

import cv2
import numpy as np

from pretrain.clips.dataset import MEASURES, QUALITY, ClipRecord


def moving_records(tracks=8, crops=100, size=32, seed=0):
    """Drawn 'faces' whose bars move with the measures: enough to learn from, and quick to make."""
    rng = np.random.default_rng(seed)
    for number in range(tracks):
        time = np.arange(crops) / 10
        phase, rate = rng.uniform(0, 6, 5), rng.uniform(0.3, 2, 5)
        courses = np.sin(time[:, None] * rate + phase).astype(np.float32)
        measures = courses[:, np.arange(len(MEASURES)) % courses.shape[1]]
        base = cv2.resize(rng.integers(60, 200, (4, 4, 3)).astype(np.uint8), (size, size))
        frames = []
        for m in courses:
            image = base.copy()
            y, mouth = int(size * (0.3 + 0.08 * m[1])), int(size * (0.08 + 0.06 * m[2]))
            image[y : y + 3, size // 5 : -size // 5] = 20
            image[int(size * 0.7) : int(size * 0.7) + mouth, size // 3 : -size // 3] = 240
            frames.append(cv2.imencode(".jpg", image)[1].tobytes())
        for segment, start in enumerate(range(0, crops, 64)):
            part = slice(start, min(start + 64, crops))
            n = part.stop - part.start
            yield ClipRecord(
                source=f"sub-{number:02d}/video.mp4",
                track=0,
                segment=segment,
                frames=frames[part],
                frame_index=np.arange(crops)[part],
                time=time[part],
                box=np.zeros((n, 4), np.float32),
                measures=measures[part],
                landmarks=np.zeros((n, 68, 2), np.float32),
                points=np.zeros((n, 5, 2), np.float32),
                quality=np.zeros((n, len(QUALITY)), np.float32),
            )

"""The objectives as their formulas say, one clip, pair or pixel at a time, in double precision."""

import numpy as np


def measure_distance(measures, known):
    n = len(measures)
    distance = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = [abs(measures[i, k] - measures[j, k]) for k in np.flatnonzero(known[i] & known[j])]
            distance[i, j] = np.mean(both) if both else 0.0
    return distance


def candidate_counts(track, time, distance, share, seconds, weighted=True):
    n = len(track)
    counts = np.eye(n)
    for i in range(n):
        others = [j for j in range(n) if track[j] != track[i]]
        within = {
            j: distance[i, j] if weighted else 1.0
            for j in range(n)
            if track[j] == track[i] and abs(time[i] - time[j]) > seconds
        }
        total = sum(within.values())
        used = share if total > 0 else 0.0
        for j in others:
            counts[i, j] = 1 - used
        for j, d in within.items():
            if total > 0:
                counts[i, j] = used * len(others) * d / total
    return counts


def soft_targets(distance, counts, width):
    targets = np.zeros_like(counts)
    for i, row in enumerate(counts):
        share = [c * np.exp(-d / width) for c, d in zip(row, distance[i], strict=True)]
        targets[i] = np.array(share) / sum(share)
    return targets


def info_nce(a, b, counts, targets, temperature):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    n, total = len(a), 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(n):
            candidates = [np.exp(x[i] @ y[j] / temperature) for j in range(n)]
            everything = sum(counts[i, j] * candidates[j] for j in range(n))
            for j in range(n):
                total -= targets[i, j] * np.log(candidates[j] / everything)
    return total / (2 * n)


def pairwise_loss(features, head, measures, known, rank_weight):
    p, c, m = measures.shape
    values = []
    for t in range(p):
        for i in range(c):
            for j in range(c):
                for k in range(m):
                    if i == j or not (known[t, i, k] and known[t, j, k]):
                        continue
                    said = (features[t, i] - features[t, j]) @ head[:, k]
                    wanted = measures[t, i, k] - measures[t, j, k]
                    rank = abs(wanted) * np.log1p(np.exp(-np.sign(wanted) * said))
                    values.append(huber(said - wanted) + rank_weight * rank)
    return np.mean(values) if values else 0.0


def absolute_loss(features, head, measures, known):
    wanted = np.argwhere(known).tolist()
    values = [huber(features[t, i] @ head[:, k] - measures[t, i, k]) for t, i, k in wanted]
    return np.mean(values) if values else 0.0


def huber(error):
    return 0.5 * error**2 if abs(error) <= 1 else abs(error) - 0.5


def masked_loss(predicted, clips, keep, cells):
    """`predicted[b, t, s]` holds the pixels of cell (t, s), frame by frame, row by row."""
    times, rows, columns = cells
    b, frames, height, width = clips.shape[:4]
    f, y, x = frames // times, height // rows, width // columns
    errors = []
    for i in range(b):
        for t in range(times):
            for s in range(rows * columns):
                if s in keep[i]:
                    continue
                r, c = divmod(s, columns)
                cell = clips[i, t * f : (t + 1) * f, r * y : (r + 1) * y, c * x : (c + 1) * x].reshape(-1)
                wanted = (cell - cell.mean()) / np.sqrt(cell.var() + 1e-6)
                errors += ((predicted[i, t, s] - wanted) ** 2).tolist()
    return np.mean(errors)


def gradient(function, at, step=1e-5):
    """Central differences of a scalar function, entry by entry."""
    at = np.asarray(at, np.float64)
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = np.zeros_like(at)
        moved[index] = step
        found[index] = (function(at + moved) - function(at - moved)) / (2 * step)
    return found

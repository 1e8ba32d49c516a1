"""What was done, as lines of text."""

from collections import Counter
from collections.abc import Sequence

from pipelines.prepare.gauge import footage_time
from pipelines.progress import duration
from pretrain.footage.manifest import STATUSES, ManifestRow


def print_totals(rows: Sequence[ManifestRow], ignored: int, now: Sequence[ManifestRow], seconds: float) -> None:
    """Prints files by status, frames, faces, crops, tracks, and how fast the files of this run (`now`) were done."""
    frames, faces, crops, tracks = (
        sum(getattr(row, name) for row in rows) for name in ("frames_in", "frames_face", "crops", "tracks")
    )
    print(f"{len(rows)} files: {_by_status(rows)}; {ignored} other files ignored")
    print(f"{frames} frames, {faces} with a face; {crops} crops in {tracks} tracks")
    video = sum(row.seconds for row in now)
    if now:
        spent = max(seconds, 1e-9)
        rates = f"{video / spent:.1f} x real time, {sum(r.crops for r in now) / spent:.0f} faces/s"
        print(f"{footage_time(video)} of video in {duration(seconds)}: {rates}")


def _by_status(rows: Sequence[ManifestRow]) -> str:
    counts = Counter(row.status for row in rows)
    return ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])

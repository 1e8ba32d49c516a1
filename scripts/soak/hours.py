"""Memory over a long film: one rendered minute, repeated by copying its packets, prepared in one process."""

import argparse
import tempfile
import time
from pathlib import Path

import av

from pretrain.footage.ingest import IngestOptions, ingest_file
from pretrain.footage.spool import SpoolWriter
from scripts.soak.films import write_film

MOST = 1.05
"""Resident memory at the end may be so many times that after the first minute."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Prints resident memory by minutes of film; 1 if it grew."""
    with tempfile.TemporaryDirectory() as folder:
        minute, film = Path(folder) / "minute.mp4", Path(folder) / "film.mp4"
        write_film(minute, 640, 360, 1.0, 60, args.seed)
        repeat(minute, film, args.minutes)
        seen: dict[int, float] = {}

        def beat(seconds: float, *_: object) -> None:
            number = int(seconds // 60)
            if number not in seen:
                seen[number] = resident()

        start = time.monotonic()
        with SpoolWriter(Path(folder) / "spool") as emit:
            row = ingest_file(film, film.name, IngestOptions(), emit, beat)
        took = time.monotonic() - start
    print(f"{row.status}, {row.frames_in} frames, {row.crops} crops, {row.seconds:.0f} s of film in {took:.0f} s")
    marks = sorted({1, 2, 5, 10, 30, 60, 90, max(seen)} & set(seen))
    print("| minute | resident MB |\n|---|---|")
    print("\n".join(f"| {n} | {seen[n]:.0f} |" for n in marks))
    growth = max(list(seen.values())[-max(1, len(seen) // 10) :]) / seen[min(1, max(seen))]
    print(f"end / minute 1: {growth:.3f} (at most {MOST})")
    return int(growth > MOST)


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096e-6


def repeat(film: Path, out: Path, times: int) -> None:
    """The same film so many times in a row, without decoding."""
    with av.open(str(out), "w") as target:
        stream = None
        shift = 0
        for _ in range(times):
            with av.open(str(film)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                length = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    length = max(length, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    target.mux(packet)
                shift += length

"""`wince prepare` without the slow part: every file of the footage gives drawn clips, made in this process."""

import hashlib
from dataclasses import replace

from pipelines.prepare.partial import finish, pair
from pipelines.private import hide_digest, read_key
from pretrain.footage.ingest import file_digest
from pretrain.footage.manifest import ManifestRow
from pretrain.footage.spool import SpoolWriter
from tests.support.drawn import moving_records

CROPS = 100


def draw_job(job):
    """What a worker would put in place for a file, but drawn: it depends on the content of the file alone."""
    seed = int(hashlib.sha256(job.path.read_bytes()).hexdigest()[:8], 16)
    with SpoolWriter(pair(job.folder, job.name)[0]) as spool:
        for record in moving_records(tracks=1, crops=CROPS, size=32, seed=seed):
            spool(replace(record, source=job.name))
    digest = hide_digest(file_digest(job.path), read_key(job.key_file) if job.key_file else None)
    row = ManifestRow(job.name, "ok", "", CROPS, CROPS, 0, CROPS, 1, CROPS / 10, digest)
    finish(job.folder, row, job.stamp, spool)
    return row


def write_footage(folder, names):
    """Files that only a drawn `prepare` takes for films."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"film of {name}")
    return folder


class Hands:
    """Stands in for the pool of workers; remembers what it did and can drop everything after some files."""

    def __init__(self):
        self.did = []
        self.until = None

    def __call__(self, jobs, workers, all_files):
        rows = []
        for job in jobs:
            if self.until is not None and len(self.did) >= self.until:
                raise KeyboardInterrupt
            self.did.append(job.name)
            rows.append(draw_job(job))
        return rows

"""Files done by an Apache Beam pipeline, whose workers share the folder of work in progress.

Beam only deals out the files: what happens to one is the code of the process pool, and its result is the same pair
in the same folder. So every worker must see the footage and that folder under the paths of the command.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipelines.prepare.work import Job, ingest_alone
from pretrain.errors import RunFailure, UserError

try:
    import apache_beam as beam  # pyright: ignore[reportMissingImports] (an extra)
    from apache_beam.options.pipeline_options import PipelineOptions  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise UserError("--beam needs Apache Beam: pip install 'wince[beam]'") from error


def run_beam(jobs: Sequence[Job], options: Sequence[str]) -> None:
    """Does the files with a pipeline of these options (`key=value`, or `key` for a switch).

    Raises `RunFailure` with the last line of what went wrong; what is finished is kept.
    """
    try:
        with beam.Pipeline(options=PipelineOptions([f"--{option}" for option in options])) as pipeline:
            _ = pipeline | beam.Create([_anywhere(job) for job in jobs]) | beam.Reshuffle() | beam.Map(_done)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise RunFailure(f"the Beam pipeline failed: {lines[-1][:200]}") from error


def _anywhere(job: Job) -> Job:
    """The same for workers that were started in another folder."""
    weights, key_file = job.options.face_weights, job.key_file
    return job._replace(
        path=job.path.absolute(),
        folder=job.folder.absolute(),
        options=replace(job.options, face_weights=weights.absolute() if weights else None),
        key_file=key_file.absolute() if key_file else None,
    )


def _done(job: Job) -> str:
    ingest_alone(job)
    return job.name

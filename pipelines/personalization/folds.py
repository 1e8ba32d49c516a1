"""All cells of a fold: predictions, audit, proof; what fails the audit fails the run."""

from collections.abc import Callable
from typing import Any

from personalize.adaptation.names import takes_labels
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.baselines import BASELINES
from personalize.protocols.audit import Finding
from personalize.protocols.cells import Cell, Models, audit_fold, marks_of, run_baseline, run_cell
from personalize.protocols.config import Personal
from personalize.protocols.leakage import LeakError
from personalize.protocols.plan import Job, Plan
from pipelines.personalization.store import Unit, stacked
from pretrain.errors import RunFailure


def cells_of(config: PersonalizeConfig) -> tuple[AdaptationConfig, ...]:
    """The config's adaptations, `none` first, and for every k what the person's own labels are worth without a face."""
    cells = list(config.cells())
    if isinstance(config.protocol, Personal):
        for k in sorted({a.k for a in cells if a.k and takes_labels(a.name)}):
            if not any((a.name, a.k) == ("participant_prior", k) for a in cells):
                cells.append(AdaptationConfig("participant_prior", k))
    return tuple(cells)


def run_fold(plan: Plan, jobs: list[Job], keep_models: Callable[[Plan, Models, Job], None] | None = None) -> Unit:
    """All cells and baselines of a fold in all its draws; the models of the first one may be kept.

    Raises `RunFailure` naming a leak, unless the protocol is a leaky one.
    """
    models = Models(plan)
    columns, findings, parameters, marks, proof = [], [], [], {}, {}
    skipped: dict[str, str] = {}

    def keep(cell: Cell, name: str, k: int, job: Job) -> None:
        columns.append({**cell.table, "adaptation": [name] * len(job.test), "k": [k] * len(job.test)})
        findings.extend((f"{name} k={k}", finding) for finding in cell.findings)
        if cell.parameters:
            parameters.append({"adaptation": name, "k": k, "seed": job.seed, "learned": cell.parameters})

    try:
        for job in jobs:
            found, leaks = audit_fold(plan, models, job, plan.cells)
            proof = proof or {**found, "seeds": [each.seed for each in jobs] if len(jobs) > 1 else []}
            findings.extend(("partition", finding) for finding in leaks)
            _refuse(plan, jobs[0].outer, findings)
            for a in plan.cells:
                keep(run_cell(plan, models, job, a), a.name, a.k, job)
                marks[f"{a.name} {a.k}"] = list(marks_of(plan, models, job, a))
            for name in BASELINES:
                cell = run_baseline(plan, models, job, name)
                if isinstance(cell, str):
                    skipped[name] = cell
                else:
                    keep(cell, name, 0, job)
            _refuse(plan, jobs[0].outer, findings)
        if keep_models is not None:
            keep_models(plan, models, jobs[0])
    except LeakError as error:
        raise RunFailure(f"fold {jobs[0].outer!r}: leak ({error.reason}): {error}") from error
    about: dict[str, Any] = {
        "proof": proof,
        "findings": [{"where": where, "reason": f.reason, "text": f.text} for where, f in _different(findings)],
        "skipped": skipped,
        "marks": marks,
        "parameters": parameters,
    }
    return Unit(stacked(columns), about)


def _refuse(plan: Plan, outer: str, findings: list[tuple[str, Finding]]) -> None:
    if findings and not plan.leaky():
        where, leak = findings[0]
        raise RunFailure(f"fold {outer!r}, {where}: leak ({leak.reason}): {leak.text}")


def _different(findings: list[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    return list(dict.fromkeys(findings))

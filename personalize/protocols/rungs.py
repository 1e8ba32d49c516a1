"""One rung of the way to a new population: fitted to the labels of some of its people, scored on its test people."""

from typing import Any

import numpy as np
from jaxtyping import Bool

from personalize.adaptation.personal import make_adaptation
from personalize.adaptation.population import adapted_population, predict_population
from personalize.config import FirstSeconds, MarkedRest, PersonalizeConfig
from personalize.protocols.audit import audit, proof
from personalize.protocols.cells import Cell, Models, small, table_of
from personalize.protocols.plan import Job, Plan
from personalize.protocols.population import REFIT, RungCell, rung_of
from pretrain.errors import UserError


def unsuitable(rung: str, kind: str) -> str | None:
    """Why there is no such rung for a target of this kind, number or class."""
    way = rung_of(rung).way
    try:
        make_adaptation("none" if way == REFIT else way, kind)
    except UserError as error:
        return str(error)
    return None


def check_neutral(config: PersonalizeConfig, rungs: tuple[str, ...]) -> None:
    """Raises `UserError` for a neutral moment that cannot be had of a whole population without labels or a model."""
    if any(rung_of(rung).features for rung in rungs) and not isinstance(config.neutral, FirstSeconds | MarkedRest):
        raise UserError(f"rungs with `reference` need neutral.kind=first_seconds or marked_rest, not "
                        f"{config.neutral.kind!r}")  # fmt: skip


def testable(plan: Plan, models: Models, cells: list[RungCell]) -> Bool[np.ndarray, "n"]:
    """Units that every rung can be scored on: not of a neutral moment, and with features in all rungs."""
    kept = ~plan.cut
    for features in {rung_of(cell.rung).features for cell in cells}:
        kept &= np.isfinite(models.step(_job(cells[0]), features, 0).x[plan.valid]).all(axis=1)
    return kept


def run_rung(plan: Plan, models: Models, cell: RungCell, *, copies: bool = False) -> tuple[Cell, dict[str, Any]]:
    """Fits and predicts one cell, and audits it; also the partition proof. With `copies` near-copies are looked for."""
    job, way = _job(cell), rung_of(cell.rung).way
    step = models.step(job, rung_of(cell.rung).features, 0)
    x = step.x[plan.valid]
    own = cell.fold.calibration
    own = own[np.isfinite(x[own]).all(axis=1)]
    population = models.population(job, step)
    model: Any = population.head
    if way == REFIT:
        population = models.fitted(job._replace(train=np.union1d(job.train, own)), x, plan.y)
        model = population.head
    elif way != "none":
        kind, components = plan.problem.model_kind(), plan.config.components
        of = {"start": population.head, "components": components}
        model = adapted_population(way, kind, x[own], plan.y[own], plan.units.take(own), **of)
    asked = x[job.test]
    prediction = model.predict(asked) if way in ("none", REFIT) else predict_population(model, asked)
    reference = None if step.reference is None else step.reference[plan.valid]
    fitted = {"population model": population.head, "rung": model}
    fitted |= {} if population.calibration is None else {"calibration": population.calibration}
    options = {"x": plan.rows.x[plan.valid] if copies else None, "purge": 0.0}
    findings = audit(cell.fold, plan.units, fitted=fitted, reference=reference, **options)
    reach = getattr(model, "reach_", population.reach)
    table = table_of(plan, job, 0, prediction, population.calibration, reach)
    return Cell(table, findings, small(model)), proof(cell.fold, plan.units)


def _job(cell: RungCell) -> Job:
    return Job(cell.name, cell.draw, cell.fold.train, cell.fold.test, {0: cell.fold.calibration})

"""The models of single people that a run keeps: in `people/`, a file for each, and one for people it does not know.

Of the adaptations the one with the most steps and labels is kept, as it was when the person was tested: a population
model that has never seen them, and their k labels.
"""

from pathlib import Path
from typing import Any

import numpy as np

from personalize.adaptation.files import Used, save_person
from personalize.adaptation.names import parts
from personalize.config import AdaptationConfig, LowestPredicted
from personalize.evaluation.baselines import NO_FACE
from personalize.protocols.cells import Models, adapted
from personalize.protocols.plan import Job, Plan
from personalize.protocols.steps import normaliser, raw

FOLDER, POPULATION = "people", "population"


def kept_cell(plan: Plan) -> AdaptationConfig:
    """The adaptation with the most steps and labels."""
    cells = [a for a in plan.cells if a.name not in NO_FACE]
    return max(cells, key=lambda a: (a.name.count("+"), a.k))


def save_people(out: Path, plan: Plan, models: Models, job: Job, *, encoder: str) -> None:
    """Writes the models of those whom a fold tests; none of a leaky protocol, whose population model knows them."""
    if plan.leaky():
        return
    fitted = _fitted(plan, models, job)
    people = plan.units.participant
    for name in np.unique(people[job.test]).tolist():
        own = [i for i in job.calibration[kept_cell(plan).k].tolist() if people[i] == name]
        seconds = float((plan.units.t1[own] - plan.units.t0[own]).sum())
        _save(out, plan, name, fitted, encoder, Used(len(own), seconds, len(own)))


def save_population(out: Path, plan: Plan, encoder: str) -> dict[str, Any]:
    """Writes the model for people unknown, of everybody who trains and whoever is tested, and says what was kept.

    Where another cohort trains it is that cohort's model, the one that was tested.
    """
    cell = kept_cell(plan)
    if plan.leaky():
        return {"kept": 0, "reason": "the protocol is leaky"}
    nobody, first = np.zeros(0, int), plan.jobs()[0]
    train = first.train if plan.problem.external else np.arange(len(plan.y))
    job = Job("everybody", first.seed, train, nobody, dict.fromkeys(plan.ks, nobody))
    _save(out, plan, POPULATION, _fitted(plan, Models(plan), job), encoder, Used(0, 0.0, 0))
    kept = sum(1 for file in (out / FOLDER).iterdir() if file.stem != POPULATION)
    return {"kept": kept, "adaptation": cell.name, "k": cell.k}


def _fitted(plan: Plan, models: Models, job: Job) -> dict[str, Any]:
    """The adaptation that is kept, and what comes before and after it, as `save_person` takes them."""
    cell = kept_cell(plan)
    features = parts(cell.name).features
    step = models.step(job, features, cell.k)
    calibration = models.population(job, step).calibration
    found: dict[str, Any] = {"model": adapted(plan, models, step, job, cell)}
    if features.startswith("normalise"):
        found["features"] = normaliser(plan, job, every=features == "normalise_all")
    if features == "reference" and isinstance(plan.config.neutral, LowestPredicted):
        found["lowest"] = models.population(job, raw(plan)).head
    if len(plan.problem.kind.classes) == 2:
        found["cut"] = 0.5 if calibration is None else calibration.cut
    return found


def _save(out: Path, plan: Plan, name: str, fitted: dict[str, Any], encoder: str, used: Used) -> None:
    about = {"encoder": encoder, "adaptation": kept_cell(plan).name, "kind": plan.problem.model_kind(), "used": used}
    save_person(out / FOLDER, name, **fitted, classes=plan.problem.kind.classes, **about)

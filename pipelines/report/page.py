"""`wince report`: one self-contained page from several runs, side by side."""

import base64
import json
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from pipelines.personalization.results import adaptations_of
from pipelines.report import figures
from pipelines.report.population import against_zero_shot, is_population, ladder_figure, section
from pipelines.report.summary import (
    Comparison,
    PersonalRun,
    about_people,
    cell,
    comparisons,
    headline,
    label,
    most_adapted,
    read_personal,
    sentence,
    shown,
    table,
)
from pretrain.errors import UserError
from pretrain.training.log import read_metrics

__all__ = ["headline", "write_report"]


def write_report(folders: Sequence[Path], out: Path) -> int:
    """Writes the page, and its figures as PNG beside it; returns the exit code.

    The first personalize run is the one that the others are compared with; pretraining runs add their curves.
    Raises `UserError` for folders that are no runs.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"no run folder {folder}")
    personal = [read_personal(f) for f in folders if (f / "results.json").is_file()]
    training = [f for f in folders if (f / "metrics.jsonl").is_file()]
    unknown = [f for f in folders if not any((f / name).is_file() for name in ("results.json", "metrics.jsonl"))]
    if unknown:
        raise UserError(f"{unknown[0]} holds neither results.json nor metrics.jsonl: not a finished run")
    pictures: dict[str, bytes] = {}
    found, notes = comparisons(personal) if personal else ([], [])
    ladders = [run for run in personal if is_population(run)]
    found = [*(against_zero_shot(personal[0]) if personal[:1] == ladders[:1] else []), *found]
    notes += [note for run in personal if (note := about_people(run))]
    if personal:
        pictures |= _personal_figures(personal[0], found)
    pictures |= {f"ladder_{run.results['metrics'][0]['system']}": ladder_figure(run) for run in ladders}
    for folder in training:
        pictures[f"training_{folder.name}"] = figures.training_curves(read_metrics(folder / "metrics.jsonl"))
    page = _render(personal, found, notes, pictures, folders)
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = out.with_suffix("").with_name(out.stem + "_figures")
    beside.mkdir(mode=0o700, exist_ok=True)
    for name, data in pictures.items():
        (beside / f"{name}.png").write_bytes(data)
    scratch = out.with_name(out.name + ".tmp")
    scratch.write_text(page, encoding="utf-8")
    scratch.replace(out)
    print(f"report: {out}")
    return 0


def _personal_figures(run: PersonalRun, found: Sequence[Comparison]) -> dict[str, bytes]:
    parts, metrics, target = adaptations_of(run.predictions), shown([run]), run.results["target"]
    best = most_adapted(list(parts))
    population = (best[0], "none", 0)
    pictures: dict[str, bytes] = {}
    if points := run.results.get("checkpoints"):
        metric, chosen = next(iter(metrics)), run.results["chosen"]
        adapted = {("none", 0), best[1:]}
        own = [r for r in points if r["metric"] == metric and (r["adaptation"], r["k"]) in adapted]
        pictures["checkpoints"] = figures.checkpoint_curve(own, metrics[metric], chosen and chosen["step"])
    pictures |= {f"differences_{metric}": figures.forest(found, metric, metrics[metric]) for metric in [*metrics][:2]}
    if population in parts and best != population:
        names = (label(population), label(best))
        pictures["per_person"] = figures.per_person(parts[population], parts[best], names, target["metrics"])
        if target["kind"] != "class" and "order: none" not in run.results["metrics"][0]["protocol"]:
            pictures["time_courses"] = figures.time_courses(parts[population], parts[best], names)
    return pictures


def _render(
    personal: Sequence[PersonalRun],
    found: Sequence[Comparison],
    notes: Sequence[str],
    pictures: dict[str, bytes],
    folders: Sequence[Path],
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["unbroken"] = lambda text: text.replace("k = ", "k\u00a0=\u00a0")
    metrics = shown(personal)
    first = personal[0].results["metrics"][0] if personal else None
    return environment.get_template("page.html").render(
        version=version("wince"),
        today=date.today().isoformat(),
        first=first,
        people=max((r["n_participants"] for r in personal[0].results["metrics"]), default=0) if personal else 0,
        metrics=metrics,
        titles={
            **{f"differences_{m}": f"Differences in {name[:-2]}" for m, name in metrics.items()},
            "checkpoints": f"Over pretraining steps: {next(iter(metrics.values()), '')[:-2]} of development people",
            **{
                name: "New population, by people labelled: " + name.removeprefix("ladder_")
                for name in pictures
                if name.startswith("ladder_")
            },
            "per_person": "Person by person",
            "time_courses": "Over time: largest, middle and smallest gain",
        },
        rows={name: {m: cell(r.get(m)) for m in metrics} for name, r in table(personal).items()},
        reasons=_reasons(personal),
        comparisons=[(c, {m: (cell(c.by_metric[m], "difference"), c.verdict(m)) for m in metrics}) for c in found],
        sentences=[(sentence(c), c.verdict(next(iter(metrics)))) for c in found],
        few=any(
            row["few_participants"] and row["difference"] is not None for c in found for row in c.by_metric.values()
        ),
        notes=notes,
        ladders=[section(run) for run in personal if is_population(run)],
        pictures={name: base64.b64encode(data).decode() for name, data in pictures.items()},
        counts=personal[0].results["counts"] if personal else {},
        records=[(f"{f.resolve().parent.name}/{f.resolve().name}", _record(f)) for f in folders],
    )


def _reasons(personal: Sequence[PersonalRun]) -> list[str]:
    """Why numbers are missing, or rest on fewer people."""
    return [
        f"{name}, {shown(personal)[metric][:-2]}: {row['reason']}"
        for name, rows in table(personal).items()
        for metric, row in rows.items()
        if row["reason"]
    ]


def _record(folder: Path) -> str:
    record: dict[str, Any] = {}
    for name in ("config.json", "environment.json"):
        if (folder / name).is_file():
            record[name] = json.loads((folder / name).read_text())
    return json.dumps(record, indent=1)

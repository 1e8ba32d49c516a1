"""What the template of a study's page is given: the loaded JSON, arranged. No number is made here, only chosen."""

from typing import Any

from personalize.evaluation.intervals import FEW
from personalize.evaluation.rows import primary_pooling
from personalize.protocols.base import LEAKY
from pipelines.personalization.shown import SHOWN
from pipelines.report.study_facts import (
    Row,
    agreement,
    all_metrics,
    answers,
    is_baseline,
    main_model,
    on_phantoms,
    plain_verdict,
    primary_rows,
    published,
    repeats,
    shown_metrics,
    side_of,
    truth_of,
    worlds,
)
from pipelines.report.study_words import (
    AGREEMENT,
    KNOWN,
    SLOT_NAMES,
    STATUS,
    explained,
    model_name,
    true_here,
    unmarked,
)
from pipelines.report.words import EXPLAINED, MEANT, marks

COMPARED = tuple(dict.fromkeys(metric for names in SHOWN.values() for metric in names))


def study_content(report: Row) -> Row:
    """What the page needs beside the report itself."""
    results = report["results"]
    primary, side, found = results["primary"], main_model(results), worlds(results)
    given = zip(results["parts"], report["parts"], repeats(results), strict=True)
    parts = [_part(*each, primary) for each in given]
    used = list(dict.fromkeys(metric for part in parts for metric in part["metrics"]))
    return {
        "results": results,
        "study": results["study"],
        "primary": primary,
        "phantoms": on_phantoms(results),
        "few": report["tested"] < FEW,
        "model": model_name(side) if side else None,
        "side": side,
        "worlds": found,
        "published": published(results),
        "slots": _slots(results),
        "answers": answers(found),
        "parts": parts,
        "glossary": _glossary(parts),
        "meanings": {metric: MEANT[metric] for metric in used if metric in MEANT},
        "model_name": lambda row: model_name(side_of(row)),
        "status_means": STATUS[results["study"]["status"]],
        "slot_names": SLOT_NAMES,
        "known": KNOWN,
        "explained": explained,
        "unmarked": unmarked,
        "true_here": true_here,
        "plain_verdict": plain_verdict,
        "truth_of": truth_of,
        "agreement": lambda row, part: AGREEMENT[agreement(row, part)],
        "agreement_class": lambda row, part: {"right": "better", "wrong": "worse"}.get(agreement(row, part), "muted"),
        "marks": marks,
    }


def _part(part: Row, about: Row, again: str, primary: Row) -> Row:
    """A part with what was counted of it, and its rows as lines of a table."""
    rows = primary_rows(part["metrics"], primary)
    lines = {}
    for (side, metric), row in rows.items():
        line = lines.setdefault(side, {"side": side, "label": model_name(side), "marks": marks(row), "by_metric": {}})
        line["by_metric"][metric] = row
    metrics = shown_metrics(part, primary)
    return {
        "part": part,
        "about": about,
        "again": again,
        "metrics": metrics,
        "all_metrics": all_metrics(part),
        "lines": list(lines.values()),
        "systems": [line for side, line in lines.items() if not is_baseline(side)],
        "baselines": [line for side, line in lines.items() if is_baseline(side)],
        "reasons": _reasons(list(lines.values()), all_metrics(part)),
        **_pairs(part, primary),
    }


def _glossary(parts: list[Row]) -> dict[str, str]:
    """What the marks mean that models carry."""
    used = {mark for part in parts for line in part["systems"] for mark in line["marks"]}
    return {word: text for word, text in EXPLAINED.items() if word in used - {LEAKY}}


def _reasons(lines: list[Row], metrics: list[str]) -> list[Row]:
    """Why numbers are missing or rest on fewer people. Keys: metric, reason, labels (None: of everything)."""
    found: dict[tuple[str, str], list[str]] = {}
    for metric in metrics:
        for line in lines:
            row = line["by_metric"].get(metric)
            if row and row["reason"]:
                found.setdefault((metric, row["reason"]), []).append(line["label"])
    return [
        {"metric": metric, "reason": reason, "labels": None if len(labels) == len(lines) else labels}
        for (metric, reason), labels in found.items()
    ]


def _pairs(part: Row, primary: Row) -> Row:
    """Paired differences by pair, and the metrics that they are of. Keys: pairs, compared."""
    found: dict[Any, Row] = {}
    for row in part["comparisons"]:
        key = (side_of(row["a"]), side_of(row["b"]))
        found.setdefault(key, {"a": model_name(key[0]), "b": model_name(key[1]), "rows": []})["rows"].append(row)
    for pair in found.values():
        poolings = primary_pooling(pair["rows"]) | {primary["metric"]: primary["pooling"]}
        pair["by_metric"] = {r["metric"]: r for r in pair["rows"] if r["pooling"] == poolings[r["metric"]]}
    there = {metric for pair in found.values() for metric in pair["by_metric"]}
    usual = [primary["metric"], *(metric for metric in COMPARED if metric in shown_metrics(part, primary))]
    return {"pairs": list(found.values()), "compared": [m for m in dict.fromkeys(usual) if m in there]}


def _slots(results: Row) -> dict[str, list[Row]]:
    """The different protocols of each slot, by the first part that has it."""
    found: dict[str, dict[str, Row]] = {slot: {} for slot in SLOT_NAMES}
    for part in results["parts"]:
        found[part["slot"]].setdefault(part["protocol"], part)
    return {slot: list(parts.values()) for slot, parts in found.items()}

"""What the templates are given: the loaded `report.json`, arranged. No number is made here, only chosen."""

from collections.abc import Callable, Iterable
from typing import Any

from personalize.evaluation.baselines import BASELINES, NO_FACE
from personalize.evaluation.intervals import FEW, FRAMES, JACKKNIFE
from personalize.evaluation.rows import POOLINGS
from pipelines.report import words
from pipelines.report.limits import caveats
from pipelines.report.summary import Named, pairs, shown, table

MOST_PEOPLE = 50
"""So many lines of people the page has at most; all are in `report.json`."""
Rows = list[dict[str, Any]]


def content(report: dict[str, Any]) -> dict[str, Any]:
    """What the page needs beside the report itself; nothing where no personalize run is reported."""
    if not report["runs"]:
        return {"run": None}
    run = report["runs"][0]
    results = run["results"]
    named = [(each["name"], each["results"]) for each in report["runs"]]
    lines = table(named)
    metrics = shown(results)
    found = pairs([*results["comparisons"], *report["comparisons"]], named)
    truth = truths(results)
    used = {word for line in lines for word in (*line["label"].replace(": ", " + ").split(" + "), *line["marks"])}
    used = {word.split(", k = ")[0] for word in used}
    return {
        "run": run,
        "results": results,
        "first": results["metrics"][0],
        "metrics": metrics,
        "lines": lines,
        "systems": _of(lines, lambda line: line["key"][1] not in BASELINES and line["key"][1] not in NO_FACE),
        "baselines": _of(lines, lambda line: line["key"][1] in BASELINES or line["key"][1] in NO_FACE),
        "reasons": [
            (line["label"], metric, line["primary"][metric]["reason"])
            for line in lines
            for metric in metrics
            if metric in line["primary"] and line["primary"][metric]["reason"]
        ],
        "pairs": _of(found, lambda pair: pair["main"]),
        "more_pairs": _of(found, lambda pair: not pair["main"]),
        "answer": None if "population" in results else answer(results, named),
        "frames": frames(results),
        "different_cohorts": len({each["metrics"][0]["cohort"] for _, each in named}) > 1,
        "few": max(row["n_participants"] for row in results["metrics"]) < FEW,
        "all_lines": lines if len(named) == 1 else table(named[:1]),
        "all_metrics": list(dict.fromkeys(row["metric"] for row in results["metrics"])),
        "coverage": coverage(results),
        "glossary": {word: text for word, text in words.EXPLAINED.items() if word in used},
        "raters": results.get("described", {}).get("ratings", {}).get("raters", {}),
        "described": results.get("described"),
        "caveats": caveats(results.get("described", {})),
        "truth": truth,
        "people": people(results),
        "groups": groups(results),
        "proof": results["proof"][:MOST_PEOPLE],
    }


def answer(results: dict[str, Any], named: Named) -> dict[str, Any]:
    """What adapts most and the population model by the first metric, and their paired difference if there is one."""
    keys = [words.key_of(row) for row in results["metrics"]]
    told = results.get("participants", {}).get("adaptations")
    adapted = words.most_adapted([words.key_of(each) for each in told] if told else keys)
    metric = shown(results)[0]
    lines = {line["key"]: line for line in table(named[:1])}
    system = adapted[0]
    pair = next(
        (
            found
            for found in pairs(results["comparisons"], named[:1])
            if any(
                (words.key_of(row["a"]), words.key_of(row["b"])) == (adapted, (system, "none", 0))
                for row in found["by_metric"].values()
            )
        ),
        None,
    )
    change = pair["by_metric"].get(metric) if pair else None
    return {
        "metric": metric,
        "adapted": lines[adapted],
        "population": lines[(system, "none", 0)],
        "change": change,
    }


def frames(results: dict[str, Any]) -> Rows:
    """The first metric of all units together: its interval over people beside the one as if frames were people."""
    found: dict[Any, dict[str, Any]] = {}
    for row in results.get("intervals", []):
        pooled = row["pooling"] == POOLINGS[1] and row["metric"] == shown(results)[0]
        if pooled and row["value"] is not None and row["interval"] in (JACKKNIFE, FRAMES):
            found.setdefault(words.key_of(row), {})[row["interval"]] = row
    return [
        {"label": words.label(key, system=False), "people": each[JACKKNIFE], "frames": each[FRAMES]}
        for key, each in found.items()
        if {JACKKNIFE, FRAMES} <= set(each) and key[1] not in NO_FACE and each[FRAMES]["low"] is not None
        and each[JACKKNIFE]["low"] is not None
    ]  # fmt: skip


def coverage(results: dict[str, Any]) -> dict[str, Rows]:
    """Predictive intervals of 80 and 95 %, by adaptation; no baselines."""
    found: dict[str, Rows] = {}
    for row in results.get("coverage", []):
        if row["adaptation"] not in BASELINES:
            found.setdefault(_label(row), []).append(row)
    return found


def truths(results: dict[str, Any]) -> dict[str, Any]:
    """Calibration, alarms, predictive values, missed pain and precision; None for what a run has not.

    Each but the last by adaptation: `main` has the population model and what adapts most, `more` the others.
    """
    told = results.get("participants", {}).get("adaptations", [])
    keys = [words.key_of(each) for each in told]
    main = {words.label(key, system=False) for key in keys if key[1] == "none" or key == words.most_adapted(keys)}
    found = {
        "calibration": _by(results.get("calibration"), lambda r: (_label(r), r["probability"]), "metric"),
        "alarms": _by(results.get("alarms"), _label, "metric"),
        "prevalence": _values(results.get("prevalence")),
        "missed": {_label(row): row for row in results["missed"]} if "missed" in results else None,
    }
    parts = {
        what: rows
        and {
            "main": {key: row for key, row in rows.items() if (key[0] if isinstance(key, tuple) else key) in main},
            "more": {key: row for key, row in rows.items() if (key[0] if isinstance(key, tuple) else key) not in main},
        }
        for what, rows in found.items()
    }
    return {**parts, "precision": _precision(results)}


def _label(row: dict[str, Any]) -> str:
    return words.label(words.key_of(row), system=False)


def _by(rows: Rows | None, name: Callable[[dict[str, Any]], Any], column: str) -> dict[Any, dict[str, Any]] | None:
    """Rows as name -> column's value -> row."""
    if rows is None:
        return None
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(name(row), {})[row[column]] = row
    return found


def _values(rows: Rows | None) -> dict[str, Any] | None:
    """Of each adaptation sensitivity and specificity, and PPV and NPV by prevalence, the prevalences in order."""
    if rows is None:
        return None
    found: dict[str, Any] = {}
    for row in rows:
        own = found.setdefault(_label(row), {"sides": {}, "ppv": [], "npv": [], "reason": None})
        if row["prevalence"] is not None:
            own[row["metric"]].append(row)
        elif row["metric"] in ("sensitivity", "specificity"):
            own["sides"][row["metric"]] = row
        else:
            own["reason"] = row["reason"]
    return found


def _precision(results: dict[str, Any]) -> Rows | None:
    """The sample-size curve of the first metric, by adaptation and what: rows by number of people."""
    if "sample_size" not in results:
        return None
    found: dict[Any, dict[str, Any]] = {}
    for row in (row for row in results["sample_size"] if row["metric"] == shown(results)[0]):
        name = (_label(row), row["what"])
        found.setdefault(name, {"label": name[0], "what": name[1], "rows": []})["rows"].append(row)
    return list(found.values())


def people(results: dict[str, Any]) -> dict[str, Any] | None:
    """The ledger, its first lines, and the people of the largest error under what adapts most."""
    told = results.get("participants")
    if told is None:
        return None
    keys = [words.key_of(each) for each in told["adaptations"]]
    place = keys.index(words.most_adapted(keys))
    none = next(i for i, key in enumerate(keys) if key[1] == "none")
    by_name = {row["participant"]: row for row in told["rows"]}
    worst = next(row for row in told["worst"] if words.key_of(row) == keys[place])
    return {
        "metric": told["metric"],
        "adapted": words.label(keys[place], system=False),
        "place": place,
        "none": none,
        "worst": [by_name[name] for name in worst["participants"] if name in by_name],
        "ledger": told["rows"][:MOST_PEOPLE],
        "all": told["rows"],
        "neutral_reason": told["neutral_reason"],
    }


def groups(results: dict[str, Any]) -> dict[str, Any] | None:
    """Subgroups under what adapts most, by column; the columns that have no levels with the reason."""
    told = results.get("subgroups")
    if told is None:
        return None
    keys = list(dict.fromkeys(words.key_of(row) for row in told["rows"]))
    key = words.most_adapted(keys) if keys else None
    metrics = list(dict.fromkeys(row["metric"] for row in told["rows"]))
    first = shown(results)[0]
    return {
        "adapted": words.label(key, system=False) if key else None,
        "metrics": metrics,
        "columns": [
            {**column, "rows": _of(told["rows"], lambda r, c=column: r["column"] == c["column"] and
                                   words.key_of(r) == key and r["metric"] == first)}
            for column in told["columns"]
        ],
        "more": _of(told["rows"], lambda r: words.key_of(r) == key and r["metric"] != first),
    }  # fmt: skip


def _of(rows: Iterable[dict[str, Any]], holds: Callable[[dict[str, Any]], bool]) -> Rows:
    return [row for row in rows if holds(row)]

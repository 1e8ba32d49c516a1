"""The items of TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378) in our words, filled from what a run records.

An item is `filled` (the run says it, here or in the part of the page that `at` names), or `missing`: whoever writes the
study up has to say it.
"""

from typing import Any, NamedTuple


class Item(NamedTuple):
    """Of the checklist."""

    number: str
    what: str
    text: str | None
    """None: missing."""
    at: str | None = None
    """Anchor in the page."""


def checklist(run: dict[str, Any]) -> list[dict[str, Any]]:
    """All items. Keys: number, what, status, text (null where missing), at."""
    return [
        {**item._asdict(), "status": "missing" if item.text is None else "filled"}
        for part in (_beginning, _methods, _openness, _results)
        for item in part(run)
    ]


def _beginning(run: dict[str, Any]) -> list[Item]:
    claims = run["results"].get("claims")
    return [
        Item("1", "title: a prediction model, its people and what it predicts", "the title of this page", "answer"),
        Item("2", "abstract", "the first screen of this page", "answer"),
        Item("3a", "medical context and why a model is wanted", None),
        Item("3b", "for whom and for which use", "intended use", "answer"),
        Item("3c", "known inequalities between groups", None),
        Item("4", "aims, and whether a model is made or evaluated",
             "the claims of the run" if claims else "both are done; no claim was stated beforehand", "answer"),
    ]  # fmt: skip


def _methods(run: dict[str, Any]) -> list[Item]:
    results, config = run["results"], (run["config"] or {}).get("config", {})
    described, target = results.get("described", {}), results["target"]
    raters = described.get("ratings", {}).get("raters", {})
    known = sorted(name for name in raters if name != "not recorded")
    licence = described.get("description", {}).get("License")
    first = results["metrics"][0]
    seeds = ", ".join(map(str, first["seeds"][:3])) + (" and more" if len(first["seeds"]) > 3 else "")
    return [
        Item("5a", "source of the data", f"cohort {first['cohort']!r}" + (f", licence {licence}" if licence else "")),
        Item("5b", "dates of the data", None),
        Item("6a", "setting and places", None),
        Item("6b", "who could take part", None),
        Item("6c", "treatments received", None),
        Item("7", "how data were prepared", "same way for everybody; see the config", "records"),
        Item("8a", "outcome, how and when it was rated", f"scale {target['name']}", "answer"),
        Item("8b", "who rated", ", ".join(known) if known else None, "answer"),
        Item("8c", "whether raters were blinded", None),
        Item("9a", "which predictors, and why", f"features {first['system']!r} of the face", "records"),
        Item("9b", "how and when predictors were measured", "from footage of the same moment" if described.get("joined")
             == "seconds" else None, "answer"),
        Item("9c", "who judged predictors", "nobody: computed"),
        Item("10", "sample size", "widths by number of people" if results.get("sample_size") else None, "precision"),
        Item("11", "missing data", "counted, never filled in", "people"),
        Item("12a", "which data made and which tested the models", f"protocol {first['protocol']}", "trust"),
        Item("12b", "how predictors were handled", "standardised on training people only", "records"),
        Item("12c", "type of model, how it was made and tested", "adaptations by name; the config", "scores"),
        Item("12d", "differences between clusters", "each person apart; intervals over people", "figures"),
        Item("12e", "measures of performance", "discrimination, error, calibration, net benefit", "scores"),
        Item("12f", "updating of the model", "adaptation to each person, recalibration", "scores"),
        Item("12g", "how predictions are computed", "predictions.parquet and parameters.parquet beside results.json"),
        Item("13", "class imbalance", "nothing is resampled; thresholds are chosen on training people", "usefulness"),
        Item("14", "fairness", "differences between subgroups" if results.get("subgroups") else None, "groups"),
        Item("15", "what the model gives out, and thresholds", f"{target['kind']}; threshold {config.get('threshold')}",
             "usefulness"),
        Item("16", "differences between training and evaluation people", _transport(results), "people"),
        Item("17", "ethics approval", None),
        Item("–", "seeds", seeds, "records"),
    ]  # fmt: skip


def _transport(results: dict[str, Any]) -> str:
    first = results["metrics"][0]
    if first["train_cohort"] == first["cohort"]:
        return "none by design: one cohort"
    return f"trained on {first['train_cohort']!r}, tested on {first['cohort']!r}"


def _openness(run: dict[str, Any]) -> list[Item]:
    claims, environment = run["results"].get("claims"), run["environment"] or {}
    licence = run["results"].get("described", {}).get("description", {}).get("License")
    commit = environment.get("commit")
    return [
        Item("18a", "funding", None),
        Item("18b", "interests of the authors", None),
        Item("18c", "protocol of the study", None),
        Item("18d", "registration", "claims, hashed before anybody was tested" if claims else None, "answer"),
        Item("18e", "whether data can be had", f"licence: {licence}" if licence else None),
        Item("18f", "whether code can be had", f"commit {commit[:12]}" if commit else None, "records"),
        Item("19", "patients and public involved", None),
    ]  # fmt: skip


def _results(run: dict[str, Any]) -> list[Item]:
    results = run["results"]
    described = results.get("described", {})
    return [
        Item("20a", "flow of participants", "counts and reasons", "people"),
        Item("20b", "characteristics of participants", "by column of the cohort" if described.get("columns") else None,
             "people"),
        Item("20c", "training and evaluation people compared", "distances of features" if "shift" in results else None,
             "ladder-0-shift"),
        Item("21", "participants and events in each analysis", "beside every number", "people"),
        Item("22", "the whole model", "parameters.parquet and people/ beside results.json"),
        Item("23a", "performance with intervals, also of subgroups", "95 % intervals over participants", "scores"),
        Item("23b", "differences between clusters", "person by person", "figures"),
        Item("24", "results of updating", "paired differences", "scores"),
        Item("25", "interpretation", None),
        Item("26", "limitations", "those that the run can tell", "limits"),
        Item("27a", "what if input is poor or missing", "frames without a face are dropped and counted", "people"),
        Item("27b", "what users must do and know", "research only", "answer"),
        Item("27c", "next steps", None),
    ]  # fmt: skip

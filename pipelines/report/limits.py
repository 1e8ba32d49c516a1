"""What a reader must not conclude from a run, as far as the run itself can tell."""

from typing import Any

from personalize.evaluation.intervals import FEW
from personalize.evaluation.subgroups import SMALL


def limits(run: dict[str, Any]) -> list[str]:
    """One sentence each, the gravest first."""
    results = run["results"]
    first, described = results["metrics"][0], results.get("described", {})
    people = max(row["n_participants"] for row in results["metrics"])
    raters = described.get("ratings", {}).get("raters", {})
    found = []
    if first["leaky"]:
        found.append("LEAKY: people or moments of the test were trained on; every number here is too good.")
    if people < FEW:
        found.append(f"Fewer than {FEW} people: no interval can be relied on.")
    if results.get("chosen"):
        found.append("The people tested are those on whom the encoder's step was chosen.")
    found += [f"The cohort says of itself: {caveat}" for caveat in caveats(described)]
    if first["train_cohort"] == first["cohort"]:
        found.append("No other cohort: people of one cohort were trained on and others of it tested; how the models do "
                     "elsewhere is not known.")  # fmt: skip
    if raters and "self" not in raters:
        found.append("The rating is an observer's or not said to be the person's own: it is what others saw, not what "
                     "was felt.")  # fmt: skip
    if not results.get("claims"):
        found.append("No claim was stated beforehand: of several metrics and adaptations some differ by chance.")
    if "order: none" in first["protocol"]:
        found.append("The rows have no order in time: labels come from anywhere among a person's rows.")
    if any("transductive" in row["protocol"] for row in results["metrics"]):
        found.append("Adaptations marked transductive have seen the features of the test units.")
    small = {(r["column"], r["level"]) for r in results.get("subgroups", {}).get("rows", []) if r["warning"]}
    if small:
        found.append(f"Some subgroups have fewer than {SMALL} people: their differences show little.")
    undefined = sum(row["value"] is None for row in results["metrics"])
    if undefined:
        found.append(f"{undefined} of {len(results['metrics'])} numbers are undefined, each with its reason.")
    found.append("Sensitivity, specificity and predictive values hold for thresholds and settings like these only.")
    return found


def caveats(described: dict[str, Any]) -> list[str]:
    """What the cohort says of itself."""
    found = described.get("description", {}).get("KnownCaveats", [])
    return [str(each) for each in found] if isinstance(found, list) else [str(found)]

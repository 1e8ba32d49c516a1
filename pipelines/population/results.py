"""What a ladder is worth: every rung at every number of labelled people, and its difference to zero-shot."""

from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.permutation import with_holm
from personalize.evaluation.predictive import harmed
from personalize.evaluation.rows import POOLINGS, RowError, check_interval, check_rows, people_of, primary_pooling
from personalize.evaluation.statistics import statistic
from personalize.evaluation.targets import Target
from personalize.protocols.plan import Plan
from pipelines.personalization import results as rows
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.shown import SHOWN
from pretrain.errors import RunFailure

ZERO_SHOT = ("none", 0)
Key = tuple[str, int]
"""Rung, number of labelled people."""


def population_results(table: pd.DataFrame, plan: Plan, inputs: Inputs, development: int) -> dict[str, Any]:
    """The entries metrics, comparisons, harmed, target and population of `results.json`.

    `development` is how many people could be labelled at most. Raises `RunFailure` for a number without interval.
    """
    kind, config = plan.problem.metric_kind(), plan.config
    about = rows.About(
        cohort=inputs.cohort,
        train_cohort=inputs.train_cohort,
        protocol=plan.name(),
        leaky=False,
        target=inputs.target,
        kind=kind,
        threshold=None if plan.problem.kind.name == "class" else config.threshold,
        seeds=[config.seed],
        marks={},
        draws=config.draws,
        seed=config.seed,
    )
    cells = cells_of(table)
    named = pd.concat([part.assign(adaptation=label(key), k=0) for key, part in cells.items()], ignore_index=True)
    metrics = rows.metric_rows(named, about)
    comparisons = comparison_rows(cells, about)
    try:
        check_rows(metrics)
    except RowError as error:
        raise RunFailure(str(error)) from error
    alone = cells[ZERO_SHOT]
    delta = rows.delta_of(config.harm, alone, kind)
    others = {key: part for key, part in cells.items() if key != ZERO_SHOT}
    return {
        "metrics": metrics,
        "comparisons": comparisons,
        "harmed": [{**_cell(key), **harmed(part, alone, kind, delta)} for key, part in others.items()],
        "target": {"name": inputs.target, "kind": plan.problem.kind.name, "metrics": kind,
                   "classes": list(plan.problem.kind.classes)},
        "population": population_rows(cells, metrics, comparisons, about, development),
    }  # fmt: skip


def cells_of(table: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    """The predictions of each rung at each number of labelled people, all draws together."""
    groups = table.groupby(["rung", "labelled"], sort=False).indices
    return {(str(rung), int(size)): table.iloc[where] for (rung, size), where in groups.items()}  # pyright: ignore[reportGeneralTypeIssues, reportAttributeAccessIssue]


def label(key: Key) -> str:
    """What a cell is called among adaptations.

    >>> label(("refit", 5))
    'refit, 5 people labelled'
    """
    rung, size = key
    return f"{rung}, {size} people labelled" if size else rung


def comparison_rows(cells: dict[Key, pd.DataFrame], about: rows.About) -> list[dict[str, Any]]:
    """Every cell against zero-shot, paired by test people; `p_holm` is over all cells of a metric and pooling."""
    found = []
    for key, part in cells.items():
        if key == ZERO_SHOT:
            continue
        alone = in_draws(cells[ZERO_SHOT], part)
        for metric in SHOWN[about.kind]:
            for pooling in POOLINGS:
                row = paired_difference(part, alone, metric, pooling=pooling, **about.options())
                check_interval(row, row["difference"], f"{label(key)} against zero-shot, {metric}")
                found.append({"a": _cell(key), "b": _cell(ZERO_SHOT), **row})
    return with_holm(found)


def in_draws(alone: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    """The predictions of zero-shot as often as there are draws of the other, for it is the same in all of them."""
    return pd.concat([alone.assign(seed=seed) for seed in np.unique(part["seed"])], ignore_index=True)


def population_rows(
    cells: dict[Key, pd.DataFrame],
    metrics: list[dict[str, Any]],
    comparisons: list[dict[str, Any]],
    about: rows.About,
    development: int,
) -> list[dict[str, Any]]:
    """One row for each cell and metric, of its primary pooling: the mean over draws, the interval over test people.

    `spread` is the standard deviation of the number between draws of labelled people, which the interval does not
    hold; `difference` is to zero-shot.
    """
    changes = {(r["a"]["rung"], r["a"]["labelled"], r["metric"], r["pooling"]): r for r in comparisons}
    found = []
    for (rung, size), part in cells.items():
        own = [r for r in metrics if r["adaptation"] == label((rung, size))]
        pooling, draws = primary_pooling(own), people_of(part)
        for row in (r for r in own if r["metric"] in SHOWN[about.kind] and r["pooling"] == pooling[r["metric"]]):
            change = changes.get((rung, size, row["metric"], row["pooling"]), {})
            found.append(
                {
                    **_cell((rung, size)),
                    "everybody": size == development,
                    **{key: row[key] for key in ("metric", "pooling", "value", "low", "high", "interval", "reason")},
                    "n_participants": row["n_participants"],
                    "draws": len(draws),
                    "spread": _spread(row, draws, about),
                    "difference": change.get("difference"),
                    "difference_low": change.get("low"),
                    "difference_high": change.get("high"),
                    "p_holm": change.get("p_holm"),
                }
            )
    return found


def _spread(row: dict[str, Any], draws: list[Any], about: rows.About) -> float | None:
    if len(draws) < 2:
        return None
    target = Target(about.kind, about.threshold)
    values = [statistic(row["metric"], people, target, row["pooling"]).value for people in draws]
    return None if None in values else float(np.std(np.array(values, dtype=float), ddof=1))


def _cell(key: Key) -> dict[str, Any]:
    return {"adaptation": label(key), "rung": key[0], "labelled": key[1]}

"""More of the truth: the entries of `results.json` that say what a run's numbers are worth to whom.

Plain JSON. `of` stands for the keys system, adaptation, k of an adaptation: `none` and the first `MOST` others; `number`
for value, low, high, interval, n_participants, reason (a null value has a reason, and no limits). Numbers are the mean
over draws of labels; n_units are those of one draw. `probability` is "event_probability" (as predicted) or
"event_recalibrated" (on the training people). A row whose place cannot be told (a bin, a threshold, a metric) has null
there and a reason.

| entry | layout |
|---|---|
| schema | "wince-results/2" |
| event | name ("vas >= 4"), from (truth, or the code of the class, from here on), events, units, number (prevalence) |
| calibration | rows: of, probability, metric (brier brier_scaled calibration_intercept calibration_slope ece), number, n_units |
| reliability | rows, a bin each: of, probability, bin, from, to, predicted, number (share of events seen), n_units |
| decision | rows: of (null for the last two), probability (null for these), strategy (model, model_minus_treat_all, treat_all, treat_none), threshold (0.05 to 0.95), number (net benefit), called (share of units acted on), n_units |
| alarms | rows: of, metric (false_alarms_per_hour alarms_per_hour missed_episodes), number, n_units, alarms, false_alarms, episodes, missed, hours (all null where undefined) |
| prevalence | rows: of, metric (sensitivity specificity ppv npv), prevalence (null for the first two; 0.01 to 0.5), number, n_units |
| subgroups | columns: rows of column, definition (null for columns of the cohort), levels (rows of level, n_participants), missing (people tested of whom it is not known), reason (why there are no levels) · rows: of, column, level, metric, pooling, number, warning (fewer than 10 people, else null), difference (number: less all others of a known level; its n_participants are these others) |
| participants | metric (mae or error_rate) · adaptations: rows of · rows, one of each person: participant, units, events (null without an event), neutral_seconds (null if not used or not known), labels and error (lists, in the order of `adaptations`) · worst: rows of of, participants (at most ten, the worst first) · neutral_reason · reason (why single people have no interval) |
| missed | rows: of, definition, from, below (null: below the cut), number (share of high pain predicted too low), n_units (high units), missed (of them), by_person (rows of participant, n_units, missed) |
| sample_size | rows: of, metric, what (value, or difference to `none`), people (10 to 200), low, high, width (expected), between_people, n_participants, detectable (difference found with power 80 %; null for values), reason |
"""  # noqa: E501

from typing import Any

import pandas as pd

from personalize.protocols.plan import Plan
from pipelines.personalization import truth_events as events
from pipelines.personalization import truth_people as people
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.parts import parts_of
from pipelines.personalization.results import About

SCHEMA = "wince-results/2"


def truth_entries(predictions: pd.DataFrame, plan: Plan, inputs: Inputs, about: About) -> dict[str, Any]:
    """The entries of the table above, from a run's predictions."""
    parts = parts_of(predictions, plan, inputs, about)
    numbers = {key: people.numbers_of(parts, key) for key in parts.tables}
    return {
        "schema": SCHEMA,
        "event": events.event_entry(parts),
        "calibration": list(events.calibration_entry(parts)),
        "reliability": list(events.reliability_entry(parts)),
        "decision": list(events.decision_entry(parts)),
        "alarms": list(events.alarms_entry(parts)),
        "prevalence": list(events.prevalence_entry(parts)),
        "subgroups": people.subgroups(parts, numbers, plan, inputs.participants),
        "participants": people.participants(parts, plan),
        "missed": list(events.missed_entry(parts, float(plan.y.max()))),
        "sample_size": list(people.sample_size(numbers)),
    }

"""The protocols in which phantom people are filmed."""

from personalize.phantom.scenarios.cold_pressor import COLD_PRESSOR
from personalize.phantom.scenarios.dementia import DEMENTIA
from personalize.phantom.scenarios.episodes import EPISODES
from personalize.phantom.scenarios.shoulder import SHOULDER

SCENARIOS = {s.name: s for s in (EPISODES, COLD_PRESSOR, DEMENTIA, SHOULDER)}
"""By the name that `wince phantom` knows them by."""

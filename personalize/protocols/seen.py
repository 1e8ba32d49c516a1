"""What a fitted thing has seen: the record that the leak audit compares with the test."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if

from personalize.protocols.leakage import assert_disjoint
from personalize.protocols.units import read_units


class Seen(NamedTuple):
    """Names of the participants and of the units that something was fitted on."""

    participants: frozenset[str]
    units: frozenset[str]


def saw(units: Any) -> Seen:
    """The record of something that was fitted on these units (`groups`, as the protocols take them)."""
    table = read_units(units, who="the record of what was seen")
    return Seen(frozenset(map(str, table.participant)), frozenset(table.ids()))


def _has(method: str) -> Any:
    return lambda self: hasattr(self.estimator, method)


class Recorded(MetaEstimatorMixin, BaseEstimator):
    """Any scikit-learn estimator or transformer, with a record of what it was fitted on.

    Learned: `estimator_` (fitted clone), `seen_`.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None, *, groups: Any, held_out: Any = None) -> "Recorded":
        """Fits on the units `groups`; raises `LeakError` where one of them is among those held out."""
        seen = saw(groups)
        if held_out is not None:
            assert_disjoint(seen.units, saw(held_out).units, what="unit")
        estimator: Any = clone(self.estimator)
        self.estimator_ = estimator.fit(X, y)
        self.seen_ = seen
        return self

    def fit_transform(self, X: Any, y: Any = None, *, groups: Any, held_out: Any = None) -> Any:
        """Fits, then transforms the same units."""
        return self.fit(X, y, groups=groups, held_out=held_out).transform(X)

    @available_if(_has("transform"))
    def transform(self, X: Any) -> Any:
        """That of the estimator."""
        return self.estimator_.transform(X)

    @available_if(_has("predict"))
    def predict(self, X: Any) -> Any:
        """That of the estimator."""
        return self.estimator_.predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> Float[np.ndarray, "n c"]:
        """That of the estimator."""
        return self.estimator_.predict_proba(X)

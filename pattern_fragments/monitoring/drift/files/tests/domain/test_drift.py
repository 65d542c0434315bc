"""Drift on the real data: December is not June, and June's second half is June."""

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from __package__.columns import Columns, Encoder
from __package__.domain import data
from __package__.drift.bins import Bins, Values
from __package__.drift.calibration import limits_of
from __package__.drift.limits import DriftLimits
from __package__.feature_matrix import (
    LONGEST_WINDOW,
    feature_matrix,
    feature_names,
)
from __package__.feature_store.offline import point_in_time
from __package__.period import Period
from __package__.training.dataset import load
from __package__.training.reference import profile

JUNE = Period(*(datetime(2013, month, day, tzinfo=UTC) for month, day in ((6, 1), (7, 1), (7, 2))))
DECEMBER = datetime(2013, 12, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)


class June:
    """What a model trained on June would compare with: all but its predictions."""

    def __init__(self) -> None:
        dataset = load(JUNE)
        rows = dataset.is_train
        self.inputs = dataset.inputs
        self.names = feature_names(dataset.inputs)
        self.cuts, features = dataset.cuts[rows], dataset.features[rows]
        columns = {name: column[rows] for name, column in dataset.columns.items()}
        self.values = self.watched(columns, features)
        self.bins = Bins(
            profile(self.inputs, columns, self.names, features, self.values["prediction"])
        )
        self.limits: DriftLimits = limits_of(self.bins, self.values, self.cuts)

    def watched(self, columns: Columns, features: NDArray[np.float32]) -> Values:
        places = {name: features[:, place] for place, name in enumerate(self.names)}
        known = {
            column.name: columns[column.name]
            for column in self.inputs
            if column.type != "timestamp"
        }
        return {**places, **known, "prediction": np.zeros(len(features), np.float32)}

    def over(self, values: Values, days: int) -> set[str]:
        """What lies above its limit in a stretch of so many days."""
        psis = self.bins.psi(self.bins.count(values))
        return {
            name
            for name, psi in zip(self.bins.names, psis, strict=True)
            if (limit := self.limits.watched[name].limits(days).psi) is not None and psi > limit
        }


@pytest.fixture(scope="module")
def june() -> June:
    return June()


def test_the_second_half_of_june_has_not_drifted_from_june(june: June) -> None:
    half = june.cuts >= datetime(2013, 6, 16, tzinfo=UTC).timestamp()
    assert june.over({name: column[half] for name, column in june.values.items()}, 15) == set()


def test_december_has_drifted_from_june_in_its_weather_and_not_in_its_carriers(june: June) -> None:
    examples = data.examples(*DECEMBER)
    columns = Encoder(june.inputs).columns(
        {column.name: examples[column.name].to_list() for column in june.inputs}
    )
    events = data.events(DECEMBER[0] - LONGEST_WINDOW, DECEMBER[1])
    cuts = examples["asked_at"].dt.epoch("s").to_numpy()
    features = feature_matrix(columns, point_in_time(events, june.inputs, columns, cuts))
    over = june.over(june.watched(columns, features), 31)
    assert {"origin_temperature", "origin_pressure", "second_of_day"} <= over
    assert not {"carrier", "origin", "dest", "distance"} & over

"""Every value falls into one bin: numbers, categories, what is missing and what is unknown."""

import math

import numpy as np

from __package__.drift.bins import (
    MISSING,
    OTHERS,
    UNKNOWN,
    Bins,
    watched,
)
from __package__.signature import Signature
from __package__.training.reference import (
    Distribution,
    Frequencies,
    Reference,
)

VALUES = {
    "color": np.array([0, 0, 1, -1]),
    "size": np.array([0.5, 1.0, 2.5, np.nan], np.float32),
    "prediction": np.array([0.1, 0.5, 0.6, 0.7], np.float32),
}


def counts_of(bins: Bins, name: str) -> dict[str, int]:
    labels = [label for thing, label in bins.labels if thing == name]
    return dict(zip(labels, bins.count(VALUES)[bins.of(name)].tolist(), strict=True))


def test_a_number_falls_between_edges_and_a_missing_one_has_its_bin(bins: Bins) -> None:
    assert counts_of(bins, "size") == {"00": 1, "01": 1, "02": 1, MISSING: 1}


def test_a_category_has_its_bin_and_an_unknown_one_too(bins: Bins) -> None:
    assert counts_of(bins, "color") == {"red": 2, "green": 1, UNKNOWN: 1}


def test_the_rarer_ones_of_many_categories_share_a_bin() -> None:
    names = [f"c{number:02d}" for number in range(30)]
    part = Frequencies(names, list(range(30)), 7)
    reference = Reference(442, {"many": part}, {}, Distribution(0, [0.5], [1, 1]))
    bins = Bins(reference)
    own = [label for thing, label in bins.labels if thing == "many"]
    assert own[:2] == ["c29", "c28"]
    assert own[-2:] == [OTHERS, UNKNOWN]
    assert len(own) == 21
    assert bins.expected[bins.of("many")][-2:].tolist() == [sum(range(11)), 7]
    assert bins.count({"many": np.array([0, 29, -1])})[bins.of("many")][[0, -2, -1]].tolist() == [
        *(1, 1, 1),
    ]


def test_rows_are_counted_by_group_as_each_group_alone(bins: Bins) -> None:
    groups = np.array([0, 2, 2, 0])
    found = bins.count_by(VALUES, groups, 3)
    for group in range(3):
        alone = {name: column[groups == group] for name, column in VALUES.items()}
        assert found[group].tolist() == bins.count(alone).tolist()


def test_a_stuck_value_stands_in_the_commonest_bin_that_is_not_usual() -> None:
    parts = {
        "spread": Distribution(0, [1.0, 2.0], [40, 35, 25]),
        "dry": Distribution(0, [1.0, 2.0], [90, 8, 2]),
    }
    found = Bins(Reference(100, {}, parts, Distribution(0, [0.5], [50, 50])))
    stuck = {"spread": np.zeros(9), "dry": np.full(9, 1.5), "prediction": np.zeros(9)}
    assert found.stuck().tolist() == found.psi(found.count(stuck)).tolist()


def test_what_has_no_values_has_no_psi(bins: Bins) -> None:
    found = bins.psi(bins.count({"prediction": VALUES["prediction"]}))
    assert math.isnan(found[bins.names.index("color")])
    assert not math.isnan(found[bins.names.index("prediction")])


def test_inputs_features_and_predictions_are_watched(small: Signature) -> None:
    found = watched(
        small,
        {"color": VALUES["color"]},
        VALUES["size"][:, np.newaxis],
        VALUES["prediction"],
    )
    assert sorted(found) == ["color", "prediction", "size"]

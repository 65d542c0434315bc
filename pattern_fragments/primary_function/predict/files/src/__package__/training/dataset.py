"""The domain's data as training sees it: encoded, with features, split by time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..columns import Columns, Encoder
from ..domain import data
from ..domain.features import INPUTS
from ..feature_matrix import LONGEST_WINDOW, feature_matrix
from ..feature_store.offline import point_in_time
from ..period import Period
from ..signature import Input

MIN_OUTCOMES = 50
"""Fewer positive or negative outcomes on either side of the split tell nothing."""

KNOWN_SHARE = 0.003
"""A category of an open set is known when at least this share of the training rows has it. Rarer
ones are UNKNOWN here too, so that the model learns what to make of one."""


@dataclass(frozen=True)
class Dataset:
    """n examples in order of time, with their features as of their cut."""

    inputs: tuple[Input, ...]
    """With the categories that are known from the training rows."""
    columns: Columns
    features: NDArray[np.float32]
    labels: NDArray[np.float64]
    cuts: NDArray[np.int64]
    is_train: NDArray[np.bool_]
    is_test: NDArray[np.bool_]
    events: Mapping[str, pl.DataFrame]

    @property
    def fingerprint(self) -> str:
        """A hash of all that the model learns from and is tested on."""
        digest = hashlib.sha256()
        for values in (self.features, self.labels, self.cuts, self.is_train, self.is_test):
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()


def load(period: Period) -> Dataset:
    """Read, encode and split; raises ValueError when the data cannot carry a model."""
    examples = data.examples(period.start, period.end)
    # A row whose outcome came in after the split could not have been learnt from at the split.
    is_train = (examples["labelled_at"] < period.split).to_numpy()
    inputs = tuple(_with_categories(column, examples.filter(is_train)) for column in INPUTS)
    columns = Encoder(inputs).columns(
        {column.name: examples[column.name].to_list() for column in inputs}
    )
    cuts = examples["asked_at"].dt.epoch("s").to_numpy()
    is_test = cuts >= period.split.timestamp()
    labels = examples["label"].to_numpy()
    _check_outcomes({"training": labels[is_train], "test": labels[is_test]})
    events = data.events(period.start - LONGEST_WINDOW, period.end)
    return Dataset(
        inputs=inputs,
        columns=columns,
        features=feature_matrix(columns, point_in_time(events, inputs, columns, cuts)),
        labels=labels,
        cuts=cuts,
        is_train=is_train,
        is_test=is_test,
        events=events,
    )


def _with_categories(column: Input, examples: pl.DataFrame) -> Input:
    """An open category learns its values from the training rows."""
    if column.type != "category" or column.categories:
        return column
    counts = examples[column.name].value_counts()
    known = counts.filter(pl.col("count") >= KNOWN_SHARE * len(examples))
    return msgspec.structs.replace(column, categories=tuple(known[column.name].sort().to_list()))


def _check_outcomes(parts: Mapping[str, NDArray[np.float64]]) -> None:
    for name, labels in parts.items():
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) < MIN_OUTCOMES:
            raise ValueError(
                f"the {name} period holds {positives} positive outcomes in {len(labels)} rows:"
                f" at least {MIN_OUTCOMES} of either kind are needed"
            )

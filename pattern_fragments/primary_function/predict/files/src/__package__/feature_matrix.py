"""The one place where the model's matrix is put together, for training and serving alike."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Encoder
from .domain.features import ENTITY_FEATURES, request_features
from .feature_definition import EntityFeature
from .signature import Input

ENTITIES: Mapping[str, tuple[EntityFeature, ...]] = {
    entity: tuple(features)
    for entity, features in groupby(
        sorted(ENTITY_FEATURES, key=attrgetter("entity")), key=attrgetter("entity")
    )
}
"""The features of each entity, in matrix order."""

LONGEST_WINDOW = timedelta(seconds=max((feature.window for feature in ENTITY_FEATURES), default=0))
"""No feature looks back further than this."""


def feature_names(inputs: Sequence[Input]) -> tuple[str, ...]:
    """The names of the matrix's columns: first the request's features, then the entities'."""
    example = Encoder(inputs).rows([{column.name: column.example for column in inputs}])
    of_entities = [feature.name for features in ENTITIES.values() for feature in features]
    return (*request_features(example), *of_entities)


def feature_matrix(
    columns: Columns, entities: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The features of n rows, float32[n, k]; `entities` has the rows of each of ENTITIES."""
    request = request_features(columns)
    blocks = [entities[entity] for entity in ENTITIES]
    start = len(request)
    width = start + sum(block.shape[1] for block in blocks)
    matrix = np.empty((len(next(iter(columns.values()))), width), np.float32)
    for position, values in enumerate(request.values()):
        matrix[:, position] = values
    for block in blocks:
        stop = start + block.shape[1]
        matrix[:, start:stop] = block
        start = stop
    return matrix

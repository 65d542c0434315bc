"""The one place where the model's matrix is put together, for training and serving alike."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, Encoder
from .domain.features import ENTITY_FEATURES, request_features
from .feature_definition import EntityFeature
from .signature import Input, Signature

ENTITIES: Mapping[str, tuple[EntityFeature, ...]] = {
    entity: tuple(features)
    for entity, features in groupby(
        sorted(ENTITY_FEATURES, key=attrgetter("entity")), key=attrgetter("entity")
    )
}
"""The features of each entity, in matrix order."""

LONGEST_WINDOW = timedelta(seconds=max((feature.window for feature in ENTITY_FEATURES), default=0))
"""No feature looks back further than this."""

CACHED_ROWS = 8192
"""So many rows are filled together: each column touches every row, and these stay in the cache."""


def feature_names(inputs: Sequence[Input]) -> tuple[str, ...]:
    """The names of the matrix's columns: first the request's features, then the entities'."""
    example = Encoder(inputs).rows([{column.name: column.example for column in inputs}])
    of_entities = [feature.name for features in ENTITIES.values() for feature in features]
    return (*request_features(example), *of_entities)


def check_features(signature: Signature) -> None:
    """Raise ValueError when the code defines other features than the model was trained on."""
    if feature_names(signature.inputs) != signature.features:
        raise ValueError(
            f"model {signature.version} was trained on other features than the code defines:"
            " train again"
        )


def feature_matrix(
    columns: Columns, entities: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """The features of n rows, float32[n, k]; `entities` has the rows of each of ENTITIES."""
    request = list(request_features(columns).values())
    blocks = [entities[entity] for entity in ENTITIES]
    rows = len(next(iter(columns.values())))
    width = len(request) + sum(block.shape[1] for block in blocks)
    matrix = np.empty((rows, width), np.float32)
    if rows <= CACHED_ROWS:
        _fill(matrix, request, blocks)
    else:
        for first in range(0, rows, CACHED_ROWS):
            some = slice(first, first + CACHED_ROWS)
            _fill(
                matrix[some],
                [values[some] for values in request],
                [block[some] for block in blocks],
            )
    return matrix


def _fill(
    matrix: NDArray[np.float32],
    request: Sequence[NDArray[Any]],
    blocks: Sequence[NDArray[np.float32]],
) -> None:
    """Write the columns of the request's features, then those of the entities', side by side."""
    for position, values in enumerate(request):
        matrix[:, position] = values
    start = len(request)
    for block in blocks:
        stop = start + block.shape[1]
        matrix[:, start:stop] = block
        start = stop

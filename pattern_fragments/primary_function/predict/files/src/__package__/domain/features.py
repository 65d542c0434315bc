"""The features: what a request brings, and what is known of its entities at that moment.

Serving imports this file: numpy only. It must provide

- INPUTS and OUTPUT: what a caller sends, and the meaning of the answer;
- request_features(columns): the features that the request alone gives, by name;
- ENTITY_FEATURES: those that come from an entity's history in the tables of `data.events`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..feature_definition import EntityFeature
from ..signature import Input, Output

HOUR = 3600
DAY = 24 * HOUR

EARLIEST, LATEST = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
"""Times outside of this are slips of the caller, not flights."""

INPUTS = (
    Input(
        name="carrier",
        type="category",
        description="Airline, as its two-letter IATA code",
        example="UA",
        accepts_unknown=True,
        pattern="^[A-Z0-9]{2}$",
    ),
    Input(
        name="origin",
        type="category",
        description="Airport of departure, as its IATA code",
        example="EWR",
        categories=("EWR", "JFK", "LGA"),
    ),
    Input(
        name="dest",
        type="category",
        description="Airport of arrival, as its IATA code",
        example="IAH",
        accepts_unknown=True,
        pattern="^[A-Z]{3}$",
    ),
    Input(
        name="scheduled_departure",
        type="timestamp",
        description="When the flight is to leave the gate",
        example="2013-07-01T08:15:00-04:00",
        earliest=EARLIEST,
        latest=LATEST,
    ),
    Input(
        name="scheduled_arrival",
        type="timestamp",
        description="When the flight is to reach the gate",
        example="2013-07-01T10:45:00-05:00",
        earliest=EARLIEST,
        latest=LATEST,
    ),
    Input(
        name="distance",
        type="number",
        description="Distance between the two airports",
        example=1400,
        unit="miles",
        minimum=1,
        maximum=12_000,
    ),
)

OUTPUT = Output("probability", "Probability that the flight arrives more than 15 minutes late")


def request_features(columns: Columns) -> Mapping[str, NDArray[Any]]:
    """The features that the request alone gives: arrays of n values, by name."""
    departure = columns["scheduled_departure"]
    standard = departure - 5 * HOUR  # New York without summer time: every day has 24 hours
    return {
        "carrier": _code(columns["carrier"]),
        "origin": columns["origin"],
        "dest": _code(columns["dest"]),
        "distance": columns["distance"],
        "second_of_day": standard % DAY,
        "weekday": standard // DAY % 7,
        "scheduled_seconds": columns["scheduled_arrival"] - departure,
    }


def _code(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Codes with NaN for the unknown: to the trees it is missing, and no neighbour of any code."""
    return np.where(codes == UNKNOWN, np.nan, codes)


def _late_share(entity: str, hours: int) -> EntityFeature:
    name = f"{entity}_late_share_{hours}h"
    return EntityFeature(name, entity, "arrivals", "late", "mean", hours * HOUR)


def _weather(value: str) -> EntityFeature:
    return EntityFeature(f"origin_{value}", "origin", "weather", value, "last", 6 * HOUR)


ENTITY_FEATURES = (
    _late_share("origin", 3),
    _late_share("origin", 24),
    _late_share("origin", 168),
    _weather("wind_speed"),
    _weather("visibility"),
    _weather("precipitation"),
    _weather("pressure"),
    _weather("temperature"),
    _weather("humidity"),
    _late_share("carrier", 3),
    _late_share("carrier", 24),
    _late_share("carrier", 168),
    _late_share("dest", 3),
    _late_share("dest", 24),
    _late_share("dest", 168),
)

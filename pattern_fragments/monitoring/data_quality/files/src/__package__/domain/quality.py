"""What a good row is: checked before training, and on what the service is asked.

Serving imports this file: pandera and polars only. It must provide

- SCHEMA: the columns and the checks. A row has the inputs, `asked_at`, and the features that are no
  input; null stands for a category that the model does not know, and for a missing feature;
- MOST_FAILING: training refuses data of which a larger share fails any one check.
"""

import pandera.polars as pa
import polars as pl

from ..data_quality.checks import check

MOST_FAILING = 0.02

MOMENT = pl.Datetime("us", "UTC")

_departure, _arrival = pl.col("scheduled_departure"), pl.col("scheduled_arrival")
_hours = (_arrival - _departure).dt.total_minutes() / 60
_ahead = _departure - pl.col("asked_at")

SCHEMA = pa.DataFrameSchema(
    {
        "carrier": pa.Column(pl.String, nullable=True),
        "origin": pa.Column(pl.String, nullable=True),
        "dest": pa.Column(pl.String, nullable=True),
        "scheduled_departure": pa.Column(MOMENT),
        "scheduled_arrival": pa.Column(MOMENT),
        "distance": pa.Column(pl.Float64),
        "asked_at": pa.Column(MOMENT),
        "origin_temperature": pa.Column(pl.Float32, nullable=True),
        "origin_late_share_24h": pa.Column(pl.Float32, nullable=True),
    },
    checks=[
        check("completeness", "the carrier is known", pl.col("carrier").is_not_null()),
        check("completeness", "the weather is known", pl.col("origin_temperature").is_not_null()),
        check(
            "completeness",
            "the airport's last day is known",
            pl.col("origin_late_share_24h").is_not_null(),
        ),
        check("consistency", "it flies somewhere else", pl.col("origin") != pl.col("dest")),
        check("consistency", "it arrives after its departure", _arrival > _departure),
        # Gate to gate in miles per hour: short flights taxi longer than they fly.
        check(
            "consistency",
            "its speed is possible",
            (pl.col("distance") / _hours).is_between(40, 650) | (_hours <= 0),
        ),
        check("timeliness", "it has not left yet", _ahead >= pl.duration(hours=0)),
        check("timeliness", "it leaves within a year", _ahead <= pl.duration(days=365)),
        check("validity", "the distance is flown", pl.col("distance").is_between(60, 6000)),
        check("validity", "it lasts less than a day", _hours < 24),
    ],
)

"""The rows to try the service with are rows that a caller would send."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest

from __package__.columns import Encoder
from __package__.domain.sample import DAYS, rows
from __package__.signature import Signature


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_every_row_is_accepted_and_named(day: date, signature: Signature) -> None:
    start = datetime.combine(day, time(), UTC)
    found = rows(start, start + timedelta(days=1))
    assert len(found) > 500
    assert found["key"].is_unique().all()
    assert found["scheduled_departure"].is_between(start, start + timedelta(days=1)).all()
    sent = msgspec.json.decode(msgspec.json.encode(found.drop("key").to_dicts()))
    encoded = Encoder(signature.inputs).rows(sent)
    assert {len(column) for column in encoded.values()} == {len(found)}

"""Events as CloudEvents 1.0 in structured JSON: what comes in, and the predictions that go out.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec

CONTENT_TYPE = "application/cloudevents+json"
PREDICTION_TYPE = "prediction"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class MalformedEvent(ValueError):  # noqa: N818 - the word of the field
    """The bytes are no CloudEvent; the message says why."""


class Event(msgspec.Struct, frozen=True):
    """An event that asks for a prediction; `data` is one row of the model's inputs, by name."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    data: dict[str, Any]
    time: datetime | None = None

    @property
    def prediction_id(self) -> str:
        """The same for the same event, however often and wherever it is scored."""
        name = msgspec.json.encode((self.source, self.id))
        return blake2b(name, digest_size=16).hexdigest()

    def seconds(self) -> float | None:
        """When it happened, in seconds since 1970 UTC; None when the event does not say."""
        if self.time is None:
            return None
        moment = self.time if self.time.tzinfo else self.time.replace(tzinfo=UTC)
        return moment.timestamp()


class Prediction(msgspec.Struct, frozen=True):
    """The data of a prediction's event."""

    prediction_id: str
    event_id: str
    event_source: str
    output: str
    value: float
    model_name: str
    model_version: str


class PredictionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction as a CloudEvent; its id follows from the event's source and id."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str = PREDICTION_TYPE
    time: datetime
    datacontenttype: str = "application/json"
    data: Prediction


_decoder = msgspec.json.Decoder(Event)
encode = msgspec.json.Encoder().encode
"""An event as bytes of JSON."""


def decode(body: bytes, max_bytes: int) -> Event:
    """The event in a message; raises MalformedEvent."""
    if len(body) > max_bytes:
        raise MalformedEvent(f"has {len(body)} bytes, but at most {max_bytes} are taken")
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedEvent(f"is no CloudEvent 1.0 in JSON: {error}") from None
    except RecursionError:
        raise MalformedEvent("is nested too deeply") from None

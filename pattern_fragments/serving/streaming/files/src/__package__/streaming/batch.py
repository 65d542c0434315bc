"""From delivered messages to predictions: decoded, checked and scored together, judged apart."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from ..columns import Columns, InvalidInput, Problem
from ..observer import Scored
from ..scoring import score_valid
from ..service import Service
from .broker import Message, Outgoing
from .dead_letters import Reason
from .events import (
    CONTENT_TYPE,
    Event,
    MalformedEvent,
    Prediction,
    PredictionEvent,
    decode,
    encode,
)

logger = logging.getLogger(__name__)


class Asked(NamedTuple):
    """A message and the event in it."""

    message: Message
    event: Event


class Hopeless(NamedTuple):
    """A message that no further try will help."""

    message: Message
    reason: Reason
    detail: str


@dataclass(slots=True)
class Outcome:
    """What became of each message of a batch: it stands in one of the three lists."""

    answered: list[Asked] = field(default_factory=list)
    hopeless: list[Hopeless] = field(default_factory=list)
    failed: list[tuple[Message, Exception]] = field(default_factory=list)
    predictions: list[Outgoing] = field(default_factory=list)
    """One for each of `answered`, in its order."""
    scored: list[Scored] = field(default_factory=list)


class EventScorer:
    """Scores the events of a batch in one call of the model."""

    def __init__(self, service: Service) -> None:
        self._signature = service.signature
        self._scorer = service.scorer
        self._max_bytes = service.settings.max_event_bytes

    def score(self, messages: Sequence[Message]) -> Outcome:
        """Score n messages; nothing that a message holds makes this raise."""
        outcome = Outcome()
        asked = []
        for message in messages:
            try:
                asked.append(Asked(message, decode(message.body, self._max_bytes)))
            except MalformedEvent as error:
                outcome.hopeless.append(Hopeless(message, "malformed", str(error)))
        if asked:
            self._score(asked, outcome)
        return outcome

    def _score(self, asked: list[Asked], outcome: Outcome) -> None:
        """Score all at once; when that fails, look for the one event that is to blame."""
        error = self._attempt(asked, outcome)
        while error and len(asked) > 1:
            half = len(asked) // 2
            left, right = asked[:half], asked[half:]
            if self._attempt(left, outcome) is None:
                # The rest is tried whole, unless it is only one: then it is to blame.
                asked, error = right, self._attempt(right, outcome)
            elif self._attempt(right, outcome) is None:
                asked = left
            else:
                # No single event is to blame. Each is tried again later, alone.
                break
        if error:
            logger.warning("scoring failed", extra={"events": len(asked)}, exc_info=error)
            outcome.failed += [(message, error) for message, _ in asked]

    def _attempt(self, asked: list[Asked], outcome: Outcome) -> Exception | None:
        """Score events in one call; the error when that raises one, and then no other effect."""
        try:
            valid, invalid, columns = self._encode(asked)
            scored = None
            if valid:
                ids = [event.prediction_id for _, event in valid]
                scored, refused = score_valid(self._scorer, columns, ids)
                invalid += [_invalid(valid[row], problems) for row, problems in refused.items()]
                valid = [one for row, one in enumerate(valid) if row not in refused]
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the consumer
            return error
        outcome.hopeless += invalid
        if scored:
            outcome.answered += valid
            outcome.predictions += self._predictions(valid, scored)
            outcome.scored.append(scored)
        return None

    def _encode(self, asked: list[Asked]) -> tuple[list[Asked], list[Hopeless], Columns]:
        """The events whose rows are right, the others with their reasons, and the columns."""
        valid, invalid = asked, list[Hopeless]()
        while valid:
            try:
                return valid, invalid, self._scorer.encode_rows([event.data for _, event in valid])
            except InvalidInput as error:
                refused: dict[int | None, list[Problem]] = {}
                for problem in error.problems:
                    refused.setdefault(problem.row, []).append(problem)
                invalid += [
                    _invalid(valid[row], problems)
                    for row, problems in refused.items()
                    if row is not None
                ]
                valid = [one for row, one in enumerate(valid) if row not in refused]
        return valid, invalid, {}

    def _predictions(self, asked: list[Asked], scored: Scored) -> list[Outgoing]:
        now = datetime.now(UTC)
        signature = self._signature
        headers = {"content-type": CONTENT_TYPE}
        return [
            Outgoing(
                key,
                encode(
                    PredictionEvent(
                        id=key,
                        source=signature.name,
                        time=now,
                        data=Prediction(
                            prediction_id=key,
                            event_id=event.id,
                            event_source=event.source,
                            output=signature.output.name,
                            value=value,
                            model_name=signature.name,
                            model_version=scored.version,
                        ),
                    )
                ),
                headers,
            )
            for key, (_, event), value in zip(
                scored.ids, asked, scored.predictions.tolist(), strict=True
            )
        ]


def _invalid(asked: Asked, problems: Sequence[Problem]) -> Hopeless:
    texts = [f"{problem.field} {problem.reason}" for problem in problems]
    return Hopeless(asked.message, "invalid_input", "; ".join(texts))

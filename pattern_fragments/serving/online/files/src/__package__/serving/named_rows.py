"""`POST /predict`: rows of named fields, one object or a list of them."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from ..columns import InvalidInput, Problem
from ..scoring import Scorer
from ..signature import Signature
from .refusal import Headers, Refusal, as_json, invalid
from .scoring_endpoint import JSON, Answer
from .strict_json import DuplicateKeyError, MalformedJsonError, decode

UNPROCESSABLE = 422


class NamedRows:
    """Rows in, predictions out, each with its id."""

    content_types = frozenset({JSON})
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, signature: Signature, scorer: Scorer, max_rows: int) -> None:
        self._model = signature.name
        self._output = signature.output.name
        self._scorer = scorer
        self._max_rows = max_rows

    def answer(self, body: bytes, headers: Headers) -> Answer:  # noqa: ARG002 - an Interface
        """Answer one row or many; raises Refusal."""
        try:
            scored = self._scorer.score(self._scorer.encode_rows(self._rows(body)))
        except InvalidInput as error:
            raise invalid(error, UNPROCESSABLE) from None
        predictions = [
            {"prediction_id": scored.prediction_id(row), self._output: value}
            for row, value in enumerate(scored.predictions.tolist())
        ]
        answer = {
            "model_name": self._model,
            "model_version": scored.version,
            "predictions": predictions,
        }
        return Answer(scored, msgspec.json.encode(answer))

    def refusal(self, refusal: Refusal) -> bytes:
        """The body that tells a caller why there is no answer."""
        return as_json(refusal)

    def _rows(self, body: bytes) -> list[dict[str, object]]:
        try:
            value = decode(body)
        except MalformedJsonError as error:
            raise Refusal(400, "malformed", str(error)) from None
        except DuplicateKeyError as error:
            row = next((step for step in error.path if isinstance(step, int)), 0)
            problem = Problem(row, str(error.path[-1]), "is given twice")
            raise invalid(InvalidInput([problem]), 400) from None
        rows = [value] if isinstance(value, dict) else value
        if not isinstance(rows, list) or not rows:
            raise Refusal(
                UNPROCESSABLE,
                "invalid_input",
                "The body must be an object, or a list of at least one object.",
            )
        if len(rows) > self._max_rows:
            raise Refusal(
                413,
                "too_many_rows",
                f"The body holds {len(rows)} rows; {self._max_rows} are allowed.",
            )
        strangers = [
            Problem(number, "", "must be an object with named fields")
            for number, row in enumerate(rows)
            if not isinstance(row, dict)
        ]
        if strangers:
            raise InvalidInput(strangers)
        return rows

"""Why a request gets no prediction, in the words of HTTP and in words for the caller."""

from collections.abc import Mapping, Sequence

import msgspec

from ..columns import InvalidInput, Problem

_LONGEST_MESSAGE = 300
_LONGEST_NAME = 100

Headers = Mapping[bytes, bytes]


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    """Ends a request with an HTTP status of 400 or more.

    `reason` is a stable short label for metrics, `message` one sentence for the caller, `problems`
    name the rows and fields that are wrong.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        headers: Headers | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message[:_LONGEST_MESSAGE]
        self.problems = problems
        self.headers = headers or {}


def invalid(error: InvalidInput, status: int) -> Refusal:
    """The refusal of rows that do not fit the signature."""
    count = len(error.problems)
    rest = "" if count == 1 else f" (and {count - 1} more)"
    return Refusal(status, error.reason, f"{error}{rest}.", problems=error.problems)


def as_json(refusal: Refusal) -> bytes:
    """The body of a refused request: {"error": {"message": ..., "problems": [...]}}."""
    problems = [
        {
            "row": problem.row,
            "field": problem.field[:_LONGEST_NAME] or None,
            "reason": problem.reason,
        }
        for problem in refusal.problems
    ]
    return msgspec.json.encode({"error": {"message": refusal.message, "problems": problems}})


def as_protocol_json(refusal: Refusal) -> bytes:
    """The body of a refused request in the Open Inference Protocol: {"error": ...}."""
    return msgspec.json.encode({"error": refusal.message})

"""How old an event is when its prediction is out, whatever its producer says about it.

What the producer says is believed where it can be true. An event cannot be younger than its stay
in the broker: so none hides from the objective for being late by a time that is missing, or in the
future, or by the header of a replay.
"""

from .batch import Asked
from .dead_letters import REPLAYED

AHEAD_S = 300.0
"""A clock that is further ahead is wrong."""
LONGEST_S = 366 * 86400.0
"""An event that says it is older has a wrong time."""


def age_s(asked: Asked, now: float) -> float | None:
    """Seconds since it happened, or arrived, whichever was first; None when nobody knows.

    Of an event that was replayed only the arrival counts: before it lay in the dead letters.
    """
    message, event = asked
    said = None if REPLAYED in message.headers else event.seconds()
    moments = [
        moment
        for moment in (said, message.arrived)
        if moment is not None and _is_plausible(moment, now)
    ]
    return max(0.0, now - min(moments)) if moments else None


def has_wrong_time(asked: Asked, now: float) -> bool:
    """Whether the event says that it happened when it cannot have."""
    moment = asked.event.seconds()
    return moment is not None and not _is_plausible(moment, now)


def _is_plausible(moment: float, now: float) -> bool:
    return now - LONGEST_S <= moment <= now + AHEAD_S

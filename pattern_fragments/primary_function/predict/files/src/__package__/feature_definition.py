"""How an entity's history becomes a feature: declared once, computed by the feature store."""

from typing import Literal, NamedTuple


class EntityFeature(NamedTuple):
    """One statistic of the events of an entity, over a window that ends at the cut.

    An event counts from the moment it became *available*, not from when it happened: with the
    cut t, the window holds the events with t - window < available_at <= t.
    `mean` is their mean value, `count` their number, `last` the newest value. Without an event, and
    for an entity that training has not seen, `mean` and `last` are NaN and `count` is 0.
    """

    name: str
    entity: str
    """The category input whose value names the entity, and the column of the events that does."""
    events: str
    """Which of the domain's event tables."""
    value: str
    """The column of the events that is summed up."""
    statistic: Literal["mean", "count", "last"]
    window: int
    """Seconds."""

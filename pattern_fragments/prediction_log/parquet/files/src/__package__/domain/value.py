"""What a prediction is worth: when somebody acts on it, what that costs, and for whom to look.

It must provide

- DECISION: from which probability on somebody acts, and the cost of each outcome;
- SEGMENTS: the inputs by whose values the model is to be as good for one as for another.
"""

from ..terms import Decision, Segment

DECISION = Decision(
    threshold=0.25,
    unit="EUR",
    true_positive=10.0,
    false_positive=10.0,
    true_negative=0.0,
    false_negative=40.0,
)
"""Who is told of a delay holds a connection or a crew ready: 10 euros. An arrival that is late and
unprepared costs 40."""

SEGMENTS = (
    Segment("origin", largest_gap=0.15),
    Segment("carrier", largest_gap=0.3),
)
"""Airlines differ much in how often they are late, and so in how often somebody acts."""

"""The terms in which the team says what its predictions are worth."""

import msgspec
import numpy as np
from numpy.typing import NDArray


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody acts when the prediction is at least `threshold`.

    The other values are what one prediction costs in the end, in `unit`, by what was predicted and
    what came: acted and it came (`true_positive`), acted in vain (`false_positive`), and so on.
    """

    threshold: float
    unit: str
    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float

    @property
    def break_even(self) -> float:
        """The probability from which on acting costs less: the best threshold, if calibrated.

        Elkan (2001), The foundations of cost-sensitive learning, equation 2.
        """
        in_vain = self.false_positive - self.true_negative
        in_need = self.false_negative - self.true_positive
        return in_vain / (in_vain + in_need)


class Segment(msgspec.Struct, frozen=True):
    """An input by whose values the predictions are compared."""

    name: str
    """Of a category input that is not personal: those are in no log."""
    largest_gap: float
    """Between the true positive rates of two values, from 0 to 1; of more an alert tells."""


def costs(
    labels: NDArray[np.float64], acted: NDArray[np.bool_], decision: Decision
) -> NDArray[np.float64]:
    """What each of n predictions cost in the end, float64[n]."""
    came = labels == 1
    return np.select(
        [acted & came, acted, came],
        [decision.true_positive, decision.false_positive, decision.false_negative],
        decision.true_negative,
    )

"""What is fixed before an experiment begins, so that nothing is chosen after its results."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Annotated

import msgspec

from ..model_folder import write_atomically
from .assignment import CHALLENGER, CONTROL
from .metric import Margins, Positive

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An experiment between two versions of the model."""

    made_at: Moment
    start: Moment
    """The experiment begins then, whatever is in the logs: nothing from before belongs to it."""
    control: str
    """The version of the model that everybody else gets."""
    challenger: str
    """The version that may take its place."""
    salt: str
    """Makes assignment and pseudonyms those of this plan; it is no secret."""
    share: Share
    """Of the units that get the challenger."""
    metric: str
    unit: str
    lower_is_better: bool
    baseline: float
    """The metric of the control in the past."""
    deviation: Positive
    """Its standard deviation between units, over as many days as the experiment takes."""
    effect: Positive
    """The smallest difference that is worth finding, in the unit of the metric."""
    alpha: Share
    """How often no difference may be taken for one."""
    power: Share
    """How often a challenger that is better by `effect`, and in all else alike, is shipped."""
    units: Annotated[int, msgspec.Meta(ge=4)]
    """So many units are needed, of both arms together."""
    days: Positive
    """The horizon: from the start on, and no day less. Only then the metric is judged."""
    asked_days: Annotated[int, msgspec.Meta(ge=1)]
    """On so many of as many days somebody asked in the past."""
    outcome_delay_h: Annotated[float, msgspec.Meta(ge=0)]
    """After the last day it is waited so long for outcomes."""
    guardrails: Margins
    """What must not become worse, and by how much it may, surely."""
    guardrail_alpha: Share
    """Of one guardrail; divided by `looks`, and by Holm's method, before it ends an experiment."""

    @property
    def id(self) -> str:
        """Tells its exposures from those of another plan."""
        return blake2b(self.salt.encode(), digest_size=8).hexdigest()

    @property
    def shares(self) -> Mapping[str, float]:
        """The share of each arm."""
        return {CONTROL: 1 - self.share, CHALLENGER: self.share}

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of each arm."""
        return {CONTROL: self.control, CHALLENGER: self.challenger}

    @property
    def looks(self) -> int:
        """So often the guardrails are looked at: after each day, and when the metric is."""
        return math.ceil(self.days) + 1

    @property
    def end(self) -> datetime:
        """Until then exposures count."""
        return self.start + timedelta(days=self.days)

    @property
    def due(self) -> datetime:
        """From then on the metric may be judged."""
        return self.end + timedelta(hours=self.outcome_delay_h)

    def look(self, moment: datetime) -> datetime | None:
        """The look that counts at a moment: the end of a whole day, and in the end the last one.

        Whoever looks in between, or again later, sees the same. None before the first day is over.
        """
        if moment >= self.due:
            return self.due
        days = (moment - self.start).days
        return min(self.start + timedelta(days=days), self.end) if days > 0 else None

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read a plan; raises FileNotFoundError or ValueError."""
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is no plan of an experiment: make one with the command `experiment plan`"
            )
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} is no plan of an experiment: {error}") from error

    def write(self, path: Path) -> None:
        """Write the plan; raises ValueError when there is one already."""
        if path.exists():
            raise ValueError(
                f"{path} is there already, and a plan is not changed once it is made: move it away"
                " with the log of its exposures to begin another experiment"
            )
        write_atomically(path, msgspec.json.format(msgspec.json.encode(self)) + b"\n")

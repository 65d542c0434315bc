"""What a version of the service has done, as its /metrics tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from ..metrics import SERVICE_FAULTS


@dataclass(frozen=True)
class Figures:
    """Counts since the process started, or between two scrapes."""

    answered: float = 0
    failed: float = 0
    """Requests refused through the service's own fault."""

    refused: float = 0
    """Requests refused for any other reason."""

    slow: float = 0
    """Of those answered."""

    values: Mapping[float, float] = field(default_factory=dict)
    """Predictions up to each bound of a bucket, the last of which, infinity, holds all."""

    restarts: float = 0
    """So often the process was started anew."""

    @property
    def asked(self) -> float:
        """Answered, or failed: what was right to ask."""
        return self.answered + self.failed

    @property
    def received(self) -> float:
        """Whatever became of it."""
        return self.asked + self.refused

    def since(self, before: "Figures") -> "Figures":
        """What came after an earlier scrape of the same process."""
        return Figures(
            answered=self.answered - before.answered,
            failed=self.failed - before.failed,
            refused=self.refused - before.refused,
            slow=self.slow - before.slow,
            values={
                bound: count - before.values.get(bound, 0) for bound, count in self.values.items()
            },
            restarts=self.restarts - before.restarts,
        )


def read(text: str, slow_after: str) -> Figures:
    """The figures in the text of a scrape; `slow_after` is the bound of a bucket, in seconds."""
    answered = failed = refused = in_time = 0.0
    values: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            match family.name, sample.name.removeprefix(family.name):
                case "prediction_duration_seconds", "_count":
                    answered += sample.value
                case "prediction_duration_seconds", "_bucket":
                    in_time += sample.value if sample.labels["le"] == slow_after else 0
                case "requests_refused", "_total" if sample.labels["reason"] in SERVICE_FAULTS:
                    failed += sample.value
                case "requests_refused", "_total":
                    refused += sample.value
                case "predicted_value", "_bucket":
                    values[float(sample.labels["le"])] = sample.value
    return Figures(answered, failed, refused, answered - in_time, values)

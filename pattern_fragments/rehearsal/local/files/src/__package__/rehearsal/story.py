"""What happened in a rehearsal: told as it happens, then written down."""

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from .answers import Answer, Judged
from .plot import draw


class Step(msgspec.Struct, frozen=True):
    """Something happened, so many seconds after the start."""

    seconds: float
    text: str


class Story:
    """Steps with their time since the start, and how it ended.

    `folder` is that of one rehearsal, data/rehearsal/STRATEGY/CANDIDATE.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self._folder = folder
        self._title = title
        self._started = time.monotonic()
        self._steps: list[Step] = []
        self._promoted: bool | None = None
        self._verdict = self._why = ""
        _say(f"\n{title}")

    def step(self, text: str) -> None:
        """Tell what happens now."""
        step = Step(round(self.seconds(), 3), text)
        self._steps.append(step)
        _say(f"{step.seconds:7.1f} s  {text}")

    def outcome(self, promoted: bool, why: str, verdict: str = "") -> None:
        """Tell how it ended, with the reason in one sentence.

        `verdict` is for an end that is neither of the two, such as to wait for a person.
        """
        self._promoted, self._why = promoted, why
        self._verdict = verdict or ("promoted" if promoted else "not promoted")
        self.step(f"{self._verdict}: {why}")

    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self._started

    def write(
        self,
        answers: Sequence[Answer],
        table: Sequence[Mapping[str, object]],
        judged: Judged | None = None,
    ) -> None:
        """Write report.md, outcome.json and plot.svg; raises ValueError before there is an outcome.

        `table` has a row for each line of the report's table, with the same columns in each.
        Without answers there is no plot.
        """
        if self._promoted is None:
            raise ValueError("the story has no outcome yet")
        self._folder.mkdir(parents=True, exist_ok=True)
        versions = Counter(answer.version for answer in answers if answer.version)
        outcome = {
            "title": self._title,
            "promoted": self._promoted,
            "verdict": self._verdict,
            "why": self._why,
            "counts": asdict(judged) if judged else {},
            "answers": dict(sorted(versions.items())),
            "steps": self._steps,
        }
        content = msgspec.json.format(msgspec.json.encode(outcome)) + b"\n"
        (self._folder / "outcome.json").write_bytes(content)
        if answers:
            draw(self._folder / "plot.svg", answers, self._started, self._marks())
        report = self._report(bool(answers), table, judged)
        (self._folder / "report.md").write_text(report, encoding="utf-8")
        _say(f"Read {self._folder / 'report.md'}")

    def _marks(self) -> list[float]:
        return [step.seconds for step in self._steps]

    def _report(
        self, is_drawn: bool, table: Sequence[Mapping[str, object]], judged: Judged | None
    ) -> str:
        parts = [f"# {self._title}", f"**{self._verdict}**: {self._why}"]
        if judged:
            parts.append(
                f"{judged.answered:,} requests were answered, {judged.refused:,} refused,"
                f" {judged.lost:,} lost, and {judged.wrong:,} answered wrongly."
            )
        if table:
            parts.append(as_markdown(table))
        if is_drawn:
            parts.append("![Share of the answers by version, and their latency](plot.svg)")
        steps = [
            f"| {n} | {step.seconds:.1f} | {step.text} |" for n, step in enumerate(self._steps, 1)
        ]
        parts.append("\n".join(["| step | second | what happened |", "|--:|--:|---|", *steps]))
        return "\n\n".join(parts) + "\n"


def as_markdown(table: Sequence[Mapping[str, object]]) -> str:
    """A table with the columns of its first row; numbers stand to the right."""
    rows = [[_cell(value) for value in row.values()] for row in table]
    rules = ["--:" if isinstance(value, int | float) else "---" for value in table[0].values()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(table[0]), rules, *rows])


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

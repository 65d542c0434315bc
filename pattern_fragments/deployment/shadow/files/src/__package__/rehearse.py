"""Rehearses a shadow on this machine.

The command is `python -m __package__.rehearse`.

A champion answers callers, and shows a candidate what they ask: a good one, a bad one, and ones
that hang, fail and crash. A second champion without a shadow gets the same load at the same time:
what callers wait, with and without, is compared between the two.
"""

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import numpy as np

from .rehearsal.answers import Answer, Judged, expected_of, judge
from .rehearsal.load import Load, given_number
from .rehearsal.models import Models, prepare
from .rehearsal.processes import Faults, Server
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic
from .settings import Settings
from .shadow.played import Played, concluded, fresh, line, write_outcomes


class Case(NamedTuple):
    """A candidate, and what becomes of it."""

    title: str
    model: str
    """Which of the models."""
    faults: Faults | None
    is_fit: bool
    """What the report has to say."""


CASES: Mapping[str, Case] = {
    "good": Case("A good candidate", "candidate", None, is_fit=True),
    "bad": Case("A bad candidate", "bad", None, is_fit=False),
    "hangs": Case("A candidate that hangs", "candidate", Faults(delay_s=60.0), is_fit=False),
    "fails": Case("A candidate that fails", "candidate", Faults(fail_share=0.5), is_fit=False),
    "crashes": Case("A candidate that crashes", "candidate", Faults(crash_after=2), is_fit=False),
}


class Answers(NamedTuple):
    """What callers of both champions got."""

    alone: Sequence[Answer]
    shadowed: Sequence[Answer]


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse; 0 when every candidate was judged as it had to be and no caller noticed any."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse",
        description="Rehearse a shadow on this machine.",
    )
    parser.add_argument("--candidate", choices=CASES, help="only this one; all by default")
    parser.add_argument("--seconds", type=given_number, default=30.0, help="of load for each; 30")
    parser.add_argument(
        "--rate", type=given_number, default=80.0, help="requests/s for each champion; 80"
    )
    parser.add_argument("--folder", type=Path, default=Path("data/rehearsal"))
    parser.add_argument("--small", action="store_true", help="models of a few days, in seconds")
    options = parser.parse_args(arguments)
    try:
        models = prepare(options.folder, small=options.small)
        traffic = Traffic.after_test_of(models.candidate, days=14)
        names = [options.candidate] if options.candidate else list(CASES)
        played = [
            play(name, models, traffic, options.folder / "shadow" / name, options) for name in names
        ]
    except KeyboardInterrupt:
        sys.stderr.write("\nended; every process that was started has ended\n")
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"cannot rehearse: {error}\n")
        return 1
    sys.stdout.write(f"\n{as_markdown([one.row for one in played])}\n")
    return 0 if all(one.as_expected for one in played) else 1


def play(
    name: str, models: Models, traffic: Traffic, folder: Path, options: argparse.Namespace
) -> Played:
    """One candidate, from its start to its verdict."""
    case = CASES[name]
    settings = fresh(folder, models.champion)
    story = Story(folder, f"Shadow: {case.title[0].lower()}{case.title[1:]}")
    since = datetime.now(UTC)
    answers, counts = _serve(case, models, traffic, folder, settings, story, options)
    everything = [*answers.alone, *answers.shadowed]
    expected = expected_of(models.champion, traffic)
    judged = judge(everything, {_version(answers): expected})
    ids = {one.prediction_id: one.row for one in answers.shadowed if one.status == 200}
    write_outcomes(settings, list(ids), traffic.labels[list(ids.values())])
    found = concluded(story, settings, since, folder)
    row = {**line(name, found), **asdict(judged), **_latencies(answers)}
    table = [{"figure": figure, "value": value} for figure, value in {**row, **counts}.items()]
    story.write(everything, table, judged)
    is_fit = found is not None and found.verdict.fit
    return Played(row, is_fit == case.is_fit and _nobody_noticed(judged))


def _serve(
    case: Case,
    models: Models,
    traffic: Traffic,
    folder: Path,
    settings: Settings,
    story: Story,
    options: argparse.Namespace,
) -> tuple[Answers, Mapping[str, object]]:
    """Answer callers while the candidate is there; what they got, and what the champion counted."""
    model: Path = getattr(models, case.model)
    champion = models.champion
    with (
        Server(model, folder / "candidate.log", case.faults) as candidate,
        Server(champion, folder / "alone.log", prediction_log=folder.absolute() / "alone") as alone,
        Server(
            champion,
            folder / "champion.log",
            prediction_log=settings.prediction_log,
            shadow_log=settings.shadow_log,
            shadow_url=candidate.url,
        ) as shadowed,
    ):
        story.step(f"champion {shadowed.version} answers, candidate {candidate.version} listens")
        loads = [Load(one.url, traffic, options.rate) for one in (alone, shadowed)]
        with loads[0], loads[1]:
            time.sleep(options.seconds)
        story.step(f"{len(loads[1].answers):,} callers of the champion have their answers")
        counts = _counted(shadowed.url)
        shadowed.stop()
        story.step("the champion has ended in order")
        # One that hangs would not end in order.
        candidate.kill()
    return Answers(loads[0].answers, loads[1].answers), counts


def _counted(url: str) -> Mapping[str, object]:
    """What became of the rows that the champion had for the candidate, until now."""
    with urlopen(f"{url}/metrics", timeout=5) as answer:  # noqa: S310 - of our own process
        text = answer.read().decode()
    rows = re.findall(r'^shadow_rows_total\{result="(\w+)"\} (\S+)', text, re.MULTILINE)
    return {f"shadow rows {result}": int(float(value)) for result, value in rows}


def _latencies(answers: Answers) -> Mapping[str, object]:
    """What callers of the champion with a shadow waited, as a multiple of those without."""
    alone, shadowed = (
        np.quantile([answer.latency_s for answer in some], [0.5, 0.99]) for some in answers
    )
    return {
        "median, ms": 1000 * float(shadowed[0]),
        "median, times that alone": float(shadowed[0] / alone[0]),
        "99 of 100, ms": 1000 * float(shadowed[1]),
        "99 of 100, times that alone": float(shadowed[1] / alone[1]),
    }


def _version(answers: Answers) -> str:
    return next((one.version for one in answers.alone if one.version), "")


def _nobody_noticed(judged: Judged) -> bool:
    return not (judged.refused or judged.lost or judged.wrong)


if __name__ == "__main__":
    sys.exit(main())

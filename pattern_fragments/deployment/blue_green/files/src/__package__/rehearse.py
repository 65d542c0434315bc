"""Rehearse a blue/green deployment on this machine.

The command is `python -m __package__.rehearse`.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .rehearsal.answers import expected_of, judge
from .rehearsal.environment import without_settings
from .rehearsal.load import Load, given_number
from .rehearsal.models import Models, prepare
from .rehearsal.processes import Faults, Server
from .rehearsal.splitter import Splitter
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic

RATE_PER_S = 80.0
VERIFY = "SERVICE_VERIFY_"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to take over, and whether it should."""

    model: str
    """Which of the models."""
    is_good: bool
    faults: Faults | None = None


CANDIDATES = {
    "good": Candidate("candidate", is_good=True),
    "bad": Candidate("bad", is_good=False),
    "slow": Candidate("candidate", is_good=False, faults=Faults(delay_s=0.1)),
    "failing": Candidate("candidate", is_good=False, faults=Faults(fail_share=0.05)),
}

Row = dict[str, object]
"""A line of the table that a rehearsal ends with."""


class Stage:
    """Blue, which serves, the switch, and callers who never stop."""

    def __init__(self, story: Story, blue: Server, load: Load, splitter: Splitter) -> None:
        self.story = story
        self.blue = blue
        self._load = load
        self._splitter = splitter

    def add_green(self, green: Server) -> None:
        """Make the new version known to the switch; no caller reaches it yet."""
        self._splitter.replace("green", green.url)

    def switch(self, name: str, away_from: Server, seconds: float) -> float:
        """Send everything new to a version, and watch.

        Returns how many ms after the decision the other version gave its last answer.
        """
        decided_at = time.monotonic()
        self._splitter.set({name: 1})
        time.sleep(seconds)
        last = max(
            answer.sent_at + answer.latency_s
            for answer in self._load.answers
            if answer.version == away_from.version
        )
        taken_ms = 1000 * max(0.0, last - decided_at)
        self.story.step(
            f"{name} answers alone; the other gave its last answer {taken_ms:.1f} ms later"
        )
        return taken_ms


def play(name: str, models: Models, traffic: Traffic, folder: Path, seconds: float) -> Row:
    """One rehearsal from start to end; each of its phases takes so many seconds."""
    candidate = CANDIDATES[name]
    model: Path = getattr(models, candidate.model)
    place = folder / "blue_green" / name
    story = Story(place, f"Blue/green, {name} candidate")
    with ExitStack() as running:
        blue = running.enter_context(Server(models.champion, place / "blue.log"))
        splitter = running.enter_context(Splitter({"blue": blue.url}))
        # The callers go first: whoever serves them stays until their last answer.
        with Load(splitter.url, traffic, RATE_PER_S) as load:
            story.step(f"blue serves version {blue.version}, {RATE_PER_S:.0f} requests a second")
            time.sleep(seconds)
            green = running.enter_context(Server(model, place / "green.log", candidate.faults))
            ended = _take_over(Stage(story, blue, load, splitter), green, model, seconds)
    judged = judge(
        load.answers,
        {
            blue.version: expected_of(models.champion, traffic),
            green.version: expected_of(model, traffic),
        },
    )
    by_version = [answer.version for answer in load.answers]
    row: Row = {
        "candidate": name,
        **ended,
        "requests": len(load.answers),
        "by blue": by_version.count(blue.version),
        "by green": by_version.count(green.version),
        "refused": judged.refused,
        "lost": judged.lost,
        "wrong": judged.wrong,
    }
    story.write(load.answers, [row], judged)
    return row


def _take_over(stage: Stage, green: Server, model: Path, seconds: float) -> Row:
    """From the start of green to its promotion, or to its refusal."""
    story, blue = stage.story, stage.blue
    stage.add_green(green)
    story.step(f"green is ready beside it with version {green.version}; no caller reaches it")
    verified = _verify(blue, green, model)
    for line in verified.stdout.splitlines():
        story.step(f"verify: {line}")
    if verified.returncode:
        time.sleep(seconds)
        story.outcome(promoted=False, why=verified.stdout.splitlines()[-1])
        return {"outcome": "refused", "switch, ms": "-", "way back, ms": "-"}
    story.step("switch: green is to answer everybody")
    switch_ms = stage.switch("green", blue, seconds)
    story.step("a drill: back to blue, at once")
    back_ms = stage.switch("blue", green, seconds)
    story.step("switch again")
    stage.switch("green", blue, seconds)
    story.step(f"blue ends, with exit code {blue.stop()}")
    time.sleep(seconds)
    story.outcome(promoted=True, why="green was verified and answers everybody; blue has ended")
    return {"outcome": "promoted", "switch, ms": switch_ms, "way back, ms": back_ms}


def _verify(blue: Server, green: Server, model: Path) -> "subprocess.CompletedProcess[str]":
    """What the cluster runs before it switches, in the same way."""
    command = [sys.executable, "-m", "__package__.verify"]
    # Of the shell's settings its limits alone: whoever tries others gives them here.
    limits = {name: value for name, value in os.environ.items() if name.startswith(VERIFY)}
    return subprocess.run(  # noqa: S603 - our own module
        [*command, "--active", blue.url, "--preview", green.url],
        env=without_settings() | limits | {"SERVICE_MODEL_DIR": str(model)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


def is_as_expected(row: Row) -> bool:
    """Whether the outcome is right, nothing was lost, and no caller met what was refused."""
    is_promoted = row["outcome"] == "promoted"
    is_right = is_promoted == CANDIDATES[str(row["candidate"])].is_good
    met = row["by green"] != 0
    return (
        is_right
        and met == is_promoted
        and not any(row[what] for what in ("refused", "lost", "wrong"))
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when a rehearsal does not end as it should."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse",
        description="Rehearse a blue/green deployment on this machine.",
    )
    parser.add_argument(
        "--candidate",
        action="append",
        choices=CANDIDATES,
        help="what is to take over; may be given again; good, then bad, unless given",
    )
    parser.add_argument("--seconds", type=given_number, default=8.0, help="that each phase takes")
    parser.add_argument(
        "--folder", type=Path, default=Path("data/rehearsal"), help="models and reports"
    )
    parser.add_argument(
        "--small", action="store_true", help="models of a few days, to try the steps"
    )
    options = parser.parse_args(arguments)
    try:
        models = prepare(options.folder, small=options.small)
        traffic = Traffic.after_test_of(models.candidate)
        rows = [
            play(name, models, traffic, options.folder, options.seconds)
            for name in options.candidate or ("good", "bad")
        ]
    except (ValueError, RuntimeError, OSError) as error:
        sys.stderr.write(f"the rehearsal did not end: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nended; all that was started is stopped\n")
        return 130
    sys.stdout.write(f"\n{as_markdown(rows)}\n")
    return 0 if all(is_as_expected(row) for row in rows) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())

"""Rehearse a canary release on this machine.

    python -m __package__.rehearse

The stable version serves callers who never stop. A canary starts beside it, and a splitter gives it
the shares of deploy/base/rollout.yaml one after the other; in each step the rules of
deploy/base/analysis.yaml judge it by the /metrics of both. At the end the version that lost is told
to end, while callers go on. What differs from the cluster: each version is one process, and not a
number of pods of which some come and go at each step; a step is shorter and its weight exact; a
process that crashes stays away; and a decision that waits for a person ends the rehearsal.
"""

import argparse
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .canary.analysis import Limits, Measurement, Verdict, measure, verdict_of
from .canary.figures import Figures, read
from .canary.manifests import read_limits, read_weights
from .rehearsal.answers import Judged, expected_of, judge
from .rehearsal.load import Load, given_number
from .rehearsal.models import Models, prepare
from .rehearsal.processes import Faults, Server
from .rehearsal.splitter import Splitter
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic


@dataclass(frozen=True)
class Candidate:
    """A version that is tried, and how that has to end."""

    title: str
    is_bad_model: bool = False
    faults: Faults | None = None
    is_good: bool = False
    loses: bool = False
    """Whoever it was answering when it died gets no answer."""


CANDIDATES: Mapping[str, Candidate] = {
    "good": Candidate("the model of a later period", is_good=True),
    "bad": Candidate("a model that is wrong in silence", is_bad_model=True),
    "slow": Candidate("a version that answers slowly", faults=Faults(delay_s=0.055)),
    "failing": Candidate("a version that fails 1 in 20", faults=Faults(fail_share=0.05)),
    "refusing": Candidate("a version that refuses 1 in 10", faults=Faults(refuse_share=0.1)),
    "crash": Candidate("a version that crashes", faults=Faults(crash_after=40), loses=True),
}

OUTCOMES = {
    Verdict.SUCCESSFUL: "promoted",
    Verdict.FAILED: "went back",
    Verdict.INCONCLUSIVE: "waits for a person",
}


@dataclass(frozen=True)
class Plan:
    """The steps of a canary release, and what judges them."""

    weights: Sequence[int]
    limits: Limits
    step_s: float
    """A step lasts so long, and is judged at its end; in the cluster it is `initialDelay`."""

    rate_per_s: float
    settle_s: float = 3.0
    """Before the first step, and after the last one."""


@dataclass(frozen=True)
class Ended:
    """How a rehearsal ended."""

    verdict: Verdict
    """Of the last step."""
    why: str
    judged: Judged


@dataclass(frozen=True)
class Stage:
    """Who is on it."""

    stable: Server
    canary: Server
    splitter: Splitter
    story: Story


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the candidates; the exit code is 1 when one did not end as it has to."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse",
        description="Rehearse a canary release on this machine.",
    )
    parser.add_argument(
        "--candidate",
        action="append",
        choices=CANDIDATES,
        help="what is released; may be given again; good, then bad, unless given",
    )
    parser.add_argument("--seconds", type=given_number, default=75, help="that a step lasts")
    parser.add_argument("--rate", type=given_number, default=60, help="requests per second")
    parser.add_argument("--folder", type=Path, default=Path("data/rehearsal"))
    parser.add_argument("--small", action="store_true", help="models of a few days")
    options = parser.parse_args(arguments)
    names = options.candidate or ["good", "bad"]
    try:
        plan = Plan(read_weights(), read_limits(), options.seconds, options.rate)
        models = prepare(options.folder, small=options.small)
        traffic = Traffic.after_test_of(models.candidate, days=28)
        ended = {name: play(name, models, traffic, plan, options.folder) for name in names}
    except KeyboardInterrupt:
        sys.stderr.write("\nended; all that was started is stopped\n")
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"the rehearsal did not end: {error}\n")
        return 1
    table = [
        {"candidate": name, "outcome": OUTCOMES[end.verdict]}
        | asdict(end.judged)
        | {"why": end.why}
        for name, end in ended.items()
    ]
    sys.stdout.write(f"\n{as_markdown(table)}\n")
    return 0 if all(ended_well(name, end) for name, end in ended.items()) else 1


def ended_well(name: str, end: Ended) -> bool:
    """A good version is promoted, a bad one goes back, and every request got its right answer.

    A bad one that nobody was sure of was not found, and a good one refuses nobody.
    """
    is_good = CANDIDATES[name].is_good
    is_right = end.verdict is (Verdict.SUCCESSFUL if is_good else Verdict.FAILED)
    refused = is_good and end.judged.refused
    lost = end.judged.lost and not CANDIDATES[name].loses
    return is_right and not (refused or lost or end.judged.wrong)


def play(name: str, models: Models, traffic: Traffic, plan: Plan, folder: Path) -> Ended:
    """Rehearse with one candidate, and write its report below `folder`."""
    candidate = CANDIDATES[name]
    model = models.bad if candidate.is_bad_model else models.candidate
    place = folder / "canary" / name
    story = Story(place, f"Canary release of {candidate.title}")
    table: list[dict[str, object]] = []
    with ExitStack() as running:
        stable = running.enter_context(Server(models.champion, place / "stable.log"))
        splitter = running.enter_context(Splitter({"stable": stable.url}))
        # The callers end first: whoever serves them stays until their last answer.
        with Load(splitter.url, traffic, plan.rate_per_s) as load:
            story.step(f"{stable.version} serves alone")
            time.sleep(plan.settle_s)
            canary = running.enter_context(Server(model, place / "canary.log", candidate.faults))
            splitter.replace("canary", canary.url)
            story.step(f"{canary.version} is ready beside it")
            stage = Stage(stable, canary, splitter, story)
            verdict, why = _steps(plan, stage, table)
            story.outcome(verdict is Verdict.SUCCESSFUL, why, OUTCOMES[verdict])
            _conclude(verdict, stage, plan.settle_s)
    expected = {
        stable.version: expected_of(models.champion, traffic),
        canary.version: expected_of(model, traffic),
    }
    judged = judge(load.answers, expected)
    story.write(load.answers, table, judged)
    return Ended(verdict, why, judged)


def _steps(plan: Plan, stage: Stage, table: list[dict[str, object]]) -> tuple[Verdict, str]:
    """Take the steps until one does not succeed; the last verdict, and why."""
    for weight in plan.weights:
        stage.splitter.set({"stable": 100 - weight, "canary": weight})
        stage.story.step(f"{weight} % of the requests go to the canary")
        measured = _measured(plan, stage)
        stage.story.step("; ".join(_in_words(one) for one in measured))
        table += [_row(weight, one) for one in measured]
        verdict = verdict_of(measured)
        if verdict is not Verdict.SUCCESSFUL:
            reasons = [one for one in measured if one.verdict is verdict]
            return verdict, "; ".join(_in_words(one) for one in reasons)
    return Verdict.SUCCESSFUL, f"within limits in each of {len(plan.weights)} steps"


def _conclude(verdict: Verdict, stage: Stage, settle_s: float) -> None:
    """One version answers everybody and the other ends, unless that is for a person to decide."""
    if verdict is Verdict.INCONCLUSIVE:
        stage.story.step("both versions go on with their shares until a person decides")
        time.sleep(settle_s)
        return
    promoted = verdict is Verdict.SUCCESSFUL
    stage.splitter.set({"canary" if promoted else "stable": 100})
    time.sleep(settle_s)
    name, loser = ("stable", stage.stable) if promoted else ("canary", stage.canary)
    stage.story.step(f"{name} ends, with exit code {loser.stop()}")
    time.sleep(settle_s)


def _measured(plan: Plan, stage: Stage) -> list[Measurement]:
    """The figures of a step at its end, of nothing but the step."""
    versions = (stage.canary, stage.stable)
    before = [_scrape(each, plan.limits) for each in versions]
    time.sleep(plan.step_s)
    canary, stable = (
        _scrape(each, plan.limits, was).since(was)
        for each, was in zip(versions, before, strict=True)
    )
    return measure(canary, stable, plan.limits)


def _scrape(server: Server, limits: Limits, last: Figures | None = None) -> Figures:
    """What the version has done; of one that died only that it did, and what was known before.

    In the cluster it would be started anew, which its start time tells.
    """
    if server.has_ended:
        return replace(last or Figures(), restarts=1)
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as answer:  # noqa: S310 - of this machine
        return read(answer.read().decode(), limits.slow_after)


def _in_words(one: Measurement) -> str:
    if one.margins is None:
        return f"{one.name}: too few calls, or nothing to compare"
    if one.name == "restarts":
        return f"restarts {one.canary:.0f} (stable {one.stable:.0f}), {one.verdict.value}"
    if one.canary is None:
        figures = f"{one.difference:.3f}"
    else:
        figures = f"{one.canary:.3f} (stable {one.stable:.3f})"
    return f"{one.name} {figures}, {one.verdict.value} ({one.margins:+.1f})"


def _row(weight: int, one: Measurement) -> dict[str, object]:
    figures = {
        "canary": one.canary,
        "stable": one.stable,
        "difference": one.difference,
        "margins of error beyond what is tolerated": one.margins,
    }
    shown = {name: "-" if value is None else value for name, value in figures.items()}
    return {"share, %": weight, "figure": one.name, **shown, "verdict": one.verdict.value}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())

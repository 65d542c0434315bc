"""Rehearse an experiment on this machine.

The command is `python -m __package__.rehearse`.
Champion and challenger answer in one process, each unit from the model of its arm. Real rows of
past weeks are asked about, their outcomes become known when they did, the service is started anew
every other day, and the analysis looks each time: by the rules of a plan that the weeks before
gave.
"""

import argparse
import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep

import numpy as np
import polars as pl
from numpy.typing import NDArray

from .domain.experiment import MARGINS, METRIC, unit_of
from .experiment.analysis import Analysis, analyse
from .experiment.past import Past, past_of
from .experiment.plan import Plan
from .experiment.planning import Terms, make_plan
from .experiment.rehearsed import PastScorer, kept_for_ever
from .experiment.report import write_report
from .experiment.units import seen
from .model_folder import ModelFolder
from .rehearsal.answers import Answer, Judged, judge
from .rehearsal.load import Load, given_number
from .rehearsal.models import Models, end_of_test, prepare
from .rehearsal.processes import Server
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic
from .settings import Settings

EFFECT = 0.75
"""The difference of the metric that is worth finding, in its unit."""

PAST = timedelta(days=56)
"""So much of the time before is looked at for the plan."""

LOOK = timedelta(days=2)
"""So often the service is started anew, and the analysis looks."""

SALT = "of the rehearsal"
"""Always the same, so that a rehearsal can be repeated."""

TITLES = {"good": "the model of a later period", "bad": "a model that is wrong in silence"}


@dataclass(frozen=True)
class Ended:
    """How a rehearsal ended."""

    analysis: Analysis
    judged: Judged
    moved: int
    """Units that got answers of both models."""

    @property
    def is_sound(self) -> bool:
        """Whether every request was answered by the model of its arm, and the logs say so, too."""
        harm = self.judged.lost or self.judged.wrong or self.moved
        return not harm and self.analysis.verdict not in ("running", "invalid")


class PastServer(Server):
    """The process of `experiment.rehearsed` for the rows of [first, until)."""

    def __init__(
        self, model: Path, log: Path, first: datetime, until: datetime, **settings: object
    ) -> None:
        super().__init__(model, log, None, **settings)
        self._module = "__package__.experiment.rehearsed"
        self._arguments = [f"--from={first:%Y-%m-%d}", f"--until={until:%Y-%m-%d}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the candidates; the exit code is 1 when one did not end as it has to."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse",
        description="Rehearse an experiment on this machine.",
    )
    parser.add_argument("--candidate", choices=TITLES, help="only this one")
    parser.add_argument(
        "--seconds", type=given_number, default=4, help="that a day of traffic takes"
    )
    parser.add_argument("--folder", type=Path, default=Path("data/rehearsal"))
    options = parser.parse_args(arguments)
    try:
        models = prepare(options.folder)
        start = end_of_test(models.champion)
        past = past_before(models.champion, start)
        ended = {}
        for name in [options.candidate] if options.candidate else TITLES:
            versions = (_version(models.champion), _version(challenger_of(models, name)))
            made_at = start - timedelta(days=1)
            terms = Terms(start=start, effect=EFFECT)
            plan = make_plan(past, terms, versions, METRIC, MARGINS, made_at, SALT)
            ended[name] = play(name, models, plan, options.folder, options.seconds)
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"the rehearsal did not end: {error}\n")
        return 1
    table = [
        {"candidate": name, "verdict": end.analysis.verdict}
        | asdict(end.judged)
        | {"moved": end.moved, "why": end.analysis.why}
        for name, end in ended.items()
    ]
    sys.stdout.write(f"\n{as_markdown(table)}\n")
    return 0 if all(_is_as_it_has_to_be(name, end) for name, end in ended.items()) else 1


def past_before(champion: Path, start: datetime) -> Past:
    """What the champion's predictions came to before `start`."""
    traffic = Traffic.between(start - PAST, start)
    predictions = predictions_of(champion, traffic)
    asked_at = traffic.frame["asked_at"]
    return past_of(unit_of(traffic.frame), asked_at, predictions, traffic.labels)


def predictions_of(model: Path, traffic: Traffic) -> NDArray[np.float32]:
    """What a model predicts for each row, when it was asked about: float32[n]."""
    scorer = PastScorer.of(ModelFolder(model), traffic)
    return scorer.score(scorer.encode_rows(traffic.rows)).predictions


def challenger_of(models: Models, name: str) -> Path:
    """The model folder of a candidate."""
    return {"good": models.candidate, "bad": models.bad}[name]


def play(name: str, models: Models, plan: Plan, folder: Path, seconds: float) -> Ended:
    """Rehearse with one challenger, and write its report below `folder`.

    A day of traffic takes `seconds`.
    """
    place = (folder / "ab_test" / name).absolute()
    shutil.rmtree(place, ignore_errors=True)
    challenger, start, end = challenger_of(models, name), plan.start, plan.end
    story = Story(place, f"A/B test of {TITLES[name]}")
    story.step(
        f"planned: {plan.units:,} units in {plan.days:g} days ship what is better by"
        f" {plan.effect:g} {plan.unit} with a power of {plan.power:.0%}; before, the"
        f" {plan.metric} was {plan.baseline:.2f}"
    )
    plan.write(place / "plan.json")
    traffic = Traffic.between(start, end)
    units = unit_of(traffic.frame).to_list()
    rate_per_s = len(traffic) / (seconds * plan.days)
    settings = Settings.model_construct(
        challenger_dir=challenger.absolute(),
        experiment_plan=place / "plan.json",
        exposure_log=str(place / "exposures"),
        prediction_log=str(place / "predictions"),
        outcomes=str(place / "outcomes"),
    ).model_copy(update=kept_for_ever())
    answers: list[Answer] = []
    until = start
    while until < end:
        until = min(until + LOOK, end)
        some = range(len(answers), int(np.searchsorted(traffic.asked_at, until.timestamp())))
        # The service knows all rows, whichever are asked about: so features come out alike each
        # time, to the last bit.
        log = place / f"service-{until:%Y-%m-%d}.log"
        given = settings.model_dump(exclude_unset=True)
        with PastServer(models.champion, log, start, end, **given) as server:
            new = ask(server.url, traffic, units, some, rate_per_s)
        tell_outcomes(place / "outcomes" / f"{until:%Y-%m-%d}.parquet", traffic, new)
        answers += new
        moment = until if until < end else plan.due
        found = seen(settings, plan, moment)
        analysis = analyse(plan, found, moment)
        story.step(f"{(analysis.as_of - start).days} days: {_standing(analysis)}")
        if analysis.verdict != "running":
            break
    both = (models.champion, challenger)
    judged = judge(answers, {_version(model): predictions_of(model, traffic) for model in both})
    ended = Ended(analysis, judged, _moved(answers, units))
    story.outcome(analysis.verdict == "ship", f"{analysis.verdict}: {analysis.why}")
    write_report(place / "report", analysis, found.units)
    story.write(answers, _table(analysis), judged)
    return ended


def ask(
    url: str, traffic: Traffic, units: Sequence[str], some: range, rate_per_s: float
) -> list[Answer]:
    """Ask once about each of some rows; answers tell rows by their number in the traffic."""
    answers: list[Answer] = []
    while len(answers) < len(some):
        first = some.start + len(answers)
        part = Traffic(traffic.frame[first : some.stop])
        headers = partial(_headers, units[first:])
        with Load(url, part, rate_per_s, headers) as load:
            # The row after the last one is not due yet. What a busy machine has not sent by then
            # comes in the next round.
            sleep((len(part) - 0.5) / rate_per_s)
        answers += [replace(answer, row=first + answer.row) for answer in load.answers]
    return answers


def _headers(units: Sequence[str], row: int) -> Mapping[str, str]:
    return {"x-experiment-unit": units[row]}


def tell_outcomes(path: Path, traffic: Traffic, answers: Sequence[Answer]) -> None:
    """Write the outcomes as whoever learns them does; most of them lie ahead."""
    told = [answer for answer in answers if answer.prediction_id]
    rows = [answer.row for answer in told]
    path.parent.mkdir(parents=True, exist_ok=True)
    traffic.frame[rows].select(
        pl.Series("prediction_id", [answer.prediction_id for answer in told]),
        "label",
        pl.col("labelled_at").cast(pl.Datetime("us", "UTC")),
    ).write_parquet(path)


def _standing(analysis: Analysis) -> str:
    units = " and ".join(f"{number:,} {arm}" for arm, number in analysis.units.items())
    states = ", ".join(f"{one.name} {one.state}" for one in analysis.guardrails)
    split = f"split as planned with p = {analysis.sound.sample_ratio_p:.2g}"
    return f"{units} units, {split}; {states}; {analysis.verdict}"


def _moved(answers: Sequence[Answer], units: Sequence[str]) -> int:
    """How many units got answers of more than one version."""
    versions = defaultdict(set)
    for answer in answers:
        if answer.version:
            versions[units[answer.row]].add(answer.version)
    return sum(len(found) > 1 for found in versions.values())


def _table(analysis: Analysis) -> list[Mapping[str, object]]:
    """What is compared, one line each."""
    rows: list[Mapping[str, object]] = []
    if found := analysis.metric:
        state = f"{found.low:+.3f} to {found.high:+.3f}"
        rows.append(_line(analysis.plan.metric, found.control, found.challenger, state))
    return rows + [
        _line(one.name, one.compared.control, one.compared.challenger, one.state)
        for one in analysis.guardrails
    ]


def _line(name: str, control: float, challenger: float, state: str) -> Mapping[str, object]:
    return {
        "compared": name,
        "control": control,
        "challenger": challenger,
        "difference": challenger - control,
        "interval or state": state,
    }


def _version(model: Path) -> str:
    return ModelFolder(model).read_signature().version


def _is_as_it_has_to_be(name: str, end: Ended) -> bool:
    analysis = end.analysis
    if name == "bad":
        return end.is_sound and analysis.ends_early and analysis.verdict == "keep"
    return end.is_sound and not analysis.is_worse


if __name__ == "__main__":
    sys.exit(main())

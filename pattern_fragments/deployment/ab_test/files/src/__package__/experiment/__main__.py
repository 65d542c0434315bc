"""Plan an experiment, see how it stands, and see that its statistics hold.

The command is `python -m __package__.experiment`.
It needs the dependencies of training.
"""

import argparse
import math
import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from ..domain.experiment import MARGINS, METRIC
from ..model_folder import ModelFolder
from ..object_store import ERRORS
from ..period import start_of_day
from ..settings import Settings, read_settings
from .analysis import analyse
from .past import Past, read_past
from .plan import Plan
from .planning import Terms, make_plan
from .power import power_with
from .report import PAGE, write_report
from .simulate import Share, simulate
from .units import seen

DAY = timedelta(days=1)

FAILED, END_IT = 1, 3
"""Exit codes: no answer; the experiment is to be ended before its horizon."""

Said = tuple[int, list[str]]
"""An exit code, and what to print."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 when there is no answer, 3 when the experiment is to be ended now."""
    options = _parser().parse_args(arguments)
    code: int
    try:
        code, lines = options.run(read_settings(), options)
    except (*ERRORS, ValueError) as error:
        sys.stderr.write(f"{options.command}: {error}\n")
        return FAILED
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return code


def _plan(settings: Settings, options: argparse.Namespace) -> Said:
    if settings.challenger_dir is None:
        raise ValueError("there is no challenger: name its folder in SERVICE_CHALLENGER_DIR")
    now = datetime.now(UTC)
    start = options.start or datetime.combine(now.date(), time(), UTC) + DAY
    if start < now:
        raise ValueError(f"{start:%Y-%m-%d} is over: the start of an experiment is fixed before")
    folders = (ModelFolder(settings.model_dir), ModelFolder(settings.challenger_dir))
    terms = Terms(
        start=start,
        effect=options.effect,
        alpha=options.alpha,
        power=options.power,
        share=options.share,
        outcome_delay_h=settings.outcome_delay_h,
    )
    control, challenger = (folder.read_signature().version for folder in folders)
    versions = (control, challenger)
    salt = secrets.token_hex(16)
    plan = make_plan(_past(options), terms, versions, METRIC, MARGINS, now, salt)
    plan.write(settings.experiment_plan)
    alone = power_with(plan.units, plan.effect, plan.deviation, alpha=plan.alpha, share=plan.share)
    return 0, [
        f"{plan.metric} in the past: {plan.baseline:.3f} {plan.unit},"
        f" standard deviation between units {plan.deviation:.3f}",
        f"{plan.units:,} units in {plan.days:g} days from {plan.start:%Y-%m-%d} on ship a"
        f" challenger that is better by {plan.effect:g}, and in the guardrails alike, with a power"
        f" of {plan.power:.0%} at least; the difference alone is found with {alone:.0%}"
        f" (alpha {plan.alpha:g})",
        f"{settings.experiment_plan}",
    ]


def _analyse(settings: Settings, options: argparse.Namespace) -> Said:
    plan = Plan.read(settings.experiment_plan)
    now = datetime.now(UTC)
    moment = options.as_of or now
    if moment > now:
        raise ValueError(f"{moment:%Y-%m-%d} lies ahead: nothing is known of it")
    if plan.look(moment) is None:
        return 0, [f"running: the first look is a day after {plan.start:%Y-%m-%d %H:%M} UTC"]
    found = seen(settings, plan, moment)
    analysis = analyse(plan, found, moment)
    write_report(options.output, analysis, found.units)
    code = END_IT if analysis.ends_early else 0
    return code, [f"{analysis.verdict}: {analysis.why}", f"{options.output / PAGE}"]


def _simulate(settings: Settings, options: argparse.Namespace) -> Said:
    plan = Plan.read(settings.experiment_plan)
    found = simulate(_past(options), plan, options.runs, options.seed, _progress(options.runs))
    return 0, [
        _share("no effect, found all the same", found.no_effect, plan.alpha),
        _share(f"an effect of {plan.effect:g}, shipped", found.shipped, plan.power),
        _share("the same, found", found.planted, None),
        _share("no effect, shipped", found.shipped_in_vain, plan.alpha / 2),
        _share("no effect, ended at the first p below alpha", found.peeking, plan.alpha),
    ]


def _past(options: argparse.Namespace) -> Past:
    return read_past(options.log, options.outcomes, options.first, options.last + DAY)


def _share(what: str, found: Share, planned: float | None) -> str:
    return (
        f"{what}: {found.share:.1%} of {found.runs:,} runs"
        f" (95 % interval {found.low:.1%} to {found.high:.1%})"
        + (f"; planned: {planned:.3g}" if planned is not None else "")
    )


def _progress(runs: int) -> Callable[[int], None]:
    def tell(run: int) -> None:
        if run % 100 == 0 or run == runs:
            sys.stderr.write(f"\r{run:,} of {runs:,} experiments ")
            sys.stderr.write("\n" if run == runs else "")
            sys.stderr.flush()

    return tell


def _positive(text: str) -> float:
    return _number(text, math.inf, "above 0")


def _share_of(text: str) -> float:
    return _number(text, 1.0, "between 0 and 1")


def _number(text: str, below: float, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < below:
        raise argparse.ArgumentTypeError(f"must be a number {where}, not {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m __package__.experiment",
        description="Plan an experiment, see how it stands, and see that its statistics hold.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="how many units and days it takes; writes the plan")
    plan.set_defaults(run=_plan)
    plan.add_argument(
        "--start", type=start_of_day, help="the first day, fixed before it comes; tomorrow"
    )
    plan.add_argument(
        "--effect", type=_positive, required=True, help="the smallest difference worth finding"
    )
    plan.add_argument("--alpha", type=_share_of, default=0.05, help="false alarms; 0.05")
    plan.add_argument("--power", type=_share_of, default=0.8, help="to ship the effect; 0.8")
    plan.add_argument("--share", type=_share_of, default=0.5, help="of the challenger; 0.5")
    simulation = commands.add_parser("simulate", help="many experiments where the truth is known")
    simulation.set_defaults(run=_simulate)
    simulation.add_argument("--runs", type=int, default=2000, help="how many; 2000")
    simulation.add_argument("--seed", type=int, default=0, help="of everything random; 0")
    for command in (plan, simulation):
        command.add_argument("--log", default="data/backtest/predictions", help="of the past")
        command.add_argument("--outcomes", default="data/backtest/outcomes", help="of the past")
        command.add_argument(
            "--from", type=start_of_day, dest="first", required=True, help="first day"
        )
        command.add_argument(
            "--to", type=start_of_day, dest="last", required=True, help="the last, included"
        )
    analysis = commands.add_parser("analyse", help="how it stands; the metric only at its end")
    analysis.set_defaults(run=_analyse)
    analysis.add_argument("--as-of", type=start_of_day, help="by the newest look at that time; now")
    analysis.add_argument(
        "--output", type=Path, default=Path("data/experiment"), help="folder of the report"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

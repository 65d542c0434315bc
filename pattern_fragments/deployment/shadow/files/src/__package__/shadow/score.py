"""Score with the candidate what the champion has published, and compare.

The command is `python -m __package__.shadow.score`.
It runs where the candidate's model is, after the champion's run has ended. It reads what that run
has read, and logs its predictions under the champion's ids.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time as now

from .. import logs
from ..batch.cores import cores
from ..batch.ending import Told, ending
from ..gauges import Gauge
from ..period import given_day
from ..settings import Settings, read_settings

JOB = "__package__".replace("_", "-") + "-shadow"
"""Under this name the figures are pushed: those of the champion stay as they are."""

FAILED, WRONG = 1, 2
"""Exit codes. A second try may mend the first."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when the day was scored and compared, whatever the verdict."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.shadow.score",
        description="Score with a candidate what the champion has published.",
    )
    parser.add_argument("--date", type=given_day, help="the day, in UTC; today when not given")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
    except ValueError as error:
        sys.stderr.write(f"cannot score: {error}\n")
        return WRONG
    logs.configure(settings.log_level)
    # polars takes as many threads as there are cores unless it is told when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", str(settings.workers or cores()))
    ending.listen()
    try:
        if options.date is None:
            return tonight(settings, datetime.now(UTC).date())
        # The figures of a past day would take the place of the last night's.
        failed = _failed(options.date, lambda: score_day(settings, options.date))
    except Told as told:
        # What lay in the scratch folder is gone.
        sys.stderr.write(f"ended by {told}; the next run begins anew\n")
        return told.code
    return FAILED if failed else 0


def tonight(settings: Settings, day: date) -> int:
    """The scheduled run: score, look at both logs, and tell the figures."""
    from ..observer import Observers
    from ..push import push
    from ..registry import registry_of
    from .figures import ShadowFigures, look

    figures = ShadowFigures(settings)

    def compare() -> None:
        score_day(settings, day)
        figures.found = look(settings, datetime.combine(day, time(), UTC), datetime.now(UTC))

    figures.failed = _failed(day, compare)
    ended = Gauge("shadow_run_timestamp_seconds", "When the last shadow run ended", now)
    push(JOB, registry_of(Observers([]), [*figures.gauges(), ended]), settings)()
    return FAILED if figures.failed else 0


def _failed(day: date, work: Callable[[], None]) -> bool:
    """Do it; whatever goes wrong is told, so that it can be alerted on."""
    try:
        work()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{day} has no shadow: {error}\n")
        return True
    except Exception:
        logger.exception("%s has no shadow", day)
        return True
    return False


def score_day(settings: Settings, day: date) -> None:
    """Predict what the champion has published of a day, into the candidate's log.

    Nothing that anybody reads is written. Raises FileNotFoundError when the champion has published
    nothing, ValueError when the input has changed since or cannot be scored.
    """
    from ..batch.figures import Figures
    from ..batch.manifest import Manifest
    from ..batch.part import output_columns
    from ..batch.run import MANIFEST, run_day
    from ..batch.source import find
    from ..batch.versions import TRIAL, Day, remove_abandoned_trials
    from ..model_folder import ModelFolder

    published = Day(settings.output, day).link / MANIFEST
    if not published.exists():
        raise FileNotFoundError(f"the champion has published nothing of {day} in {settings.output}")
    champion = Manifest.read(published)
    signature = ModelFolder(settings.model_dir).read_signature()
    columns = output_columns(signature)
    files = find(settings.input, day, signature, columns, settings.input_marker)
    if {(one.name, one.sha256) for one in files} != {
        (one.name, one.sha256) for one in champion.inputs
    }:
        raise ValueError(f"the input of {day} is not what the champion has scored")
    settings.shadow_scratch.mkdir(parents=True, exist_ok=True)
    remove_abandoned_trials(settings.shadow_scratch)
    with TemporaryDirectory(prefix=TRIAL, dir=settings.shadow_scratch) as scratch:
        changes = {"output": Path(scratch), "prediction_log": settings.shadow_log}
        elsewhere = settings.model_copy(update=changes)
        figures = Figures(elsewhere, day)
        try:
            run_day(elsewhere, day, again=False, figures=figures, ids_of=champion.version)
        finally:
            # They go nowhere else: the figures of the last run are the champion's.
            with ending.held_back():
                figures.end()


if __name__ == "__main__":
    sys.exit(main())

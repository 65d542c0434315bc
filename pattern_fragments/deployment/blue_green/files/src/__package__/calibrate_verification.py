"""Try the limits of the verification on models of this domain.

The command is `python -m __package__.calibrate_verification`.
It needs the dependencies of training.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .columns import Encoder
from .domain import data
from .feature_matrix import LONGEST_WINDOW, feature_matrix
from .feature_store.offline import point_in_time
from .model_folder import ModelFolder
from .predictor import OnnxPredictor
from .rehearsal.models import prepare
from .rehearsal.story import as_markdown
from .rehearsal.traffic import Traffic
from .settings import Settings, read_settings
from .verification.agreement import distance, rank_correlation

DAY_S = 86_400
MIN_ROWS = 100
"""A day with fewer rows says nothing."""


def calibrate(old: Path, new: Path, traffic: Traffic, settings: Settings) -> dict[str, object]:
    """Compare two models on each day, with the features of that day: a line of the table.

    The verification meets the features of one moment; which one, nobody knows beforehand.
    """
    one, other = (_predicted(model, traffic) for model in (old, new))
    days = traffic.asked_at // DAY_S
    whole = [day for day in np.unique(days) if (days == day).sum() >= MIN_ROWS]
    apart = np.array([distance(one[days == day], other[days == day]) for day in whole])
    alike = np.array([rank_correlation(one[days == day], other[days == day]) for day in whole])
    passed = (apart <= settings.verify_max_distance) & (alike >= settings.verify_min_agreement)
    return {
        "active": old.name,
        "new": new.name,
        "days": len(whole),
        "distance, median": float(np.median(apart)),
        "of 9 in 10 days at most": float(np.quantile(apart, 0.9)),
        "agreement, median": float(np.median(alike)),
        "of 9 in 10 days at least": float(np.quantile(alike, 0.1)),
        "days on which it passes": int(passed.sum()),
    }


def _predicted(model: Path, traffic: Traffic) -> NDArray[np.float64]:
    """What a model predicts for each row, with the features as they were: float64[n]."""
    folder = ModelFolder(model)
    inputs = folder.read_signature().inputs
    columns = Encoder(inputs).rows(traffic.rows)
    first, last = (
        datetime.fromtimestamp(int(moment), UTC)
        for moment in (traffic.asked_at.min(), traffic.asked_at.max())
    )
    events = data.events(first - LONGEST_WINDOW, last + timedelta(seconds=1))
    features = feature_matrix(columns, point_in_time(events, inputs, columns, traffic.asked_at))
    return OnnxPredictor.load(folder, threads=1).predict(features).astype(np.float64)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.calibrate_verification",
        description="On how many days a new version would pass: a good one and a bad one.",
    )
    parser.add_argument("--days", type=int, default=90, help="after the test of the models")
    parser.add_argument(
        "--folder", type=Path, default=Path("data/rehearsal"), help="where the models are"
    )
    parser.add_argument("--small", action="store_true", help="models of a few days")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings()
        models = prepare(options.folder, small=options.small)
        traffic = Traffic.after_test_of(models.candidate, options.days)
        rows = [
            calibrate(models.champion, new, traffic, settings)
            for new in (models.candidate, models.bad)
        ]
    except (ValueError, OSError) as error:
        sys.stderr.write(f"the limits were not tried: {error}\n")
        return 1
    sys.stdout.write(f"{as_markdown(rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Score a past period as if the service had been asked then.

The command is `python -m __package__.backtest`.
It needs the dependencies of training.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from .columns import Encoder
from .domain import data
from .feature_matrix import LONGEST_WINDOW, check_features, feature_matrix
from .feature_store.offline import point_in_time
from .model_folder import ModelFolder, write_atomically
from .object_store import write_parquet
from .period import given_day
from .prediction_log.rows import Rows
from .prediction_log.store import file_name
from .predictor import OnnxPredictor
from .settings import Settings, read_settings
from .signature import Signature

RECORD = "backtest.json"

DAY = timedelta(days=1)


class Record(msgspec.Struct, frozen=True):
    """Which model the folder is of."""

    model_version: str


class Backtest:
    """Writes `predictions` (as the log does) and `outcomes` below a folder, day by day.

    A day's files have the same names and bytes whenever it is scored; its outcomes are written
    last, and a day that has them is done.
    Raises ValueError when the folder is of another model.
    """

    def __init__(self, settings: Settings, output: Path) -> None:
        folder = ModelFolder(settings.model_dir)
        self._signature: Signature = folder.read_signature()
        check_features(self._signature)
        self._predictor = OnnxPredictor.load(folder, settings.threads)
        self._encoder = Encoder(self._signature.inputs)
        self._rows = Rows(self._signature)
        self._output = output
        self._claim(output / RECORD)

    def run(self, day: date) -> int:
        """Score what would have been asked about one day; how many rows, 0 when it is done."""
        if self.is_done(day):
            return 0
        start = datetime.combine(day, clock(), UTC)
        examples = data.examples(start, start + DAY)
        if not len(examples):
            return 0
        inputs = self._signature.inputs
        columns = self._encoder.columns(
            {column.name: examples[column.name].to_list() for column in inputs}
        )
        cuts = examples["asked_at"].dt.epoch("s").to_numpy()
        first = datetime.fromtimestamp(int(cuts.min()), UTC)
        events = data.events(first - LONGEST_WINDOW, start + DAY)
        features = feature_matrix(columns, point_in_time(events, inputs, columns, cuts))
        version = self._signature.version
        ids = [f"{version}-{day:%Y%m%d}-{row}" for row in range(len(examples))]
        rows = self._rows.of(
            ids,
            cuts.astype(np.float64),
            [version] * len(ids),
            self._predictor.predict(features),
            columns,
            features,
        )
        asked = rows.with_columns(date=pl.col("time").dt.date()).partition_by(
            "date", include_key=False, as_dict=True
        )
        for (asked_on,), some in asked.items():
            name = file_name(some, str(day))
            write_parquet(some, str(self._output / "predictions" / f"date={asked_on}" / name))
        known = examples.select("label", pl.col("labelled_at").cast(pl.Datetime("us", "UTC")))
        write_parquet(
            known.insert_column(0, pl.Series("prediction_id", ids)),
            str(self._outcomes(day)),
        )
        return len(ids)

    def is_done(self, day: date) -> bool:
        """Whether that day was scored before."""
        return self._outcomes(day).exists()

    def _outcomes(self, day: date) -> Path:
        return self._output / "outcomes" / f"{day}.parquet"

    def _claim(self, path: Path) -> None:
        mine = Record(self._signature.version)
        if path.exists():
            found = msgspec.json.decode(path.read_bytes(), type=Record)
            if found != mine:
                raise ValueError(
                    f"{path.parent} is a backtest of model {found.model_version}, and this is model"
                    f" {mine.model_version}: remove the folder, or choose another"
                )
        write_atomically(path, msgspec.json.encode(mine))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when the backtest is not complete."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.backtest",
        description="Score a past period as if the service had been asked then.",
    )
    parser.add_argument("--from", type=given_day, dest="first", required=True, help="the first day")
    parser.add_argument(
        "--to", type=given_day, dest="last", required=True, help="the last, included"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("data/backtest"), help="the folder to write"
    )
    options = parser.parse_args(arguments)
    try:
        if options.last < options.first:
            raise ValueError(f"--from {options.first} is after --to {options.last}")
        backtest = Backtest(read_settings(), options.output)
        rows = _run(backtest, options.first, options.last)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"the backtest is not complete: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nended; the same command goes on where it stopped\n")
        return 130
    sys.stdout.write(f"{options.output}: {rows:,} rows scored now\n")
    return 0


def _run(backtest: Backtest, first: date, last: date) -> int:
    days = (last - first).days + 1
    started, rows = time.monotonic(), 0
    for number in range(days):
        day = first + number * DAY
        rows += backtest.run(day)
        left = (time.monotonic() - started) / (number + 1) * (days - number - 1)
        sys.stderr.write(f"\r{day}  {number + 1:,} of {days:,} days  {left:4.0f} s left ")
        sys.stderr.flush()
    sys.stderr.write("\n")
    if not any(backtest.is_done(first + number * DAY) for number in range(days)):
        known = f"{data.PERIOD.start:%Y-%m-%d} to {data.PERIOD.end - DAY:%Y-%m-%d}"
        raise ValueError(
            f"the data have nothing from {first} to {last}; PERIOD, in domain/data.py, is {known}"
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())

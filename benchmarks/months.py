# /// script
# requires-python = ">=3.11"
# ///
"""What a service's alerts would have said about each month of the example's year: a plot and a page.

    SERVICE/.venv/bin/python benchmarks/months.py SERVICE docs      `make months` does it

SERVICE is a generated folder with data quality, drift and performance, trained; docs/monitoring.md and
docs/monitoring.svg are written. The months are scored as they would have been asked (`backtest`), and judged by the
service's own reports and rules, on whole months.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import polars as pl

mpl.use("svg")
import matplotlib.pyplot as plt

YEAR = 2013
FIRST, LAST, KNOWN = f"{YEAR}-01-01", f"{YEAR}-12-31", f"{YEAR + 1}-01-05"
MONTHS = [datetime(YEAR, month, 1, tzinfo=UTC) for month in range(1, 13)]
NAMES = [f"{month:%b}" for month in MONTHS]
MOST_FAILING, MOST_MISSING, MOST_UNKNOWN = 0.02, 0.2, 0.05
"""The margins above training's own shares, as in the alert rules of data quality."""
ENOUGH_OUTCOMES, MOST_BIAS = 1000, 0.05
"""As in the alert rules of performance."""
PREDICTION = "prediction"
"""What drift calls the model's answers."""
QUIET, TRAINED, ALERT = "#dfe7ee", "#b8c7d6", "#c8452e"


class Row(NamedTuple):
    """One kind of alert over the months: whether it fires, and what its cell says."""

    kind: str
    name: str
    fires: list[bool]
    says: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("service", type=Path, help="a generated service with all kinds of monitoring, trained")
    parser.add_argument("docs", type=Path, help="the folder to write to")
    options = parser.parse_args()
    service = options.service.absolute()
    if not (service / "model" / "drift.json").exists() or not (service / "model" / "quality.json").exists():
        sys.exit(f"{service} is no trained service with drift and data quality: `make months` makes one")
    sys.path.insert(0, str(service / "src"))
    os.environ["PYTHONPATH"] = str(service / "src")
    package = next((service / "src").glob("*/backtest.py")).parent.name
    out = service / "data" / "months"
    judge(service, package, out)
    split = datetime.fromisoformat(json.loads((service / "model" / "training.json").read_text())["split"])
    rows = [*drift(out), *performance(service, out), *quality(service, package)]
    draw(rows, split, options.docs / "monitoring.svg")
    (options.docs / "monitoring.md").write_text(page(rows, split), encoding="utf-8")
    print(f"{options.docs / 'monitoring.md'} and monitoring.svg are written")


def judge(service: Path, package: str, out: Path) -> None:
    """Score the year, and let the service's own commands judge it."""
    log, outcomes = str(out / "predictions"), str(out / "outcomes")
    span = ["--from", FIRST, "--to", LAST]
    summary = ["--summary", str(out / "performance.parquet")]
    for command in (
        ["backtest", *span, "--output", str(out)],
        ["drift_report", *span, "--by", "month", "--log", log, "--output", str(out / "drift")],
        ["performance", *span, "--window", "month", "--as-of", KNOWN, "--log", log, "--outcomes", outcomes, *summary],
    ):
        subprocess.run([sys.executable, "-m", f"{package}.{command[0]}", *command[1:]], cwd=service, check=True)


def drift(out: Path) -> Iterator[Row]:
    """The predictions, and how many inputs and features lie above their limits."""
    periods = json.loads((out / "drift" / "report.json").read_text())["periods"]
    over = [
        {
            name: one["psi"]
            for name, one in period["drift"].items()
            if one["psi"] and one["psi_limit"] and one["psi"] > one["psi_limit"]
        }
        for period in periods
    ]
    fires = [PREDICTION in month for month in over]
    yield Row("drift", "predictions", fires, [f"{p['drift'][PREDICTION]['psi']:.2f}" for p in periods])
    others = [{name: psi for name, psi in month.items() if name != PREDICTION} for month in over]
    counts = [str(len(month)) for month in others]
    yield Row("drift", "inputs and features above their limit", [bool(month) for month in others], counts)
    counted = Counter(name for month in others for name in month)
    names = sorted(counted, key=lambda name: (-counted[name], name))
    for name in names[:8]:
        says = [f"{period['drift'][name]['psi'] or 0:.2f}" for period in periods]
        yield Row("drift", name.replace("_", " "), [name in month for month in others], says)


def performance(service: Path, out: Path) -> Iterator[Row]:
    """Ranking against the model's own test, calibration, and gaps between segments."""
    lowest = json.loads((service / "model" / "metrics.json").read_text())["test"]["roc_auc"]["low"]
    summary = pl.read_parquet(out / "performance.parquet").filter(pl.col("window") == "month")
    value = import_module(f"{next((service / 'src').glob('*/backtest.py')).parent.name}.domain.value")

    def figure(name: str, segment: str = "") -> list[dict[str, Any] | None]:
        rows = summary.filter(
            (pl.col("figure") == name) & (pl.col("segment") == segment) & (pl.col("group") == "")
        ).to_dicts()
        by_month = {row["start"].month: row for row in rows}
        return [by_month.get(month.month) for month in MONTHS]

    auc = figure("roc_auc")
    degraded = [bool(one and one["high"] < lowest and one["rows"] >= ENOUGH_OUTCOMES) for one in auc]
    yield Row(
        "performance", "ROC AUC below the model's test", degraded, [f"{one['value']:.3f}" if one else "" for one in auc]
    )
    bias = figure("calibration_bias")
    off = [bool(one and (one["low"] > MOST_BIAS or one["high"] < -MOST_BIAS)) for one in bias]
    yield Row(
        "performance", "predicted minus observed rate", off, [f"{one['value']:+.3f}" if one else "" for one in bias]
    )
    for segment in value.SEGMENTS:
        gap = figure("true_positive_rate_gap", segment.name)
        wide = [bool(one and one["low"] is not None and one["low"] > segment.largest_gap) for one in gap]
        says = [f"{one['value']:.2f}" if one else "" for one in gap]
        yield Row("performance", f"found by {segment.name}: largest gap", wide, says)


def quality(service: Path, package: str) -> Iterator[Row]:
    """Each dimension's worst check, and what is missing or unknown, above training's own shares."""

    def module(name: str) -> Any:
        return import_module(f"{package}.{name}")

    folder = module("model_folder").ModelFolder(service / "model")
    signature = folder.read_signature()
    reference = module("data_quality.reference").Quality.read(folder.path / "quality.json")
    data, gaps = module("domain.data"), module("data_quality.gaps")
    encoder = module("columns").Encoder(signature.inputs)
    worst: dict[str, list[float]] = {}
    for month in MONTHS:
        end = (month.replace(day=28) + (MONTHS[1] - MONTHS[0])).replace(day=1)
        examples = data.examples(month, end)
        columns = encoder.columns({column.name: examples[column.name].to_list() for column in signature.inputs})
        cuts = examples["asked_at"].dt.epoch("s").to_numpy()
        events = data.events(month - module("feature_matrix").LONGEST_WINDOW, end)
        entities = module("feature_store.offline").point_in_time(events, signature.inputs, columns, cuts)
        features = module("feature_matrix").feature_matrix(columns, entities)
        rows = module("data_quality.rows").rows_of(signature, columns, features, cuts)
        found = module("data_quality.validation").validate(rows)
        above: dict[str, list[float]] = {}
        for (dimension, name), count in found.failed.items():
            above.setdefault(dimension, []).append(count / len(rows) - reference.failed[dimension][name])
        missing = gaps.missing(signature, features).items()
        above["features missing"] = [count / len(rows) - reference.missing[name] for name, count in missing]
        unknown = gaps.unknown(signature, columns).items()
        above["categories unknown"] = [count / len(rows) - reference.unknown[name] for name, count in unknown]
        for name, shares in above.items():
            worst.setdefault(name, []).append(max(shares))
    limits = {"features missing": MOST_MISSING, "categories unknown": MOST_UNKNOWN}
    for name, shares in worst.items():
        limit = limits.get(name, MOST_FAILING)
        yield Row(
            "data quality", name, [share > limit for share in shares], [f"{100 * share:+.1f} %" for share in shares]
        )


def draw(rows: list[Row], split: datetime, path: Path) -> None:
    """A cell for each alert and month."""
    mpl.rcParams["svg.hashsalt"] = "months"  # the same figures give the same file
    figure, axes = plt.subplots(figsize=(11, 0.42 * len(rows) + 1.4))
    kinds = [row.kind for row in rows]
    for number, row in enumerate(rows):
        for month, (fires, says) in enumerate(zip(row.fires, row.says, strict=True)):
            trained = MONTHS[month] < split
            colour = ALERT if fires else TRAINED if trained else QUIET
            axes.add_patch(plt.Rectangle((month, number), 0.96, 0.92, color=colour))
            axes.text(
                month + 0.48,
                number + 0.48,
                says,
                ha="center",
                va="center",
                fontsize=8,
                color="white" if fires else "#33424f",
            )
    for kind in dict.fromkeys(kinds):
        axes.axhline(kinds.index(kind) - 0.04, color="#33424f", linewidth=0.8)
    axes.set_xlim(0, 12)
    axes.set_ylim(len(rows), -0.05)
    axes.set_xticks(np.arange(12) + 0.48, NAMES)
    axes.set_yticks(np.arange(len(rows)) + 0.48, [f"{row.kind}: {row.name}" for row in rows], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    trained = "the months that it was trained on are darker"
    axes.set_title(
        f"What alerts (red) in {YEAR}, for a model that learnt until {split:%B %d}; {trained}", fontsize=10, loc="left"
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def page(rows: list[Row], split: datetime) -> str:
    """The same as a table."""
    lines = [
        "# What the alerts say about a real year",
        "",
        "Written by `make months`: do not edit. A service with all four kinds of monitoring is generated and trained,",
        f"the flights of {YEAR} are scored as they would have been asked, and its own reports and rules judge each",
        f"month. The model learnt from what was known before {split:%B %d}; the months before are its own training",
        "rows. Bold: the alert fires.",
        "",
        "![months and alerts](monitoring.svg)",
        "",
        f"| | {' | '.join(NAMES)} |",
        f"|---|{'--:|' * 12}",
    ]
    for row in rows:
        cells = [f"**{says}**" if fires else says for fires, says in zip(row.fires, row.says, strict=True)]
        lines.append(f"| {row.kind}: {row.name} | {' | '.join(cells)} |")
    lines += [
        "",
        "Drift: PSI against the training rows, and each thing's own limit, which training measured on its own weeks.",
        "Performance: ROC AUC fires when its interval lies below that of the model's test, on at least",
        f"{ENOUGH_OUTCOMES:,} outcomes; the bias when its interval is beyond {MOST_BIAS:.2f}; a gap between the true",
        "positive rates of two values of a segment when its lower bound is above the team's limit. Data quality: the",
        "share of rows that fail the worst check, above training's own share, in percentage points; it fires from",
        f"{100 * MOST_FAILING:.0f} on (missing features {100 * MOST_MISSING:.0f}, unknown {100 * MOST_UNKNOWN:.0f}).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

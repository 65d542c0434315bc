"""The report: one page with tables and plots that needs nothing else."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import polars as pl

from ..domain.value import DECISION, SEGMENTS
from ..model_folder import ModelFolder, write_atomically
from . import plots
from .compute import BINS
from .live import read_test
from .run import state
from .windows import RECENT

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem;
  color: #1d2733; background: #fff }
svg { max-width: 100%; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .85rem }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #dde3e9;
  white-space: nowrap }
th:first-child, td:first-child { text-align: left }
"""

COLUMNS = (
    ("predictions", "predictions", ",.0f"),
    ("label_coverage", "with outcome", ".1%"),
    ("label_delay_median_s", "delay, h", "h"),
    ("label_delay_p90_s", "nine in ten, h", "h"),
    ("roc_auc", "ROC AUC", ".3f"),
    ("brier", "Brier", ".3f"),
    ("observed_rate", "observed", ".1%"),
    ("mean_prediction", "predicted", ".1%"),
    ("calibration_error", "calibration error", ".3f"),
    ("cost", "cost", ".2f"),
    ("saving", "saved", ".2f"),
)


def write_report(path: Path, summary: pl.DataFrame, folder: ModelFolder) -> None:
    """Write the page; raises OSError when it cannot be written."""
    write_atomically(path, "\n".join(_page(summary, folder)).encode())


def _page(summary: pl.DataFrame, folder: ModelFolder) -> Iterator[str]:
    name = escape(folder.read_signature().name)
    whole = summary.filter(pl.col("segment") == "")
    over_time = whole.filter(~pl.col("window").is_in([RECENT, ""]))
    recent = summary.filter(pl.col("window") == RECENT)
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Performance of {name}</title><style>{STYLE}</style></head><body>"
    yield f"<h1>Performance of {name}</h1>"
    yield f"<p>{escape(state(summary))}.</p>"
    if len(over_time):
        yield "<h2>Over time</h2>"
        yield from _table(pl.concat([over_time, recent.filter(pl.col("segment") == "")]))
    if len(over_time.filter(pl.col("figure") == "roc_auc")):
        yield from _over_time(over_time, folder)
    if len(recent.filter(pl.col("segment") == BINS)):
        yield from _recent(recent)
    yield "</body></html>"


def _over_time(table: pl.DataFrame, folder: ModelFolder) -> Iterator[str]:
    test = read_test(folder)
    yield "<h3>Ranking</h3><p>ROC AUC with its 95 % interval, which takes whole days as drawn. The"
    yield f" band is the model's own test: {test.low:.3f} to {test.high:.3f}.</p>"
    yield plots.over_time(table, ["roc_auc"], (test.low, test.high))
    yield "<h3>Calibration</h3><p>What was predicted on average, and how often it came.</p>"
    yield plots.over_time(table, ["observed_rate", "mean_prediction"])
    yield f"<h3>Cost</h3><p>{escape(DECISION.unit)} per prediction. Somebody acts from"
    yield f" {DECISION.threshold:g} on; acting pays from {DECISION.break_even:.3g} on.</p>"
    yield plots.over_time(table, ["cost", "cost_never", "cost_always"])
    yield "<h3>Outcomes</h3><p>Share of the predictions old enough that have one.</p>"
    yield plots.over_time(table, ["label_coverage"])


def _recent(recent: pl.DataFrame) -> Iterator[str]:
    start, end = recent.select("start", "end").row(0)
    yield f"<h2>{start:%Y-%m-%d} to {end:%Y-%m-%d}</h2><h3>Calibration</h3>"
    for _, some in sorted(recent.partition_by("model_version", as_dict=True).items()):
        bins = some.filter(pl.col("segment") == BINS)
        if len(bins):
            yield plots.calibration(bins)
    for segment in SEGMENTS:
        rows = recent.filter(pl.col("segment") == segment.name)
        gaps = rows.filter(pl.col("figure") == "true_positive_rate_gap")
        by_group = rows.filter(pl.col("group") != "")
        if not len(by_group):
            continue
        yield f"<h3>By {escape(segment.name)}</h3>"
        for gap in gaps.to_dicts():
            yield f"<p>True positive rates differ by up to {gap['value']:.2f} (at least"
            yield f" {gap['low']:.2f}); an alert tells of more than {segment.largest_gap:g}. Values"
            yield " with few outcomes, or on few days, are left out.</p>"
        yield plots.groups(by_group, segment.name)


def _table(table: pl.DataFrame) -> Iterator[str]:
    heads = ["from", "model", *(title for _, title, _ in COLUMNS)]
    yield '<div class="wide"><table><tr>'
    yield "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
    keys = ["window", "start", "model_version"]
    for row in table.pivot("figure", index=keys, values="value").to_dicts():
        first = f"{row['start']:%Y-%m-%d}" + (" (recent)" if row["window"] == RECENT else "")
        cells = [first, escape(row["model_version"])]
        cells += [_cell(row.get(name), form) for name, _, form in COLUMNS]
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    yield "</table></div>"


def _cell(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return f"{value / 3600:.1f}" if form == "h" else format(value, form)

"""The model card (Mitchell et al. 2019): the figures of this model, the words of its team."""

from collections.abc import Sequence
from pathlib import Path

from .. import domain
from ..signature import Input, Signature
from .evaluate import Metrics
from .export import Agreement
from .record import Record


def model_card(
    signature: Signature,
    metrics: Metrics,
    agreement: Agreement,
    record: Record,
    sections: Sequence[str],
) -> str:
    """The card in Markdown; its plots lie in `plots/` beside it. `sections` are those of steps."""
    more = "".join(f"{section.strip()}\n\n" for section in sections)
    pages = sorted(Path(domain.__file__).parent.glob("CARD*.md"))
    words = "\n\n".join(page.read_text(encoding="utf-8").strip() for page in pages)
    constant_brier = metrics.rate * (1 - metrics.rate)
    return f"""\
# {signature.name} {signature.version}

{signature.output.description}.

{words}

## Data

| | from | to | rows |
|---|---|---|--:|
| training | {record.start:%Y-%m-%d} | {record.split:%Y-%m-%d} | {record.train_rows:,} |
| test | {record.split:%Y-%m-%d} | {record.end:%Y-%m-%d} | {record.test_rows:,} |

The split is by time. A training row's outcome was known before the test period began.
Fingerprint of the data: `{record.data_fingerprint}`.

## Results on the test period

| metric | value | 95 % interval |
|---|--:|---|
{_results(metrics)}

Positive outcomes: {metrics.rate:.1%}. The intervals are of the whole period and resample whole
days; a single month scatters more. Entity features are as of each row's own moment: from a snapshot
that is older, the model does worse. A constant answer would
have an average precision of {metrics.rate:.3f} and a Brier score of {constant_brier:.3f}.

![ROC and precision-recall curves](plots/curves.png)
![Calibration](plots/calibration.png)
![By month](plots/months.png)

| month | rows | observed | predicted | ROC AUC |
|---|--:|--:|--:|--:|
{_months(metrics)}

## Inputs

| name | type | meaning | values |
|---|---|---|---|
{_inputs(signature)}

## Features

{len(signature.features)} features: {", ".join(f"`{name}`" for name in signature.features)}.

![Permutation importance](plots/importance.png)

{more}## Form

Served as ONNX. On {agreement.rows:,} test rows its answers differ from those of the trained model
by at most {agreement.largest_difference:.1e} ({agreement.difference_of_999_in_1000:.1e} for 999 in
1,000 rows), and its ROC AUC by {agreement.roc_auc_difference:.1e}.

## Origin

Git revision: {record.git_revision or "none"}. Seed: {record.seed}.
Software: {", ".join(f"{name} {version}" for name, version in record.software.items())}.
"""


def _results(metrics: Metrics) -> str:
    figures = {
        "ROC AUC": metrics.roc_auc,
        "Average precision": metrics.average_precision,
        "Brier score": metrics.brier,
    }
    rows = [
        f"| {name} | {figure.value:.4f} | {figure.low:.4f} to {figure.high:.4f} |"
        for name, figure in figures.items()
    ]
    return "\n".join([*rows, f"| Expected calibration error | {metrics.calibration_error:.4f} | |"])


def _months(metrics: Metrics) -> str:
    return "\n".join(
        f"| {month.month} | {month.rows:,} | {month.rate:.1%} | {month.mean_prediction:.1%} |"
        f" {'-' if month.roc_auc is None else format(month.roc_auc, '.3f')} |"
        for month in metrics.months
    )


def _inputs(signature: Signature) -> str:
    return "\n".join(
        f"| `{column.name}` | {column.type} | {column.description} | {_values(column)} |"
        for column in signature.inputs
    )


def _values(column: Input) -> str:
    if column.type == "timestamp":
        low = "" if column.earliest is None else f", from {column.earliest}"
        high = "" if column.latest is None else f" to {column.latest}"
        return f"ISO 8601 with UTC offset{low}{high}"
    if column.type == "number":
        low = "" if column.minimum is None else f"from {column.minimum:g} "
        high = "" if column.maximum is None else f"to {column.maximum:g} "
        return f"{low}{high}{column.unit}".strip()
    known = f"{len(column.categories)} known"
    return f"{known}, others allowed" if column.accepts_unknown else ", ".join(column.categories)

"""Train the model: `python -m __package__.train`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from .domain import data, model
from .domain.features import OUTPUT
from .feature_matrix import feature_names
from .feature_store.offline import publish
from .model_folder import ModelFolder, replacing
from .period import Period, start_of_day
from .predictor import OnnxPredictor
from .signature import Signature
from .training import plots
from .training.card import model_card
from .training.dataset import Dataset, load
from .training.evaluate import evaluate
from .training.export import agreement
from .training.importance import permutation_importance
from .training.progress import Progress
from .training.record import Record, git_revision, software
from .training.reference import profile
from .training.steps import STEPS

NAME = "__package__"
THREADS = 2
"""Of ONNX Runtime, while it answers the test period. The fit takes what OMP_NUM_THREADS says."""


def train(output: Path, period: Period, seed: int) -> None:
    """Train, test and write a model folder to `output`, which is replaced as a whole.

    Raises ValueError when data, model or folder are not fit for it.
    """
    started_at = datetime.now(UTC)
    progress = Progress()
    with replacing(output) as folder:
        with progress.step("data and features"):
            dataset = load(period)
        rows, test = dataset.is_train, dataset.is_test
        names = feature_names(dataset.inputs)
        with progress.step(f"fit on {rows.sum():,} rows"):
            fitted = model.fit(dataset.features[rows], dataset.labels[rows], seed)
        with progress.step("ONNX form"):
            signature = _write_model(
                folder, dataset, names, model.to_onnx(fitted, len(names)), period
            )
            predictor = OnnxPredictor.load(folder, THREADS)
        labels, features = dataset.labels[test], dataset.features[test]
        with progress.step(f"test on {test.sum():,} rows"):
            predicted = predictor.predict(dataset.features)
            predictions = predicted[test]
            agreed = agreement(labels, model.predict(fitted, features), predictions)
            metrics = evaluate(labels, predictions, dataset.cuts[test], seed)
        with progress.step("reference profile"):
            reference = profile(
                dataset.inputs,
                {name: column[rows] for name, column in dataset.columns.items()},
                names,
                dataset.features[rows],
                predicted[rows],
            )
        _write_json(folder.reference, reference)
        sections = []
        for name, step in STEPS:
            with progress.step(name):
                sections.append(step(dataset, predicted, folder))
        with progress.step("importance of features"):
            importance = permutation_importance(predictor.predict, names, features, labels, seed)
        with progress.step("plots"):
            plots.draw(folder.plots, labels, predictions, metrics, importance)
        with progress.step("entity features as of now"):
            publish(folder.path, dataset.inputs, dataset.events)
        record = Record(
            started_at=started_at,
            start=period.start,
            split=period.split,
            end=period.end,
            seed=seed,
            train_rows=int(rows.sum()),
            test_rows=int(test.sum()),
            data_fingerprint=dataset.fingerprint,
            git_revision=git_revision(Path(__file__).parent),
            seconds=progress.seconds,
            software=software(),
        )
        _write_json(folder.metrics, {"test": metrics, "onnx": agreed, "importance": importance})
        _write_json(folder.training, record)
        card = model_card(signature, metrics, agreed, record, [one for one in sections if one])
        folder.card.write_text(card, encoding="utf-8")
    progress.say(f"{signature.name} {signature.version}: ROC AUC {metrics.roc_auc}")
    progress.say(f"Read {output / folder.card.name}")


def _write_model(
    folder: ModelFolder, dataset: Dataset, names: tuple[str, ...], graph: bytes, period: Period
) -> Signature:
    """Write the graph and its signature; its version names the end of the training rows."""
    signature = Signature(
        name=NAME, version="", inputs=dataset.inputs, features=names, output=OUTPUT
    )
    digest = sha256(graph + msgspec.json.encode(signature)).hexdigest()
    signature = msgspec.structs.replace(signature, version=f"{period.split:%Y%m%d}-{digest[:8]}")
    folder.model.write_bytes(graph)
    signature.write(folder.signature)
    return signature


def _write_json(path: Path, content: object) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 1 when there is no new model."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.train",
        description="Train the model.",
    )
    parser.add_argument("--output", type=Path, default=Path("model"), help="model folder to write")
    parser.add_argument(
        "--start", type=start_of_day, default=data.PERIOD.start, help="first day of training"
    )
    parser.add_argument(
        "--split", type=start_of_day, default=data.PERIOD.split, help="first day of the test"
    )
    parser.add_argument(
        "--end", type=start_of_day, default=data.PERIOD.end, help="the day after the test"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    options = parser.parse_args(arguments)
    try:
        train(options.output, Period(options.start, options.split, options.end), options.seed)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"no model was written: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

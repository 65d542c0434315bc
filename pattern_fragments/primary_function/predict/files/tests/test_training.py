"""What training leaves behind, and when it refuses to leave anything."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from __package__.columns import UNKNOWN
from __package__.domain import data
from __package__.model_folder import ModelFolder
from __package__.period import Period
from __package__.signature import Signature
from __package__.train import main
from __package__.training.dataset import KNOWN_SHARE, load
from __package__.training.record import Record, git_revision

PERIOD = [
    f"--{name}={moment:%Y-%m-%d}"
    for name, moment in (
        ("start", data.SMALL_PERIOD.start),
        ("split", data.SMALL_PERIOD.split),
        ("end", data.SMALL_PERIOD.end),
    )
]


def test_the_same_seed_and_data_give_the_same_bytes(
    model_folder: ModelFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ModelFolder(tmp_path / "again")
    assert main([f"--output={again.path}", *PERIOD]) == 0
    assert "ROC AUC" in capsys.readouterr().out
    for path in (again.model, again.signature, again.metrics, again.reference):
        assert path.read_bytes() == (model_folder.path / path.name).read_bytes(), path.name


def test_the_folder_tells_where_the_model_comes_from(model_folder: ModelFolder) -> None:
    record = msgspec.json.decode(model_folder.training.read_bytes(), type=Record)
    assert (record.start, record.split, record.end) == (
        data.SMALL_PERIOD.start,
        data.SMALL_PERIOD.split,
        data.SMALL_PERIOD.end,
    )
    assert record.train_rows > 0
    assert record.test_rows > 0
    assert len(record.data_fingerprint) == 64


def test_the_reference_covers_inputs_features_and_predictions(
    model_folder: ModelFolder, signature: Signature
) -> None:
    reference = json.loads(model_folder.reference.read_bytes())
    compared = [column.name for column in signature.inputs if column.type != "timestamp"]
    assert list(reference["inputs"]) == compared
    assert list(reference["features"]) == list(signature.features)
    for found in reference["features"].values():
        assert sum(found["counts"]) + found["missing"] == reference["rows"]
    assert sum(reference["predictions"]["counts"]) == reference["rows"]


def test_the_card_has_figures_and_all_its_plots(
    model_folder: ModelFolder, signature: Signature
) -> None:
    card = model_folder.card.read_text()
    assert signature.version in card
    assert "ROC AUC" in card
    plots = sorted(model_folder.plots.iterdir())
    assert len(plots) == 4
    for plot in plots:
        assert f"(plots/{plot.name})" in card
        assert plot.stat().st_size > 1_000


def test_the_version_names_the_end_of_the_training_rows(signature: Signature) -> None:
    assert signature.version.startswith(f"{data.SMALL_PERIOD.split:%Y%m%d}-")


def test_a_period_without_enough_outcomes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = data.PERIOD.start - timedelta(days=900)
    days = [f"{before + timedelta(days=days):%Y-%m-%d}" for days in (0, 1, 2)]
    arguments = [
        f"--{name}={day}" for name, day in zip(("start", "split", "end"), days, strict=True)
    ]
    assert main([f"--output={tmp_path / 'model'}", *arguments]) == 1
    assert "no model was written: the training period holds 0" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_period_in_the_wrong_order_is_refused() -> None:
    start, end = data.SMALL_PERIOD.start, data.SMALL_PERIOD.end
    with pytest.raises(ValueError, match="start < split < end"):
        Period(start, end, start)


def test_outside_of_git_there_is_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git_revision(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git_revision(tmp_path) is None


def test_a_revision_says_when_files_are_in_no_commit(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        ran = subprocess.run(  # noqa: S603 - fixed arguments
            [shutil.which("git") or "git", "-C", tmp_path, *identity, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.strip()

    git("init")
    assert git_revision(tmp_path) is None
    git("commit", "--allow-empty", "--message=first")
    commit = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == commit
    (tmp_path / "new.py").touch()
    assert git_revision(tmp_path) == f"{commit}-dirty"


def test_rare_categories_teach_the_model_the_unknown() -> None:
    dataset = load(data.SMALL_PERIOD)
    for column in dataset.inputs:
        if column.accepts_unknown:
            codes = dataset.columns[column.name][dataset.is_train]
            known = np.bincount(codes[codes != UNKNOWN], minlength=len(column.categories))
            assert known.min() >= KNOWN_SHARE * len(codes)
            assert known.sum() < len(codes), column.name

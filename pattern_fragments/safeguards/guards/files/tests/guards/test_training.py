"""Training leaves the envelope beside the model, and the card says what it would refuse."""

import re

import numpy as np
import pytest

from __package__.domain import data
from __package__.guards.envelope import FILE_NAME, Envelope, Reach
from __package__.guards.training import MARGINS, card_section
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.signature import Signature
from __package__.training.dataset import load


def test_the_envelope_is_that_of_the_training_rows_alone(
    model_folder: ModelFolder, signature: Signature
) -> None:
    dataset = load(data.SMALL_PERIOD)
    days = len(np.unique(dataset.cuts[dataset.is_train] // 86_400))
    expected = Envelope.of(signature.features, dataset.features[dataset.is_train], days)
    assert Envelope.read(model_folder.path / FILE_NAME) == expected


def test_the_card_has_the_margin_that_is_the_default() -> None:
    assert Settings.model_fields["guard_margin"].default in MARGINS


def test_the_model_card_says_how_many_rows_of_the_test_each_margin_would_refuse(
    model_folder: ModelFolder,
) -> None:
    card = model_folder.card.read_text(encoding="utf-8")
    section = card.split("## Guard\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([\d.]+) \| ([\d,]+) \(", section, re.MULTILINE)
    assert [float(margin) for margin, _ in found] == list(MARGINS)
    refused = [int(rows.replace(",", "")) for _, rows in found]
    assert refused == sorted(refused, reverse=True)


@pytest.mark.parametrize("margin", [0, 1])
def test_the_card_counts_rows_and_names_the_features_that_refuse_most(margin: float) -> None:
    envelope = Envelope(100, {"a": Reach(0.0, 1.0, 0), "b": Reach(0.0, 1.0, 1)})
    features = np.array([[0.5, 0.5], [1.5, 0.5], [9.0, np.nan], [np.nan, -9.0]], np.float32)
    lines = card_section(envelope, features).splitlines()
    [line] = [row for row in lines if row.startswith(f"| {margin:g} ")]
    outside = 3 if margin == 0 else 2
    assert line.split(" | ")[1:4] == [
        f"{outside} ({outside / 4:.3%})",
        f"{outside} ({outside / 4:.3%})",
        "1 (25.000%)",
    ]
    assert line.endswith(f"`a` {outside}, `b` 1 |")

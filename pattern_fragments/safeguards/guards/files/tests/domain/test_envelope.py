"""The default margin lets the domain's good rows pass."""

from __package__.domain import data
from __package__.guards.envelope import FILE_NAME, Bounds, Envelope
from __package__.model_folder import ModelFolder
from __package__.settings import Settings
from __package__.training.dataset import load

MOST_REFUSED = 0.001
"""Of later rows that have every feature which training always had."""


def test_hardly_any_row_of_later_days_is_too_far_out(model_folder: ModelFolder) -> None:
    dataset = load(data.SMALL_PERIOD)
    margin = Settings.model_fields["guard_margin"].default
    bounds = Bounds(Envelope.read(model_folder.path / FILE_NAME), margin)
    below, above, _ = bounds.broken(dataset.features[dataset.is_test])
    assert (below | above).any(axis=1).mean() <= MOST_REFUSED

"""The card says where the data come from, how long they stay, and whom the model serves worse."""

import pytest

from __package__.model_folder import ModelFolder


@pytest.mark.parametrize(
    "heading", ["Where the data come from", "How long data are kept", "Performance by segment"]
)
def test_the_card_has_each_section_with_words_in_it(
    model_folder: ModelFolder, heading: str
) -> None:
    _, found, rest = model_folder.card.read_text().partition(f"\n## {heading}\n")
    assert found, f"the card has no section {heading}: src/*/domain/CARD*.md, or training"
    assert len(rest.partition("\n## ")[0].split()) >= 5

"""The card says whom the model touches, who watches over it, and whom to ask."""

import pytest

from __package__.model_folder import ModelFolder


@pytest.mark.parametrize(
    "heading",
    [
        *("What it is for", "What it is not for", "Classification"),
        *("Who is affected", "Human oversight", "Contact"),
    ],
)
def test_the_card_has_each_section_with_words_in_it(
    model_folder: ModelFolder, heading: str
) -> None:
    _, found, rest = model_folder.card.read_text().partition(f"\n## {heading}\n")
    assert found, f"no file src/*/domain/CARD*.md has the section {heading}"
    assert len(rest.partition("\n## ")[0].split()) >= 5

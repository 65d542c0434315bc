"""Training refuses bad rows, and writes down how good its rows were."""

from pathlib import Path

import pytest

from __package__.data_quality.reference import FILE_NAME, Quality
from __package__.data_quality.training import refuse
from __package__.data_quality.validation import CHECKS, Found
from __package__.domain.quality import MOST_FAILING
from __package__.model_folder import ModelFolder

FIRST, SECOND = ("validity", "short"), ("consistency", "in order")


def test_the_model_folder_has_the_share_of_every_check(model_folder: ModelFolder) -> None:
    quality = Quality.read(model_folder.path / FILE_NAME)
    written = {(one, name) for one, checks in quality.failed.items() for name in checks}
    assert written == set(CHECKS)
    assert quality.rows > 0
    shares = [share for checks in quality.failed.values() for share in checks.values()]
    assert all(0 <= share <= MOST_FAILING for share in shares)


def test_as_many_bad_rows_as_stated_are_taken() -> None:
    refuse(Found(1000, {FIRST: int(1000 * MOST_FAILING), SECOND: 0}, 0))


def test_more_are_refused_by_the_name_of_the_check_and_no_other() -> None:
    found = Found(1000, {FIRST: 900, SECOND: 0}, 900)
    with pytest.raises(ValueError, match=r"validity, short: 90\.00%") as refused:
        refuse(found)
    assert "in order" not in str(refused.value)


def test_a_model_without_the_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"quality\.json is missing: train again"):
        Quality.read(tmp_path / FILE_NAME)
    (tmp_path / FILE_NAME).write_text("{}")
    with pytest.raises(ValueError, match="holds no data quality"):
        Quality.read(tmp_path / FILE_NAME)

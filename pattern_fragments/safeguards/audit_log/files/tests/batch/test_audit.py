"""A run records all that it has scored before it ends."""

from pathlib import Path

import pytest

from __package__.audit.show import find
from __package__.audit.verify import verify
from __package__.settings import Settings

from .conftest import DAY, command, read

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("day_input")]


@pytest.fixture
def audited(settings: Settings, tmp_path: Path) -> Settings:
    """The settings, with a log of this test's own."""
    return Settings(**settings.model_dump(exclude_unset=True), audit_dir=tmp_path / "log")


def test_every_row_that_is_published_has_an_entry(audited: Settings) -> None:
    done = command(audited, "--date", str(DAY))
    assert done.returncode == 0, done.stderr
    report = verify(audited.audit_dir)
    assert not report.findings
    [chain] = report.chains
    rows = read(audited.output)
    assert (chain.is_closed, chain.rows, chain.missing_rows) == (True, rows.height, 0)
    for row in (0, rows.height - 1):
        [place] = find(audited.audit_dir, prediction_id=rows["prediction_id"][row])
        assert place.entry.version == rows["model_version"][row]


def test_a_trial_records_nothing(audited: Settings) -> None:
    assert command(audited, "--date", str(DAY), "--trial").returncode == 0
    assert list(audited.audit_dir.iterdir()) == []

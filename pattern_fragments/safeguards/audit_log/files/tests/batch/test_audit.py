"""A run records all that it has scored before it ends."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from __package__.audit.chain import Chain
from __package__.audit.show import find
from __package__.audit.verify import verify
from __package__.batch.figures import Figures
from __package__.batch.run import run_day
from __package__.settings import Settings

from .conftest import DAY, command, published, read

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


def test_what_cannot_be_recorded_is_not_published_and_the_next_run_goes_on(
    audited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = audited.model_copy(update={"audit_patience_s": 0.2})
    add, room = Chain.add, iter([True])

    def until_the_disk_is_full(chain: Chain, encoded: Sequence[bytes]) -> None:
        if not next(room, False):
            raise OSError(28, "No space left on device")
        add(chain, encoded)

    with monkeypatch.context() as patched:
        patched.setattr(Chain, "add", until_the_disk_is_full)
        figures = Figures(impatient, DAY)
        with pytest.raises(ValueError, match="cannot be recorded"):
            run_day(impatient, DAY, again=False, figures=figures)
        figures.end()
    assert not published(audited.output).exists()
    figures = Figures(audited, DAY)
    run_day(audited, DAY, again=False, figures=figures)
    figures.end()
    rows = read(audited.output)["prediction_id"]
    assert not [row for row in rows if not any(find(audited.audit_dir, prediction_id=row))]


def test_a_disk_that_takes_entries_again_soon_ends_no_run(
    audited: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = audited.model_copy(update={"audit_patience_s": 10.0})
    add, room = Chain.add, iter([False, False])

    def after_a_while(chain: Chain, encoded: Sequence[bytes]) -> None:
        if not next(room, True):
            raise OSError(28, "No space left on device")
        add(chain, encoded)

    monkeypatch.setattr(Chain, "add", after_a_while)
    figures = Figures(patient, DAY)
    run_day(patient, DAY, again=False, figures=figures)
    figures.end()
    [chain] = verify(audited.audit_dir).chains
    assert (chain.rows, chain.missing_rows) == (read(audited.output).height, 0)


def test_a_trial_records_nothing(audited: Settings) -> None:
    assert command(audited, "--date", str(DAY), "--trial").returncode == 0
    assert list(audited.audit_dir.iterdir()) == []

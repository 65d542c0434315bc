"""The rehearsal of blue/green, with small models; the same command verifies as in the cluster."""

import shutil
from pathlib import Path

import msgspec
import pytest

from __package__ import rehearse, verify
from __package__.model_folder import ModelFolder
from __package__.rehearsal.models import Models
from __package__.rehearsal.processes import Faults, Server
from __package__.rehearsal.traffic import Traffic
from __package__.verification import asking
from __package__.verification.examples import Examples

pytestmark = pytest.mark.slow

FINE: rehearse.Row = {"by green": 9, "refused": 0, "lost": 0, "wrong": 0}


@pytest.fixture(scope="module")
def few(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The models with few example rows, so that they are verified soon."""
    folder = tmp_path_factory.mktemp("few")
    copies = [shutil.copytree(model, folder / model.name) for model in models]
    for copy in copies:
        model = ModelFolder(copy)
        Examples(Examples.read(model).rows[::8]).write(model)
    return Models(*copies)


@pytest.fixture
def agreeing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of five days each agree on little: any agreement will do."""
    monkeypatch.setenv("SERVICE_VERIFY_MAX_DISTANCE", "1")
    monkeypatch.setenv("SERVICE_VERIFY_MIN_AGREEMENT", "-1")
    monkeypatch.setenv("SERVICE_VERIFY_MAX_MS", "75")


@pytest.mark.usefixtures("agreeing")
def test_the_verification_has_its_limits_from_the_shell_and_no_other_setting(
    few: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_MAX_ROWS", "0")  # with it nothing starts
    with Server(few.champion, tmp_path / "log") as server:
        verified = rehearse._verify(server, server, few.champion)
    assert "passed" in verified.stdout


@pytest.mark.usefixtures("agreeing")
def test_a_good_version_takes_over_gives_way_and_takes_over_and_nothing_is_lost(
    few: Models, traffic: Traffic, tmp_path: Path
) -> None:
    row = rehearse.play("good", few, traffic, tmp_path, seconds=0.6)
    assert rehearse.is_as_expected(row)
    assert row["requests"] == row["by blue"] + row["by green"]  # type: ignore[operator]
    outcome = msgspec.json.decode((tmp_path / "blue_green/good/outcome.json").read_bytes())
    assert outcome["promoted"] is True
    assert outcome["counts"]["answered"] == row["requests"]
    texts = [step["text"] for step in outcome["steps"]]
    assert "verify: passed" in texts
    assert "blue ends, with exit code 0" in texts


def test_a_bad_version_is_refused_before_any_caller_meets_it(
    few: Models, traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Models of five days say so little that a bad one lies nearer than one that has learnt more.
    monkeypatch.setenv("SERVICE_VERIFY_MAX_DISTANCE", "0.2")
    row = rehearse.play("bad", few, traffic, tmp_path, seconds=0.3)
    assert rehearse.is_as_expected(row)
    assert row["by green"] == 0
    report = (tmp_path / "blue_green/bad/report.md").read_text()
    assert "**not promoted**: refused: of version" in report


@pytest.mark.usefixtures("agreeing")
def test_a_version_with_faults_is_refused_in_a_sentence(
    few: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(few.champion))

    def last_line(active: Server, preview: Server, code: int) -> str:
        assert verify.main(["--active", active.url, "--preview", preview.url]) == code
        return capsys.readouterr().out.splitlines()[-1]

    with (
        Server(few.champion, tmp_path / "blue.log") as blue,
        Server(few.champion, tmp_path / "failing.log", Faults(fail_share=0.05)) as failing,
        Server(few.champion, tmp_path / "slow.log", Faults(delay_s=0.08)) as slow,
    ):
        assert last_line(blue, blue, 0) == "passed"
        assert "did not answer 3 of 63 rows (status 500)" in last_line(blue, failing, 1)
        assert "19 of 20 answers come within" in last_line(blue, slow, 1)


def test_a_version_that_does_not_become_ready_is_refused(
    few: Models, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "READY_TIMEOUT_S", 0.0)
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(few.champion))
    nobody = "http://127.0.0.1:9"
    assert verify.main(["--active", nobody, "--preview", nobody]) == 1
    assert f"refused: it cannot be verified: {nobody} is not ready" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"candidate": "good", "outcome": "promoted"}, True),
        ({"candidate": "good", "outcome": "refused", "by green": 0}, False),
        ({"candidate": "bad", "outcome": "promoted"}, False),
        ({"candidate": "bad", "outcome": "refused", "by green": 0}, True),
        ({"candidate": "bad", "outcome": "refused", "by green": 1}, False),
        ({"candidate": "good", "outcome": "promoted", "lost": 1}, False),
        ({"candidate": "good", "outcome": "promoted", "wrong": 1}, False),
        ({"candidate": "good", "outcome": "promoted", "refused": 1}, False),
    ],
)
def test_only_the_right_outcome_without_a_loss_is_as_expected(
    row: rehearse.Row, expected: bool
) -> None:
    assert rehearse.is_as_expected(FINE | row) is expected

"""A canary release with real processes: the good model is promoted, bad versions are not."""

import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import onnx
import pytest
from onnx import helper

from __package__.canary.analysis import Verdict
from __package__.canary.manifests import read_limits
from __package__.model_folder import ModelFolder
from __package__.rehearsal.answers import Judged
from __package__.rehearsal.models import Models
from __package__.rehearsal.processes import Faults
from __package__.rehearsal.traffic import Traffic
from __package__.rehearse import (
    CANDIDATES,
    Candidate,
    Ended,
    Plan,
    ended_well,
    main,
    play,
)

pytestmark = pytest.mark.slow

# Fewer requests than in earnest, so that it takes seconds, with margins that are as much smaller.
# How fast a busy machine answers says nothing here.
LIMITS = replace(
    read_limits(),
    enough=40,
    errors_tolerated=0.02,
    refused_tolerated=0.02,
    slow_tolerated=0.5,
    distance_tolerated=0.2,
    z=0.7,
    kolmogorov=0.2,
)
PLAN = Plan(weights=[40, 50], limits=LIMITS, step_s=6, rate_per_s=80, settle_s=0.5)


@pytest.fixture
def versions(models: Models, tmp_path: Path) -> Models:
    """A stable version, one that predicts the same under another name, and one that sees nothing.

    Models of a few days each differ more than a limit for real ones allows, and a bad one not
    always as much.
    """
    twin, blind = tmp_path / "twin", tmp_path / "blind"
    for copy in (twin, blind):
        shutil.copytree(models.candidate, copy)
        signature = ModelFolder(copy).read_signature()
        msgspec.structs.replace(signature, version=copy.name).write(ModelFolder(copy).signature)
    graph = ModelFolder(blind).model
    graph.write_bytes(seeing_nothing(graph.read_bytes()))
    return Models(models.candidate, twin, blind)


def seeing_nothing(graph: bytes) -> bytes:
    """The same graph, but each feature of each row is 0: all predictions are the same."""
    model = onnx.load_from_string(graph)
    [given] = model.graph.input
    for node in model.graph.node:
        node.input[:] = ["nothing" if name == given.name else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["nothing"]))
    model.graph.node.insert(0, helper.make_node("Shape", [given.name], ["shape"]))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("name", "promoted", "why", "ends"),
    [
        ("good", True, "within limits", "stable ends, with exit code 0"),
        ("bad", False, "distance", "canary ends, with exit code 0"),
        ("failing", False, "errors", "canary ends, with exit code 0"),
        ("refusing", False, "refused", "canary ends, with exit code 0"),
        ("crash", False, "restarts 1", "canary ends, with exit code -9"),
    ],
)
def test_the_outcome_is_as_it_has_to_be(
    versions: Models,
    traffic: Traffic,
    tmp_path: Path,
    name: str,
    promoted: bool,
    why: str,
    ends: str,
) -> None:
    ended = play(name, versions, traffic, PLAN, tmp_path)
    assert why in ended.why
    assert ended_well(name, ended)
    assert (ended.judged.refused > 0) == (name in {"failing", "refusing"})
    assert (ended.judged.lost > 0) == (name == "crash")
    place = tmp_path / "canary" / name
    outcome = msgspec.json.decode((place / "outcome.json").read_bytes())
    assert outcome["promoted"] is promoted
    assert ends in [step["text"] for step in outcome["steps"]]
    assert len(outcome["answers"]) == 2
    assert (place / "plot.svg").exists()


def test_too_few_calls_promote_nothing_and_find_nothing(
    versions: Models, traffic: Traffic, tmp_path: Path
) -> None:
    short = replace(PLAN, step_s=1, limits=replace(LIMITS, enough=10_000))
    ended = play("bad", versions, traffic, short, tmp_path)
    assert ended.verdict is Verdict.INCONCLUSIVE
    assert "too few calls" in ended.why
    assert not ended_well("bad", ended)
    report = (tmp_path / "canary" / "bad" / "report.md").read_text()
    assert "**waits for a person**" in report
    assert "both versions go on" in report


def test_a_version_that_answers_slowly_goes_back(
    versions: Models, traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Slower than a busy machine, and quick enough for those who wait behind.
    slow = replace(CANDIDATES["slow"], faults=Faults(delay_s=0.1))
    monkeypatch.setitem(cast("dict[str, Candidate]", CANDIDATES), "slow", slow)
    ended = play("slow", versions, traffic, replace(PLAN, rate_per_s=15, step_s=8), tmp_path)
    assert "slow" in ended.why
    assert ended_well("slow", ended)


def test_whoever_ends_the_rehearsal_ends_its_servers(models: Models) -> None:
    folder = models.champion.parents[2]
    command = [
        sys.executable,
        "-m",
        "__package__.rehearse",
        "--small",
        f"--folder={folder}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this package
        assert process.stdout
        for line in process.stdout:
            if "is ready beside it" in line:
                break
        process.terminate()
        assert process.wait(60) == 130
    for name in ("stable", "canary"):
        log = (folder / "canary" / "good" / f"{name}.log").read_text()
        [port] = re.findall(r'"port": ?(\d+)', log)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))


@pytest.mark.parametrize(
    ("name", "verdict", "refused", "lost", "wrong", "well"),
    [
        ("good", Verdict.SUCCESSFUL, 0, 0, 0, True),
        ("good", Verdict.FAILED, 0, 0, 0, False),
        ("good", Verdict.SUCCESSFUL, 0, 1, 0, False),
        ("good", Verdict.SUCCESSFUL, 5, 0, 0, False),
        ("bad", Verdict.FAILED, 5, 0, 0, True),
        ("bad", Verdict.SUCCESSFUL, 0, 0, 0, False),
        ("bad", Verdict.INCONCLUSIVE, 0, 0, 0, False),
        ("bad", Verdict.FAILED, 0, 0, 1, False),
        ("bad", Verdict.FAILED, 0, 1, 0, False),
        ("crash", Verdict.FAILED, 0, 1, 0, True),
        ("crash", Verdict.SUCCESSFUL, 0, 1, 0, False),
    ],
)
def test_a_wrong_outcome_and_a_lost_or_wrong_answer_are_told_by_the_exit_code(
    name: str, verdict: Verdict, refused: int, lost: int, wrong: int, well: bool
) -> None:
    judged = Judged(answered=100, refused=refused, lost=lost, wrong=wrong)
    assert ended_well(name, Ended(verdict, "because", judged)) is well


def test_an_unknown_candidate_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--candidate", "unknown"])
    assert "invalid choice: 'unknown'" in capsys.readouterr().err

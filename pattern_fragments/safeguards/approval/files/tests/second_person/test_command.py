"""deploy/approve.py writes down what is asked for, and what a second person decides."""

import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from .conftest import (
    ANOTHER,
    ASKER,
    DECIDER,
    DIGEST,
    IMAGE,
    MAKER,
    OTHER,
    Repository,
    day,
    write_model,
)

APPROVE = ("approve", "1.2.3", "--model", "model", "--grounds", "Better in every month.")


def test_a_request_names_image_model_and_who_asks(asked: Repository) -> None:
    found = tomllib.loads(asked.approval.read_text())
    assert (found["image"], found["digest"]) == ("registry/name:1.2.3", DIGEST)
    assert found["asked_by"] == ASKER
    [model] = found["models"]
    assert model["version"] == "20130701-1"
    card = (asked.root / "model" / "MODEL_CARD.md").read_bytes()
    assert model["files"]["MODEL_CARD.md"] == sha256(card).hexdigest()
    assert set(model["files"]) == {
        *("MODEL_CARD.md", "model.onnx", "signature.json", "training.json")
    }


@pytest.mark.parametrize("image", ["registry/name:1.2.3", f"registry/name@{DIGEST}", "../name:1@x"])
def test_a_request_needs_release_and_digest(empty: Repository, image: str) -> None:
    ran = empty.approve("ask", image, "--model", "model")
    assert ran.returncode == 1
    assert "is no NAME:RELEASE@sha256:" in ran.stderr
    assert not empty.approval.parent.exists()


def test_a_release_is_asked_for_once(approved: Repository) -> None:
    before = approved.approval.read_text()
    ran = approved.approve("ask", f"registry/name:1.2.3@{OTHER}", "--model", "model")
    assert ran.returncode == 1
    assert "a release is asked for once" in ran.stderr
    assert approved.approval.read_text() == before


@pytest.mark.parametrize("revision", ["None", f"{'a' * 40}-dirty"])
def test_a_model_of_what_is_in_no_commit_cannot_be_asked_for(
    empty: Repository, tmp_path: Path, revision: str
) -> None:
    folder = write_model(tmp_path / "dirty", revision)
    ran = empty.approve("ask", IMAGE, "--model", str(folder))
    assert ran.returncode == 1
    assert f"was trained from {revision}, which is no commit" in ran.stderr


def test_a_folder_without_a_card_cannot_be_asked_for(empty: Repository) -> None:
    (empty.root / "model" / "MODEL_CARD.md").unlink()
    ran = empty.approve("ask", IMAGE, "--model", "model")
    assert ran.returncode == 1
    assert "is no model folder" in ran.stderr


def test_what_is_approved_passes_the_gate(asked: Repository) -> None:
    assert asked.approve("check").returncode == 1
    ran = asked.approve(*APPROVE, "--condition", 'Where "sure", staff may overrule.')
    assert ran.returncode == 0, ran.stderr
    asked.commit(DECIDER)
    ran = asked.approve("check")
    assert ran.returncode == 0, ran.stderr
    assert f"until {day(180)}" in ran.stdout
    assert 'on condition: Where "sure", staff may overrule.' in ran.stdout


def test_what_is_refused_does_not_and_may_be_approved_later(asked: Repository) -> None:
    assert asked.approve("refuse", "1.2.3", "--grounds", "No.").returncode == 0
    asked.commit(DECIDER)
    assert "decided 'refused': No." in asked.approve("check").stderr
    assert asked.approve(*APPROVE).returncode == 0
    asked.commit(DECIDER)
    assert asked.approve("check").returncode == 0


def test_another_person_may_decide_anew(asked: Repository) -> None:
    assert asked.approve("refuse", "1.2.3", "--grounds", "No.").returncode == 0
    asked.commit(DECIDER)
    for days in (60, 90):
        until = ("--until", day(days))
        for by in (ANOTHER, DECIDER):
            assert asked.approve(*APPROVE, *until, by=by).returncode == 0
            asked.commit(by)
            ran = asked.approve("check")
            assert ran.returncode == 0, ran.stderr
            assert f"was approved by {by} on {day()}, until {day(days)}." in ran.stdout


@pytest.mark.parametrize(("days", "told"), [(29, True), (30, False)])
def test_a_check_tells_that_an_approval_ends_soon(asked: Repository, days: int, told: bool) -> None:
    asked.approve(*APPROVE, "--until", day(days))
    asked.commit(DECIDER)
    ran = asked.approve("check")
    assert ran.returncode == 0, ran.stderr
    assert (f"can be rolled out for {days} more days" in ran.stdout) is told


def test_a_release_begins_with_a_merged_commit_and_an_asker_who_is_known(
    empty: Repository,
) -> None:
    github = "asker <1+asker@users.noreply.github.com>"
    for command in (("ready",), ("ask", IMAGE, "--model", "model")):
        ran = empty.approve(*command, "--by", github)
        assert ran.returncode == 1
        assert "1+asker@users.noreply.github.com, who asks, may be anybody" in ran.stderr
    (empty.root / ".mailmap").write_text(f"{ASKER} <1+asker@users.noreply.github.com>\n")
    empty.commit(MAKER)
    assert empty.approve("ready", "--by", github).returncode == 0
    assert empty.approve("ask", IMAGE, "--model", "model", "--by", github).returncode == 0
    empty.git("commit", "--allow-empty", "--message=Not reviewed")
    ran = empty.approve("ready", "--by", github)
    assert ran.returncode == 1
    assert "this commit is not on origin/main" in ran.stderr


@pytest.mark.parametrize("by", [ASKER, MAKER])
def test_who_had_a_hand_in_it_cannot_decide(asked: Repository, by: str) -> None:
    before = asked.approval.read_text()
    ran = asked.approve(*APPROVE, by=by)
    assert ran.returncode == 1
    assert "and decided: it takes a second person." in ran.stderr
    assert asked.approval.read_text() == before


def test_a_request_that_is_not_committed_cannot_be_decided(empty: Repository) -> None:
    empty.approve("ask", IMAGE, "--model", "model", by=ASKER)
    ran = empty.approve(*APPROVE)
    assert ran.returncode == 1
    assert "who committed the request cannot be found" in ran.stderr


@pytest.mark.parametrize("name", ["model.onnx", "MODEL_CARD.md", "more.json"])
def test_another_model_than_the_one_asked_for_cannot_be_approved(
    asked: Repository, name: str
) -> None:
    (asked.root / "model" / name).write_text("another")
    ran = asked.approve(*APPROVE)
    assert ran.returncode == 1
    assert f"{name} of model 20130701-1 is not the one asked for" in ran.stderr


def test_plots_may_be_missing_as_they_are_in_the_image(asked: Repository) -> None:
    (asked.root / "model" / "plots" / "curves.png").unlink()
    assert asked.approve(*APPROVE).returncode == 0


@pytest.mark.parametrize("days", [-1, 367])
def test_an_approval_ends_within_a_year(asked: Repository, days: int) -> None:
    ran = asked.approve(*APPROVE, "--until", day(days))
    assert ran.returncode == 1
    assert "is not within the next 366 days" in ran.stderr


@pytest.mark.parametrize("grounds", ["", "one\ntwo", "\x7f"])
def test_grounds_are_a_sentence(asked: Repository, grounds: str) -> None:
    before = asked.approval.read_text()
    ran = asked.approve("refuse", "1.2.3", "--grounds", grounds)
    assert ran.returncode == 1
    assert "is no text on one line" in ran.stderr
    assert asked.approval.read_text() == before


def test_somebody_without_a_name_cannot_ask(empty: Repository) -> None:
    ran = empty.approve("ask", IMAGE, "--model", "model", "--by", "root")
    assert ran.returncode == 1
    assert "root is no 'Name <address>'" in ran.stderr


def test_nothing_can_be_decided_about_a_release_that_nobody_asked_for(empty: Repository) -> None:
    ran = empty.approve("refuse", "9.9.9", "--grounds", "No.")
    assert ran.returncode == 1
    assert "nobody has asked for 9.9.9" in ran.stderr
    assert "Traceback" not in ran.stderr

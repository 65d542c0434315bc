"""What waits in the cluster is promoted only when it is approved, whoever applied it."""

import json

import pytest

from .conftest import IMAGE, OTHER, Repository

PROMOTIONS = pytest.mark.parametrize("command", [("promote",), ("promote", "--full")])


def waiting(repository: Repository, image: str) -> None:
    """Let the cluster have a version that waits, beside the one that serves."""
    state = {
        "metadata": {"generation": 1},
        "spec": {
            "strategy": {"canary": {"steps": [{"setWeight": 10}]}},
            "template": {"spec": {"containers": [{"image": image}]}},
        },
        "status": {
            "observedGeneration": "1",
            "phase": "Paused",
            "pauseConditions": [{"reason": "InconclusiveAnalysisRun"}],
            "currentPodHash": "b",
            "stableRS": "a",
        },
    }
    (repository.bin / "cluster").write_text(json.dumps(state))


@PROMOTIONS
def test_what_is_approved_is_promoted(approved: Repository, command: tuple[str, ...]) -> None:
    waiting(approved, IMAGE)
    assert "was approved by" in approved.rollout("production", *command)
    assert approved.changed_the_cluster()


@PROMOTIONS
def test_what_was_applied_by_hand_is_not_promoted_by_the_overlay_s_approval(
    approved: Repository, command: tuple[str, ...]
) -> None:
    waiting(approved, f"registry/name:1.2.4@{OTHER}")
    said = approved.rollout("production", *command)
    assert f"no file in approvals/ is about {OTHER}" in said
    assert not approved.changed_the_cluster()


def test_going_back_needs_no_approval(empty: Repository) -> None:
    waiting(empty, f"registry/name:1.2.4@{OTHER}")
    assert "Nothing was changed" not in empty.rollout("production", "abort")
    assert empty.changed_the_cluster()

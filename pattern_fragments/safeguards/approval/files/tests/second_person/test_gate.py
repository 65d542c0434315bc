"""deploy/rollout.py changes production only when a second person has approved the very image."""

import shutil
from pathlib import Path

import pytest

from .conftest import (
    ASKER,
    DECIDER,
    DIGEST,
    IMAGE,
    MAKER,
    OTHER,
    RELEASER,
    Repository,
    day,
    moment,
)


def refused(repository: Repository, because: str) -> None:
    """Nothing was asked of the cluster, and one sentence says why."""
    said = repository.rollout()
    assert said.startswith("Nothing was changed in production: "), said
    assert because in said
    assert said.count("\n") == 1
    assert not repository.changed_the_cluster()


def test_an_approved_image_is_rolled_out_and_its_conditions_are_told(
    approved: Repository,
) -> None:
    said = approved.rollout()
    assert f"registry/name:1.2.3 was approved by {DECIDER} on {day()}, until " in said
    assert "  on condition: Staff can overrule it.\n" in said
    assert approved.changed_the_cluster()


def test_staging_is_free(empty: Repository) -> None:
    assert "Nothing was changed" not in empty.rollout("staging")
    assert empty.changed_the_cluster()


@pytest.mark.parametrize("environment", ["staging/../production", "production/."])
def test_production_has_no_other_name(empty: Repository, environment: str) -> None:
    assert "There is no environment" in empty.rollout(environment)
    assert not empty.changed_the_cluster()


def test_an_environment_that_nobody_freed_asks_for_an_approval(empty: Repository) -> None:
    empty.name_in_overlay(IMAGE, "production-north")
    empty.commit(RELEASER)
    assert "Nothing was changed in production-north" in empty.rollout("production-north")


def test_an_image_that_nobody_asked_for_is_refused(empty: Repository) -> None:
    refused(empty, f"no file in approvals/ is about {DIGEST}")


def test_a_request_alone_is_refused(asked: Repository) -> None:
    refused(asked, f"approvals/1.2.3.toml: {ASKER} asks, and nobody has decided.")


def test_an_approval_of_another_digest_is_none(approved: Repository) -> None:
    approved.name_in_overlay(f"registry/name:1.2.3@{OTHER}")
    approved.commit(RELEASER)
    refused(approved, f"no file in approvals/ is about {OTHER}")


def test_every_image_needs_one(approved: Repository) -> None:
    overlay = approved.root / "deploy/overlays/production/kustomization.yaml"
    overlay.write_text(overlay.read_text() + f"image: registry/another:1@{OTHER}\n")
    approved.commit(RELEASER)
    refused(approved, f"no file in approvals/ is about {OTHER}")


def test_a_tag_alone_cannot_be_approved(approved: Repository) -> None:
    approved.name_in_overlay("registry/name:1.2.3")
    approved.commit(RELEASER)
    refused(approved, "an approval covers a digest, and registry/name:1.2.3 names none")


def test_an_overlay_without_any_image_is_refused(approved: Repository) -> None:
    overlay = approved.root / "deploy/overlays/production/kustomization.yaml"
    overlay.write_text("namespace: name\n")
    approved.commit(RELEASER)
    refused(approved, "no image can be found")


WRONG_DECISIONS = {
    "refused": ({"outcome": '"refused"'}, "decided 'refused': Better in every month."),
    "unknown": ({"outcome": '"perhaps"'}, "outcome is 'perhaps'; write approved or refused"),
    "over": ({"expires": day(-1)}, "somebody has to decide anew"),
    "for ever": ({"expires": day(400)}, "more than 366 days"),
    "no day": ({"expires": '"soon"'}, "expires is 'soon'; write a day"),
    "in the future": ({"at": moment(1)}, "not between the request and now"),
    "before": ({"at": moment(-1)}, "not between the request and now"),
    "no moment": ({"at": '"now"'}, "'now' is no moment"),
    "no grounds": ({"grounds": '" "'}, "' ' stands where a text is needed"),
    "of another text": ({"about": f'"{"0" * 64}"'}, f"was changed after {DECIDER} decided"),
    "no TOML": ({"grounds": "Better"}, "approvals/1.2.3.toml cannot be read"),
}


@pytest.mark.parametrize(("other", "because"), WRONG_DECISIONS.values(), ids=WRONG_DECISIONS)
def test_a_decision_that_does_not_hold_is_refused(
    asked: Repository, other: dict[str, str], because: str
) -> None:
    asked.decide(**other)
    asked.commit(DECIDER)
    refused(asked, because)


@pytest.mark.parametrize("models", ["models = []", 'models = ["1"]', "models = 1"])
def test_a_request_for_no_model_is_refused(asked: Repository, models: str) -> None:
    head, _, _ = asked.approval.read_text().partition("[[models]]")
    asked.approval.write_text(head + models + "\n")
    asked.decide()
    asked.commit(DECIDER)
    refused(asked, "approvals/1.2.3.toml cannot be read")


def test_a_decision_without_a_field_is_refused(approved: Repository) -> None:
    text = approved.approval.read_text()
    approved.approval.write_text(text.replace("expires = ", "# expires = "))
    approved.commit(DECIDER)
    refused(approved, "approvals/1.2.3.toml cannot be read: 'expires' is missing.")


def test_what_is_asked_for_cannot_be_exchanged_after_the_decision(approved: Repository) -> None:
    text = approved.approval.read_text()
    approved.approval.write_text(text.replace(DIGEST, OTHER))
    approved.name_in_overlay(f"registry/name:1.2.3@{OTHER}")
    approved.commit(RELEASER)
    refused(approved, f"what is asked for was changed after {DECIDER} decided about it")


def test_two_files_about_one_image_are_refused(approved: Repository) -> None:
    shutil.copy(approved.approval, approved.approval.with_name("1.2.4.toml"))
    approved.commit(DECIDER)
    refused(approved, "approvals/1.2.3.toml and approvals/1.2.4.toml are all about")


@pytest.mark.parametrize(
    ("by", "did"),
    [
        (ASKER, "asked"),
        (MAKER, "made the last change in model 20130701-1"),
        (RELEASER, "put the image into deploy/overlays/production"),
    ],
)
def test_who_had_a_hand_in_it_is_no_second_person(asked: Repository, by: str, did: str) -> None:
    asked.decide(by=by)
    asked.commit(by)
    refused(asked, f"{by} {did} and decided: it takes a second person.")


def test_who_commits_the_request_of_another_name_is_no_second_person(empty: Repository) -> None:
    empty.approve("ask", IMAGE, "--model", "model", "--by", "Robot <robot@example.com>")
    empty.commit(DECIDER)
    empty.decide()
    empty.commit(DECIDER)
    refused(empty, "committed the request and decided")


def test_nobody_decides_in_another_s_name(asked: Repository) -> None:
    asked.decide(by=DECIDER)
    asked.commit(ASKER)
    refused(asked, f"it names {DECIDER}, and asker@example.com committed the decision.")


def test_no_line_of_a_decision_is_changed_by_another(approved: Repository) -> None:
    text = approved.approval.read_text()
    approved.approval.write_text(text.replace("Staff can overrule it.", "None to speak of."))
    approved.commit(ASKER)
    refused(approved, "asker@example.com committed the decision")


def test_addresses_of_one_person_are_one_person(asked: Repository) -> None:
    (asked.root / ".mailmap").write_text("Asker <asker@example.com> <private@example.com>\n")
    asked.decide(by="Asker <private@example.com>")
    asked.commit("Asker <private@example.com>")
    refused(asked, "asked and decided: it takes a second person.")


def test_a_model_of_an_unknown_commit_is_refused(asked: Repository) -> None:
    text = asked.approval.read_text()
    revision = text.partition('revision = "')[2][:40]
    asked.approval.write_text(text.replace(revision, "0" * 40))
    asked.commit(ASKER)
    asked.decide()
    asked.commit(DECIDER)
    refused(asked, f"was trained from {'0' * 40}, which is not on origin/main")


def test_a_model_of_a_commit_that_was_never_merged_is_refused(asked: Repository) -> None:
    text = asked.approval.read_text()
    asked.git("switch", "--create", "aside")
    asked.git("commit", "--allow-empty", "--message=Not reviewed")
    aside = asked.git("rev-parse", "HEAD")
    asked.git("switch", "main")
    asked.approval.write_text(text.replace(text.partition('revision = "')[2][:40], aside))
    asked.commit(ASKER)
    asked.decide()
    asked.commit(DECIDER)
    refused(asked, f"was trained from {aside}, which is not on origin/main")


def test_who_changed_the_request_is_no_second_person(asked: Repository) -> None:
    text = asked.approval.read_text()
    asked.approval.write_text(text.replace("[models.files]\n", '[models.files]\n"more" = "0"\n'))
    asked.decide()
    asked.commit(DECIDER)
    refused(asked, f"{DECIDER} changed the request and decided: it takes a second person.")


def test_an_approval_that_was_taken_back_is_none_in_older_commits(approved: Repository) -> None:
    before = approved.git("rev-parse", "HEAD")
    assert approved.approve("refuse", "1.2.3", "--grounds", "Worse.").returncode == 0
    approved.commit(DECIDER)
    approved.git("checkout", "--detach", before)
    refused(approved, "is not the newest on origin/main")


def test_an_approval_that_another_clone_took_back_is_none(
    approved: Repository, tmp_path: Path
) -> None:
    approved.git("clone", str(tmp_path / "origin"), str(tmp_path / "another"))
    another = Repository(tmp_path / "another", approved.bin)
    assert another.approve("refuse", "1.2.3", "--grounds", "Worse.").returncode == 0
    another.commit(DECIDER)
    refused(approved, "is not the newest on origin/main")


@pytest.mark.parametrize(
    ("row", "because"),
    [
        ("", "1+asker@users.noreply.github.com, who asked, may be anybody"),
        (
            "Decider <decider@example.com> <1+asker@users.noreply.github.com>",
            "asked and decided: it takes a second person",
        ),
    ],
)
def test_an_address_that_github_made_up_is_nobody_until_it_is_placed(
    asked: Repository, row: str, because: str
) -> None:
    text = asked.approval.read_text()
    address = "1+asker@users.noreply.github.com"
    asked.approval.write_text(text.replace("asker@example.com", address))
    (asked.root / ".mailmap").write_text(f"{row}\n")
    asked.commit(ASKER)
    asked.decide()
    asked.commit(DECIDER)
    refused(asked, because)


def test_who_decided_may_go_back_to_what_was_there_before(approved: Repository) -> None:
    approved.name_in_overlay(f"registry/name:1.2.4@{OTHER}")
    approved.commit(RELEASER)
    approved.git("revert", "--no-edit", "HEAD", by=DECIDER)
    approved.commit(DECIDER)
    assert "was approved by" in approved.rollout()


@pytest.mark.parametrize("path", ["approvals/1.2.3.toml", "deploy/history.py", ".mailmap"])
def test_what_is_not_committed_decides_nothing(approved: Repository, path: str) -> None:
    with (approved.root / path).open("a") as file:
        file.write("# changed\n")
    refused(approved, f"{path} is not as it was committed")


def test_a_branch_of_its_own_decides_nothing(asked: Repository) -> None:
    asked.decide()
    asked.git("add", "--all")
    asked.git("commit", "--message=Not reviewed", by=DECIDER)
    refused(asked, "is not the newest on origin/main")


def test_a_clone_without_history_is_refused(approved: Repository, tmp_path: Path) -> None:
    approved.git("clone", "--depth=1", f"file://{tmp_path / 'origin'}", str(tmp_path / "shallow"))
    refused(Repository(tmp_path / "shallow", approved.bin), "git fetch --unshallow")


def test_files_without_git_are_refused(approved: Repository) -> None:
    shutil.rmtree(approved.root / ".git")
    refused(approved, "this is no clone of the repository")


def test_without_the_branch_that_approvals_are_merged_into_that_is_what_is_said(
    approved: Repository,
) -> None:
    approved.git("remote", "remove", "origin")
    refused(approved, "there is no origin/main here")

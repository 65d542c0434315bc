"""The questionnaire walked by hand, in a real terminal."""

import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest
import yaml
from conftest import add_pattern, commit_all, run

ENTER, UP, DOWN, SPACE, CLEAR = "\r", "\x1b[A", "\x1b[B", " ", "\x15"
QUESTIONS = {
    "project_name": "Name of the service",
    "description": "What does the service predict",
    "owner": "Who owns the service",
    "guidance": "Guidance:",
    "golden_path": "Golden path:",
    "primary_function": "Primary function:",
    "serving": "Serving style:",
    "deployment": "Deployment strategy:",
    "monitoring": "Monitoring:",
    "feature_store": "Feature store:",
    "risk": "Risk tier:",
}


@contextmanager
def terminal(template: Path, service: Path) -> Iterator[pexpect.spawn]:
    """`copier copy` in a pseudo terminal; fails with the screen when it is not through within a minute."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "copier", "copy", "--vcs-ref", "HEAD", str(template), str(service)],
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
        # A pseudo terminal does not answer where its cursor is, and each question would wait for that.
        env={**os.environ, "PROMPT_TOOLKIT_NO_CPR": "1"},
    )
    try:
        yield child
        child.expect(pexpect.EOF)
    except pexpect.ExceptionPexpect as error:
        pytest.fail(str(error))
    finally:
        child.close(force=True)


def walk(child: pexpect.spawn, keys: dict[str, Sequence[str]]) -> None:
    """Answer every question in order, with `keys` and then Enter; there is no path where the guidance is another."""
    for name, text in QUESTIONS.items():
        if name == "golden_path" and keys.get("guidance"):
            continue
        child.expect_exact(text)
        for key in keys.get(name, ()):
            child.send(key)
        child.send(ENTER)


def answers(service: Path) -> dict[str, object]:
    """What the questionnaire remembered."""
    loaded: dict[str, object] = yaml.safe_load((service / ".copier-answers.yml").read_text())
    return loaded


def test_enter_all_the_way_gives_the_defaults(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    with terminal(git_template, service) as child:
        walk(child, {})
    assert child.exitstatus == 0
    assert answers(service)["serving"] == "online"
    assert answers(service)["monitoring"] == ["system", "data_quality", "drift", "performance"]


def test_a_bad_name_is_explained_and_asked_again(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    with terminal(git_template, service) as child:
        child.expect_exact(QUESTIONS["project_name"])
        child.send(CLEAR + "My Service!" + ENTER)
        child.expect("is no project name")
        child.send(CLEAR + "parcel-risk" + ENTER)
        for name in list(QUESTIONS)[1:]:
            child.expect_exact(QUESTIONS[name])
            child.send(ENTER)
    assert child.exitstatus == 0
    assert answers(service)["project_name"] == "parcel-risk"


def test_an_interrupted_walk_writes_nothing(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    with terminal(git_template, service) as child:
        child.expect_exact(QUESTIONS["project_name"])
        child.send(ENTER)
        child.expect_exact(QUESTIONS["description"])
        child.send("\x03")
    assert child.exitstatus != 0
    assert not service.exists()


def guided(child: pexpect.spawn, *rows: tuple[str, str]) -> None:
    """Walk to the guided way, then see each text and press its keys, and Enter."""
    for name in ("project_name", "description", "owner"):
        child.expect_exact(QUESTIONS[name])
        child.send(ENTER)
    child.expect_exact(QUESTIONS["guidance"])
    child.send(DOWN + ENTER)
    child.expect_exact(QUESTIONS["primary_function"])
    child.send(ENTER)
    answer(child, *rows)


def answer(child: pexpect.spawn, *rows: tuple[str, str]) -> None:
    """See each text, and press its keys and Enter."""
    for text, keys in rows:
        child.expect_exact(text)
        child.send(keys + ENTER)


# Where nothing was stated before, the pointer is at "Not known yet", the last answer.
BY_HAND = (
    ("Who waits for the answer", UP),
    ("How do inputs reach the service?", UP),
    ("Next best: Online serving", ""),
    # A split of the traffic is impossible without callers, so what runs the service does not matter.
    ("How fast must a bad model be undone?", UP),
    ("What is unknown about a new model", ""),
    ("How late", ""),
    ("What does a wrong answer cost", UP),
    ("Deployment strategy:", ""),
    ("Is somebody called", ""),
    ("Who makes the inputs", ""),
    # Drift is watched where nobody knows when outcomes come, however the world changes.
    ("Monitoring:", ""),
    ("Who else uses", UP),
    ("How old may", ""),
    ("Feature store:", ""),
    ("What are the data about?", UP + UP + UP),
    ("Risk tier:", ""),
)


def test_the_guided_way_asks_only_what_matters_and_gives_reasons(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    with terminal(git_template, service) as child:
        guided(child, *BY_HAND[:2])
        child.expect_exact("Advised: Batch scoring")
        child.expect_exact("for it: the answers are used later than they are computed")
        answer(child, *BY_HAND[2:])
    assert child.exitstatus == 0
    remembered = answers(service)
    assert remembered["guidance"] == "guided"
    assert remembered["serving"] == "batch"
    assert remembered["harm"] == "inconvenience"
    assert remembered["monitoring"] == ["system", "drift"], "what is not known is watched"
    assert remembered["risk"] == "regulated"
    # Data that the law protects are enough for that tier, whoever decides.
    assert not {"runs_on", "traffic", "world", "decides", "golden_path"} & remembered.keys()


def test_a_service_made_question_by_question_updates_without_conflict(git_template: Path, tmp_path: Path) -> None:
    """What is asked in a terminal is asked in the renders of an update, too, though those know all answers at once."""
    service = tmp_path / "flight-delays"
    with terminal(git_template, service) as child:
        guided(child, *BY_HAND)
    commit_all(service, "Start")
    done = run(sys.executable, "scripts/update.py", "--data", "harm=people", cwd=service)
    assert "In conflict" not in done.stdout
    assert "Advice turned: deployment stays next_run; shadow is advised now." in done.stdout
    assert "risk stays" not in done.stdout, "the tier is the highest already"
    assert answers(service)["harm"] == "people"


@pytest.fixture(scope="module")
def wide_template(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with a second pattern in more decisions, some of which rule others out."""
    import shutil

    folder = tmp_path_factory.mktemp("wide") / "ai-patterns"
    shutil.copytree(plain_template, folder)
    add_pattern(folder, "deployment", "split", "ML-DEP-900", needs=["http"])
    add_pattern(folder, "monitoring", "probe", "ML-MON-900", needs=["http"])
    add_pattern(folder, "feature_store", "remote", "ML-FEAT-900")
    commit_all(folder)
    return folder


WALKS = list(
    itertools.product([(), (DOWN, DOWN)], [(), (DOWN,)], [(), (DOWN,)], [(), (SPACE,), (DOWN, SPACE)], [(), (DOWN,)])
)


@pytest.mark.parametrize("walked", WALKS[::5], ids=lambda walked: "-".join(str(len(keys)) for keys in walked))
def test_no_walk_crashes(wide_template: Path, tmp_path: Path, walked: tuple[tuple[str, ...], ...]) -> None:
    service = tmp_path / "flight-delays"
    names = ("guidance", "serving", "deployment", "monitoring", "feature_store")
    with terminal(wide_template, service) as child:
        walk(child, dict(zip(names, walked, strict=True)))
    assert child.exitstatus == 0
    chosen = answers(service)
    assert chosen["serving"] == ("batch" if walked[1] else "online")
    if chosen["serving"] == "batch":
        # The next run is the default; beside it only a shadow is possible.
        assert chosen["deployment"] in (("next_run", "shadow") if walked[2] else ("next_run",))
        assert "probe" not in str(chosen["monitoring"])


def test_a_ruled_out_choice_stays_visible_with_its_reason(wide_template: Path, tmp_path: Path) -> None:
    with terminal(wide_template, tmp_path / "flight-delays") as child:
        for name in ("project_name", "description", "owner", "guidance", "golden_path", "primary_function"):
            child.expect_exact(QUESTIONS[name])
            child.send(ENTER)
        child.expect_exact(QUESTIONS["serving"])
        child.send(DOWN + ENTER)
        child.expect_exact(QUESTIONS["deployment"])
        child.expect(re.compile("Split pattern.*needs http, which comes with serving=online"))
        child.send("\x03")

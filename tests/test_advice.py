"""The guided way: what is advised, why, and what is asked."""

import json
import random
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copier

from hooks.advice import advised, all_walks, candidates, choose, is_asked, is_unfit, rank, verdict, walk
from hooks.catalogue import Catalogue, Decision, read_catalogue
from hooks.criteria import UNKNOWN
from hooks.manifest import Manifest
from hooks.space import possible, provided, space
from proof.checks.linting import ruff_problems
from proof.checks.whole import all_problems
from proof.rendering import Renderer

SITUATIONS = yaml.safe_load((Path(__file__).parent / "situations.yml").read_text(encoding="utf-8"))
NAMES = [row["name"] for row in SITUATIONS]


@cache
def catalogue() -> Catalogue:
    """The catalogue of this repository."""
    return read_catalogue(ROOT)


@cache
def renderer() -> Renderer:
    """Asks the questions as Copier does."""
    return Renderer(ROOT, memory=False)


def pattern(decision: str, value: str) -> Manifest:
    """A pattern by its folder."""
    return next(row for _, row in catalogue().patterns if (row.decision, row.value) == (decision, value))


# --- Quality: what experts chose -------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", SITUATIONS, ids=NAMES)
def test_the_advice_is_what_an_expert_chose(row: dict[str, dict[str, object]]) -> None:
    needs: dict[str, str] = {name: str(answer) for name, answer in row["needs"].items()}
    chosen, _ = walk(catalogue(), needs)
    for decision, expected in row["expert"].items():
        good = expected if isinstance(expected, list) and decision != "monitoring" else [expected]
        values = [list(chosen[decision])] if decision == "monitoring" else list(chosen[decision])
        assert values[0] in good, f"{decision}: {values[0]} is advised, an expert chose {good}"


def test_the_situations_are_many_sourced_and_complete() -> None:
    assert len(SITUATIONS) >= 30
    assert len(NAMES) == len(set(NAMES))
    criteria = {row.name: set(row.values) for row in catalogue().criteria}
    for row in SITUATIONS:
        assert row["needs"].keys() == criteria.keys(), row["name"]
        assert all(answer in criteria[name] for name, answer in row["needs"].items()), row["name"]
        assert row["source"]["address"].startswith(("https://", "http://")), row["name"]
        assert row["source"]["title"], row["name"]


def test_the_situations_meet_every_pattern_that_can_be_advised() -> None:
    met = {
        (decision, value)
        for row in SITUATIONS
        for decision, values in walk(catalogue(), row["needs"])[0].items()
        for value in values
    }
    asked = {row.name for row in catalogue().decisions if row.asks}
    missing = {(row.decision, row.value) for _, row in catalogue().patterns if row.decision in asked} - met
    assert missing == set()


# --- All answers -----------------------------------------------------------------------------------------------------


def test_every_way_leads_to_a_possible_service() -> None:
    valid = {json.dumps(chosen, sort_keys=True) for chosen in space(catalogue())}
    for _, chosen in all_walks(catalogue(), unknown=True):
        rest = {**chosen}
        for decision in catalogue().decisions[len(chosen) :]:
            rest[decision.name] = choose(catalogue(), decision, rest, {})
        assert json.dumps(rest, sort_keys=True) in valid


def test_what_is_advised_is_beaten_by_nothing_that_is_possible() -> None:
    """The reason given is true: no possible pattern has less against it, or as little and more for it."""
    for stated, chosen in all_walks(catalogue(), unknown=True):
        decision = catalogue().decisions[len(chosen) - 1]
        before = {name: values for name, values in chosen.items() if name != decision.name}
        given = provided(catalogue(), before)
        rows = [row for row in possible(catalogue(), decision, given) if row.status != "deprecated"]
        counted = {row.value: (is_unfit(row, stated), *map(len, verdict(row, stated))) for row in rows}
        if decision.multiple:
            good = {value for value, (unfit, pro, contra) in counted.items() if pro > contra and not unfit}
            assert set(chosen[decision.name]) == good
        else:
            [value] = chosen[decision.name]
            unfit, pro, contra = counted[value]
            assert not unfit
            assert all((False, contra, -pro) <= (other[0], other[2], -other[1]) for other in counted.values())


def test_a_tie_goes_to_the_recommended_pattern_or_the_first_by_id() -> None:
    ties = 0
    for stated, chosen in all_walks(catalogue(), unknown=True):
        decision = catalogue().decisions[len(chosen) - 1]
        if decision.multiple:
            continue
        before = {name: values for name, values in chosen.items() if name != decision.name}
        rows = candidates(catalogue(), decision, provided(catalogue(), before))
        [value] = chosen[decision.name]
        best = next(row for row in rows if row.value == value)
        level = rank(best, stated)[:3]
        equal = [row for row in rows if rank(row, stated)[:3] == level]
        if len(equal) > 1:
            ties += 1
            recommended = [row.value for row in equal if row.recommended]
            assert value == (recommended or [min(equal, key=lambda row: row.id).value])[0]
    assert ties > 0


def test_no_question_is_asked_whose_answer_cannot_change_anything() -> None:
    """From each question on the ways that differ in its answer alone do not all end in the same service."""
    checked = 0
    for stated, chosen in all_walks(catalogue(), unknown=True):
        decision = catalogue().decisions[len(chosen) - 1]
        before = {name: values for name, values in chosen.items() if name != decision.name}
        for name in decision.asks:
            first = next(row for row in catalogue().decisions if name in row.asks)
            if name not in stated or first is not decision:
                continue
            earlier = {key: stated[key] for key in list(stated)[: list(stated).index(name)]}
            askers = [row for row in catalogue().decisions if name in row.asks]
            assert any(_can_differ(name, earlier, before, asker.name) for asker in askers), (name, earlier)
            checked += 1
    assert checked > 100


def _can_differ(name: str, known: dict[str, str], before: dict[str, tuple[str, ...]], asker: str) -> bool:
    """Whether some answers to what is open make the answer to a question change a decision: tried, not derived."""
    decision = next(row for row in catalogue().decisions if row.name == asker)
    given = provided(catalogue(), before)
    between = [row for row in catalogue().decisions[len(before) :] if row.name not in before]
    rows = candidates(catalogue(), decision, given, between[: between.index(decision)])
    open_ones = [row for row in catalogue().criteria if row.name in decision.asks and row.name not in {*known, name}]
    answers = next(row for row in catalogue().criteria if row.name == name).values
    dice = random.Random(7)  # noqa: S311 - a fixed seed
    for _ in range(300):
        case = {**known, **{row.name: dice.choice(row.values) for row in open_ones}}
        if len({_said(decision, rows, {**case, name: answer}) for answer in answers}) > 1:
            return True
    return False


def _said(decision: Decision, rows: Sequence[Manifest], stated: dict[str, str]) -> str:
    """What is advised, and what speaks against it."""
    values = advised(decision, rows, stated)
    return repr([(row.value, sorted(verdict(row, stated)[1])) for row in rows if row.value in values])


def test_what_is_not_asked_would_have_changed_nothing() -> None:
    """The whole way with all answers given advises the same as the way with the asked ones, and objects the same."""
    dice = random.Random(11)  # noqa: S311 - a fixed seed
    for _ in range(500):
        answers = {row.name: dice.choice((*row.values, UNKNOWN)) for row in catalogue().criteria}
        chosen, stated = walk(catalogue(), answers)
        before: dict[str, tuple[str, ...]] = {}
        for decision in catalogue().decisions:
            if decision.asks:
                rows = candidates(catalogue(), decision, provided(catalogue(), before))
                told = {name: answer for name, answer in answers.items() if name in decision.asks}
                known = {name: answer for name, answer in stated.items() if name in decision.asks}
                assert _said(decision, rows, told) == _said(decision, rows, known)
            before[decision.name] = choose(catalogue(), decision, before, answers)
        assert chosen == before
        assert stated.keys() <= answers.keys()


# --- Both tellings of the rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_copier_and_the_enumeration_ask_and_advise_the_same(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a fixed seed
    answers = {row.name: dice.choice((*row.values, UNKNOWN)) for row in catalogue().criteria}
    chosen, stated = walk(catalogue(), answers)
    told = renderer().walk(answers)
    assert {name: told[name] for name in stated} == stated
    assert not (told.keys() & {row.name for row in catalogue().criteria}) - stated.keys()
    for decision in catalogue().decisions:
        if decision.name in catalogue().questions:
            value = told[decision.name]
            assert tuple(value if isinstance(value, list) else [value]) == chosen[decision.name], decision.name


def test_a_choice_that_was_made_by_hand_changes_what_is_asked_next() -> None:
    assert not is_asked(catalogue(), {"primary_function": ("predict",), "serving": ("batch",)}, "traffic", {})
    assert is_asked(catalogue(), {"primary_function": ("predict",), "serving": ("online",)}, "traffic", {})


# --- Services --------------------------------------------------------------------------------------------------------


def test_services_of_the_situations_have_no_problem(tmp_path: Path) -> None:
    """One service for each different outcome of the situations, records and reasons included."""
    services: dict[str, tuple[dict[str, tuple[str, ...]], dict[str, str]]] = {}
    for row in SITUATIONS:
        chosen, stated = walk(catalogue(), row["needs"])
        services.setdefault(json.dumps(chosen), (chosen, stated))
    made = [renderer().guided(chosen, stated) for chosen, stated in list(services.values())[::4]]
    for service in made:
        assert all_problems(service, catalogue()) == []
    assert list(ruff_problems(made[:1], tmp_path / "lint", Path(sys.executable))) == []


def guided(template: Path, service: Path, *data: str) -> Path:
    """A service of the guided way, by Copier."""
    arguments = [part for item in data for part in ("--data", item)]
    copier("copy", "--defaults", "--quiet", "--data", "guidance=guided", *arguments, template, service)
    return service


def record(service: Path, name: str) -> str:
    """The text of a decision's record."""
    [path] = (service / "docs" / "decisions").glob(f"*-{name}.md")
    return path.read_text()


def test_a_record_tells_needs_choice_reasons_and_alternatives(git_template: Path, tmp_path: Path) -> None:
    service = guided(
        git_template, tmp_path / "flight-delays", "caller=later", "harm=money", "data_about=personal", "decides=person"
    )
    serving, risk = record(service, "serving"), record(service, "risk")
    assert "# 2. Serving style: Batch scoring" in serving
    assert "- Who waits: the answers are used later than they are computed." in serving
    assert "For it: the answers are used later than they are computed; against it: nothing." in serving
    assert (
        "possible, not chosen; for it: nothing; against it: the answers are used later than they are computed."
        in serving
    )
    assert "- Data: the data are about persons." in risk
    assert "overruled" not in (service / "patterns.lock").read_text()
    assert "against the recommendation" not in serving


def test_an_overruled_recommendation_says_so(git_template: Path, tmp_path: Path) -> None:
    service = guided(git_template, tmp_path / "flight-delays", "caller=later", "serving=online")
    assert "Status: accepted, against the recommendation" in record(service, "serving")
    assert "Advised by the answers above: Batch scoring. It was overruled when" in record(service, "serving")
    assert "Online serving, where Batch scoring was advised" in (service / "docs/decisions/README.md").read_text()
    lock = (service / "patterns.lock").read_text()
    assert '[[overruled]]\ndecision = "serving"\nrecommended = ["batch"]\nchosen = ["online"]\n' in lock


def test_what_a_golden_path_says_can_be_overruled_too(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "flight-delays"
    copier("copy", "--defaults", "--quiet", "--data", "deployment=rolling", git_template, service)
    assert "Advised by the golden path realtime: Canary release. It was overruled when" in record(service, "deployment")


def test_an_answer_that_was_not_asked_is_not_remembered(git_template: Path, tmp_path: Path) -> None:
    service = guided(git_template, tmp_path / "flight-delays", "caller=waits")
    remembered = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert remembered["caller"] == "waits"
    assert "arrival" not in remembered, "whoever waits is answered online, however inputs arrive"


def test_what_nobody_was_asked_is_on_record_as_not_known(git_template: Path, tmp_path: Path) -> None:
    service = guided(git_template, tmp_path / "flight-delays", "caller=later")
    remembered = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert remembered["harm"] == "unknown"
    risk = record(service, "risk")
    assert "## Context" in risk
    assert "- Harm:" not in risk
    assert "Not known when this was decided:" in risk
    assert '`make update ARGS="--data data_about=' in risk


def test_what_was_stated_and_cannot_change_the_advice_is_on_record(git_template: Path, tmp_path: Path) -> None:
    service = guided(git_template, tmp_path / "flight-delays", "harm=people", "data_about=personal")
    remembered = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert remembered["harm"] == "people"
    assert "Stated too, though after the above it cannot change the advice:" in record(service, "risk")
    assert "- Data: the data are about persons." in record(service, "risk")


def test_a_choice_that_cannot_work_is_told_so(git_template: Path, tmp_path: Path) -> None:
    service = guided(git_template, tmp_path / "flight-delays", "caller=waits", "runs_on=cluster", "deployment=canary")
    deployment = record(service, "deployment")
    reason = "the cluster has no controller for progressive delivery"
    assert f"It cannot work so: {reason}." in deployment
    assert f"cannot work here, as {reason}." in deployment, "blue/green is an alternative that takes a controller, too"


def test_what_nobody_knows_of_the_data_and_the_harm_is_guarded() -> None:
    chosen, _ = walk(catalogue(), {row.name: UNKNOWN for row in catalogue().criteria})
    assert chosen["risk"] == ("elevated",)
    assert chosen["monitoring"] == ("system", "drift")


def test_no_experiment_is_advised_where_outcomes_are_never_known() -> None:
    needs = {"caller": "waits", "runs_on": "cluster", "undo": "next_run", "effect": "outcome", "harm": "money"}
    assert walk(catalogue(), {**needs, "labels": "days"})[0]["deployment"] == ("ab_test",)
    assert walk(catalogue(), {**needs, "labels": "never"})[0]["deployment"] != ("ab_test",)


def test_an_answer_that_does_not_exist_is_refused(git_template: Path, tmp_path: Path) -> None:
    data = ("--data", "guidance=guided", "--data", "caller=nobody")
    done = copier("copy", "--defaults", *data, git_template, tmp_path / "x", check=False)
    assert done.returncode != 0
    assert "Invalid choice for 'caller': 'nobody' is not in ['waits', 'soon', 'later', 'unknown']" in done.stderr
    assert not (tmp_path / "x").exists()

"""The framework's pages are current, and say what the rules do; the files behind them are checked."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from hooks.advice import all_walks, walk
from hooks.catalogue import PatternFolder, read_catalogue
from hooks.check_patterns import find_all
from hooks.diagrams import mermaid_problems
from hooks.framework import PAGE, SITUATIONS_PAGE, main, page, situations_page
from hooks.trees import read_trees


@pytest.fixture(scope="module")
def text() -> str:
    """The framework page."""
    return (ROOT / PAGE).read_text()


def test_the_pages_are_current() -> None:
    catalogue = read_catalogue(ROOT)
    assert (ROOT / PAGE).read_text() == page(catalogue, read_trees(ROOT)), "run `make framework`"
    assert (ROOT / SITUATIONS_PAGE).read_text() == situations_page(catalogue), "run `make framework`"


def test_a_page_that_is_not_current_is_told(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(template)
    assert main(["--check"]) == 0
    (template / PAGE).write_text("old\n")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_all_five_trees_are_there_and_those_without_patterns_say_so(text: str) -> None:
    trees = re.findall(r"^## Tree (\d): (.+)$", text, flags=re.MULTILINE)
    assert [number for number, _ in trees] == ["1", "2", "3", "4", "5"]
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        if part.startswith("Tree"):
            assert ("there are no patterns for this tree yet" in part) == (part[5] in "234")


def test_every_chart_is_a_diagram_and_every_link_leads_somewhere(text: str) -> None:
    charts = re.findall(r"```mermaid\n(.*?)```", text, flags=re.DOTALL)
    assert len(charts) >= 9
    for chart in charts:
        assert list(mermaid_problems(chart)) == []
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert all((ROOT / PAGE.parent / link).exists() for link in links)
    patterns = {f"../{folder.path.relative_to(ROOT).as_posix()}/pattern.md" for folder in _compared()}
    assert patterns <= set(links)


def _compared() -> list[PatternFolder]:
    catalogue = read_catalogue(ROOT)
    asked = {row.name for row in catalogue.decisions if row.asks}
    return [folder for folder, manifest in catalogue.patterns if manifest.decision in asked]


def test_the_charts_lead_where_the_rules_lead(text: str) -> None:
    """Every way through the chart of the risk tier ends at what is advised."""
    catalogue = read_catalogue(ROOT)
    part = text[text.index("### Risk tier") :]
    chart = re.search(r"```mermaid\nflowchart TD\n(.*?)```", part, flags=re.DOTALL)
    assert chart is not None
    titles = {row.question: row.name for row in catalogue.criteria}
    nodes = dict(re.findall(r'^  (n\d+)[({[]+"(.+?)"', chart[1], flags=re.MULTILINE))
    edges = re.findall(r"^  (n\d+) -->\|(.+?)\| (n\d+)$", chart[1], flags=re.MULTILINE)
    root = ({one for one, _, _ in edges} - {two for _, _, two in edges}).pop()
    names = {row.value: row.name for _, row in catalogue.patterns if row.decision == "risk"}
    seen = 0
    for stated, chosen in all_walks(catalogue):
        if list(chosen)[-1] != "risk":
            continue
        # A question that the way did not ask, because its answer could change nothing, leads to one end only.
        ends = set[str]()
        open_places = [root]
        while open_places:
            place = open_places.pop()
            name = titles.get(nodes[place])
            if name is None:
                ends.add(nodes[place])
                continue
            answer = stated[name].replace("_", " ") if name in stated else ""
            open_places += [
                two for one, label, two in edges if one == place and (not answer or answer in label.split(" or "))
            ]
        assert ends == {names[chosen["risk"][0]]}
        seen += 1
    assert seen > 10


def test_a_criterion_or_an_answer_that_is_misspelt_is_found(template: Path) -> None:
    manifest = template / "pattern_fragments/serving/batch/pattern.yml"
    text = manifest.read_text()
    manifest.write_text(text.replace("fits: {caller: [later]", "fits: {caler: [later], arrival: [tabel]", 1))
    told = "\n".join(finding.text(template) for finding in find_all(read_catalogue(template)))
    assert "'caler' is not asked for serving; did you mean caller?" in told
    manifest.write_text(text.replace("caller: [later]", "caller: [latter]", 1))
    told = "\n".join(finding.text(template) for finding in find_all(read_catalogue(template)))
    assert "'latter' is no answer to caller; did you mean later?" in told
    manifest.write_text(text.replace("against: {caller: [waits", "against: {caller: [later, waits", 1))
    told = "\n".join(finding.text(template) for finding in find_all(read_catalogue(template)))
    assert "'later' is said of the pattern twice; keep one of fits, against and unfit" in told


def test_a_criterion_without_a_file_and_a_file_that_nobody_asks_for_are_found(template: Path) -> None:
    (template / "templates/criteria/caller.yml").rename(template / "templates/criteria/called.yml")
    told = "\n".join(finding.text(template) for finding in find_all(read_catalogue(template)))
    assert "is not the file's name; it is 'called'" in told
    (template / "templates/criteria/called.yml").unlink()
    told = "\n".join(finding.text(template) for finding in find_all(read_catalogue(template)))
    assert "the decisions ask for caller, and there is no templates/criteria/caller.yml" in told


def test_a_tree_that_leads_nowhere_is_refused(template: Path) -> None:
    path = template / "templates/trees/protocol.yml"
    path.write_text(path.read_text().replace('"yes": mcp', '"yes": mpc'))
    with pytest.raises(ValueError, match="leads to mpc, which is neither a step nor a choice"):
        read_trees(template)


def test_a_golden_path_is_checked_like_a_manifest(template: Path) -> None:
    path = template / "templates/golden_paths/broken.yml"
    path.write_text(
        "name: broken\ntitle: T\nfor: tests\ndefault: true\n"
        "answers: {serving: batch, deployment: canary, monitoring: system, servng: a}\nlocked: [risk]\n"
    )
    told = [finding.text(template) for finding in find_all(read_catalogue(template))]
    joined = "\n".join(told)
    for sentence in (
        "the default too; one path can be",
        "'servng' is no decision; did you mean serving?",
        "deployment=canary is not possible after the answers before; possible: next_run, shadow",
        "monitoring takes a list",
        "'risk' has no answer here",
    ):
        assert sentence in joined


def test_the_situations_page_names_every_source() -> None:
    catalogue = read_catalogue(ROOT)
    told = (ROOT / SITUATIONS_PAGE).read_text()
    for row in yaml.safe_load((ROOT / "tests/situations.yml").read_text()):
        assert row["source"]["address"] in told
        chosen, _ = walk(catalogue, row["needs"])
        [line] = [line for line in told.splitlines() if line.startswith(f"| {row['title']} |")]
        [pattern] = [
            one for _, one in catalogue.patterns if one.value == chosen["serving"][0] and one.decision == "serving"
        ]
        assert pattern.name in line

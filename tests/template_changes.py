"""What a platform team does to a small template between two revisions; the changes can be combined as one likes."""

from collections.abc import Callable
from pathlib import Path

import yaml
from conftest import give
from small_template import BODY, change_manifest, small_pattern


def folder_of(template: Path, identity: str) -> Path:
    """The folder of a pattern, whatever it is called by now."""
    for path in template.glob("pattern_fragments/*/*/pattern.yml"):
        if yaml.safe_load(path.read_text())["id"] == identity:
            return path.parent
    raise LookupError(identity)


def list_files(pattern: Path) -> None:
    """Let the manifest list what lies below files/."""
    files = pattern / "files"
    change_manifest(
        pattern, files=sorted(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file())
    )


def revise_a_file(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    path = predict / "files/src/__package__/core.py"
    path.write_text(path.read_text().replace("line 3\n", "line 3, revised\n"))
    change_manifest(predict, version="1.1.0")


def revise_every_file_of_a_pattern(template: Path) -> None:
    online = folder_of(template, "ML-SERV-901")
    for path in (online / "files").rglob("*.*"):
        path.write_text(
            "a new first line\n" + path.read_text().replace("line 7\n", "line 7, revised\n") + "a new last line\n"
        )
    change_manifest(online, version="2.0.0")


def revise_a_shared_file(template: Path) -> None:
    path = template / "templates/service/README.md.jinja"
    path.write_text(path.read_text().replace("## Start\n", "## How to start\n"))


def revise_a_slot(template: Path) -> None:
    online = folder_of(template, "ML-SERV-901")
    path = online / "slots/README"
    path.write_text(path.read_text() + "\nA paragraph of the new revision.\n")


def require_a_package(template: Path) -> None:
    change_manifest(folder_of(template, "ML-CORE-901"), dependencies={"runtime": ["numpy>=2,<3"]})


def add_a_file(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    give(predict, "files/docs/added.md", f"An added page.\n{BODY}")
    list_files(predict)


def remove_a_file(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    (predict / "files/docs/guide.md").unlink()
    list_files(predict)


def move_a_file(template: Path) -> None:
    system = folder_of(template, "ML-MON-901")
    package = system / "files/src/__package__"
    (package / "watching").mkdir()
    (package / "metrics.py").rename(package / "watching/metrics.py")
    list_files(system)


def revise_the_example(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    path = predict / "files/src/__package__/domain/model.py"
    path.write_text(path.read_text().replace("line 3\n", "line 3, a better example\n"))


def add_an_example(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    give(predict, "files/tests/domain/test_more.py", BODY)
    list_files(predict)


def remove_an_example(template: Path) -> None:
    predict = folder_of(template, "ML-CORE-901")
    (predict / "files/tests/domain/test_model.py").unlink()
    list_files(predict)


def add_a_pattern(template: Path) -> None:
    small_pattern(template, "monitoring/drift", "ML-MON-903", "src/__package__/drift.py")


def rename_patterns(template: Path) -> None:
    for identity, value in (("ML-SERV-902", "nightly"), ("ML-MON-902", "watchdog")):
        pattern = folder_of(template, identity)
        change_manifest(pattern, value=value, formerly=[pattern.name])
        pattern.rename(pattern.parent / value)


def deprecate_a_pattern(template: Path) -> None:
    fields = {"status": "deprecated", "replaced_by": "ML-DEP-901", "remove_after": "2030-01-01"}
    change_manifest(folder_of(template, "ML-DEP-902"), **fields)


CHANGES: tuple[Callable[[Path], None], ...] = (
    revise_a_file,
    revise_every_file_of_a_pattern,
    revise_a_shared_file,
    revise_a_slot,
    require_a_package,
    add_a_file,
    remove_a_file,
    move_a_file,
    revise_the_example,
    add_an_example,
    remove_an_example,
    add_a_pattern,
    rename_patterns,
    deprecate_a_pattern,
)

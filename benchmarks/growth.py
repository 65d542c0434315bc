"""How `copier copy` and `copier update` grow with the catalogue: `make benchmark-growth`.

Catalogues of 10, 50 and 150 patterns are made of copies of the real ones, each with an id, a value and capabilities of
its own. All of them give the same default service. Beside them stands a plain template: the files of that service, as
Copier templates of one variable, without a catalogue. Templates take turns in rounds, so that a busy neighbour hurts
all alike; the table shows medians over the rounds, and ratios taken within a round.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import copier
import yaml
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
SIZES = (10, 50, 150)
MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a name of its own
TEMPLATE = ("copier.yml", "templates", "pattern_fragments")
PLAIN_SETTINGS = """\
_subdirectory: template
_answers_file: .copier-answers.yml
project_name:
  type: str
  default: flight-delays
package:
  type: str
  when: false
  default: "{{ project_name | replace('-', '_') }}"
"""


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, tag: str) -> None:
    """Commit everything, under a tag."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
        git(folder, "config", "user.name", "benchmark")
        git(folder, "config", "user.email", "benchmark@example.invalid")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", tag)
    git(folder, "tag", tag)


def synthetic(folder: Path, size: int) -> Path:
    """A template whose catalogue holds `size` patterns; none of the added ones is a default."""
    folder.mkdir(parents=True)
    for name in TEMPLATE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        else:
            shutil.copy2(source, folder / name)
    real = sorted((folder / "pattern_fragments").glob("*/*/pattern.yml"))
    for number in range(size - len(real)):
        model = real[number % len(real)].parent
        copy = model.parent / f"synthetic_{number}"
        shutil.copytree(model, copy)
        manifest = yaml.safe_load((copy / "pattern.yml").read_text())
        manifest["id"] = f"{manifest['id'].rpartition('-')[0]}-{800 + number}"
        manifest["value"] = copy.name
        manifest["provides"] = [*manifest.get("provides", []), f"synthetic_{number}"]
        (copy / "pattern.yml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    return folder


def plain(folder: Path, service: Path) -> Path:
    """A template of the same files without a catalogue."""
    for source in sorted(path for path in service.rglob("*") if path.is_file()):
        name = source.relative_to(service).as_posix()
        if name == ".copier-answers.yml":
            name, text = "{{ _copier_conf.answers_file }}", "{{ _copier_answers|to_nice_yaml -}}\n"
        else:
            pieces = source.read_text().split("flight_delays")
            text = "{{ package }}".join(f"{{% raw %}}{piece}{{% endraw %}}" for piece in pieces)
        target = folder / "template" / f"{name.replace('flight_delays', '{{ package }}')}.jinja"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "copier.yml").write_text(PLAIN_SETTINGS)
    return folder


def revise(template: Path) -> None:
    """A second revision: one line more in one file that every service has."""
    for path in sorted(template.rglob("*predictor.py*")):
        with path.open("a") as file:
            file.write("\n# A line of the new revision.\n")
    commit(template, "v2.0.0")


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def measure(templates: dict[str, Path], folder: Path, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of each copy and of each update, by template."""
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tqdm(total=rounds * len(templates) * 2, desc="growth", leave=False) as bar:
        for turn in range(rounds):
            for name, template in templates.items():
                service = folder / f"{turn}-{name}" / "flight-delays"
                options = {"defaults": True, "quiet": True}
                seconds["copy", name].append(
                    timed(lambda: copier.run_copy(str(template), service, vcs_ref="v1.0.0", **options))  # noqa: B023
                )
                bar.update()
                commit(service, "v1.0.0")
                seconds["update", name].append(
                    timed(lambda: copier.run_update(service, overwrite=True, **options))  # noqa: B023
                )
                bar.update()
                updated = next(service.rglob("predictor.py"))
                if "# A line of the new revision." not in updated.read_text():
                    sys.exit(f"the update of {name} brought nothing; its figures would mean nothing")
                shutil.rmtree(service.parent)
    return seconds


def table(seconds: dict[tuple[str, str], list[float]], names: list[str]) -> str:
    """Medians, and ratios within a round, as a Markdown table."""

    def ratio(action: str, name: str, base: str) -> str:
        pairs = zip(seconds[action, name], seconds[action, base], strict=True)
        return f"{statistics.median(one / other for one, other in pairs):.2f}"

    first = names[1]
    rows = [
        "| template | copy, s | to plain | to 10 patterns | update, s | to plain | to 10 patterns |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        cells = [name]
        for action in ("copy", "update"):
            cells += [
                f"{statistics.median(seconds[action, name]):.2f}",
                ratio(action, name, names[0]),
                "" if name == names[0] else ratio(action, name, first),
            ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each template has its turn (default: 3)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    # Thousands of small files: in memory where that can be, so that Copier is measured and not the disk.
    if MEMORY.is_dir():
        tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = folder / "model" / "flight-delays"
        templates = {f"{size} patterns": synthetic(folder / f"catalogue-{size}", size) for size in SIZES}
        copier.run_copy(str(templates["10 patterns"]), service, defaults=True, quiet=True)
        files = sum(path.is_file() for path in service.rglob("*"))
        templates = {f"plain, {files} files": plain(folder / "plain", service), **templates}
        for template in templates.values():
            commit(template, "v1.0.0")
            revise(template)
        seconds = measure(templates, folder, options.rounds)
    print(table(seconds, list(templates)))


if __name__ == "__main__":
    main()

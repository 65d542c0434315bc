"""A template in miniature: the real engine and the shared files that updates meet, with patterns of a few lines.

What an update does to a file does not depend on what the file says: the rules are tested on small ones, many times.
"""

import shutil
from pathlib import Path

import yaml
from conftest import ROOT, add_pattern, commit_all, copier, give, run

SHARED = (
    "{{ _copier_conf.answers_file }}.jinja",
    ".gitignore.jinja",
    "Makefile.jinja",
    "README.md.jinja",
    "docs",
    "patterns.lock.jinja",
    "pyproject.toml.jinja",
    "scripts",
    "{% yield file from files %}{{ file.path }}{% endyield %}.jinja",
)
BODY = "".join(f"line {number}\n" for number in range(1, 13))
DOMAIN = ("src/my_service/domain/", "tests/domain/")


def small_template(folder: Path) -> Path:
    """Write the template and tag it v1.0.0; its patterns can be chosen in 10 ways."""
    service = Path("templates/service")
    shutil.copytree(
        ROOT / "templates", folder / "templates", ignore=lambda path, names: names if _left_out(path) else []
    )
    shutil.copy2(ROOT / "copier.yml", folder / "copier.yml")
    for name in SHARED:
        source, target = ROOT / service / name, folder / service / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    predict = (
        "src/__package__/core.py",
        "src/__package__/domain/model.py",
        "tests/domain/test_model.py",
        "docs/guide.md",
    )
    small_pattern(folder, "primary_function/predict", "ML-CORE-901", *predict)
    small_pattern(folder, "serving/online", "ML-SERV-901", "src/__package__/serve.py", provides=["http"])
    offline = ("src/__package__/score.py", "src/__package__/domain/batch.py")
    small_pattern(folder, "serving/offline", "ML-SERV-902", *offline)
    small_pattern(folder, "deployment/rolling", "ML-DEP-901", "deploy/rolling.txt")
    small_pattern(folder, "deployment/split", "ML-DEP-902", "deploy/split.txt", needs=["http"])
    small_pattern(folder, "monitoring/system", "ML-MON-901", "src/__package__/metrics.py", provides=["metrics"])
    small_pattern(folder, "monitoring/probe", "ML-MON-902", "src/__package__/probe.py", needs=["http"])
    small_pattern(folder, "feature_store/inline", "ML-FEAT-901", "src/__package__/features.py")
    small_pattern(folder, "risk/baseline", "ML-GOV-901", "docs/risk.md")
    commit_all(folder, tag="v1.0.0")
    return folder


def _left_out(path: str) -> bool:
    return Path(path).is_relative_to(ROOT / "templates" / "service")


def small_pattern(template: Path, title: str, identity: str, *files: str, **fields: object) -> Path:
    """A pattern of a few files, with a slot in the README."""
    decision, value = title.split("/")
    folder = add_pattern(template, decision, value, identity, files=list(files), **fields)
    for path in files:
        give(folder, f"files/{path}", f"# {path} of {title}\n{BODY}")
    give(folder, "slots/README", f"## About {value}\n\nIt stands for a pattern.\n")
    return folder


def change_manifest(pattern: Path, **fields: object) -> None:
    """Give the manifest of a pattern's folder other values."""
    path = pattern / "pattern.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}, sort_keys=False))


def new_service(template: Path, folder: Path, *options: str) -> Path:
    """A committed service, made from the newest revision of `template`."""
    copier("copy", "--defaults", "--quiet", *options, template, folder)
    commit_all(folder, "Start")
    return folder


def clone(repository: Path, folder: Path) -> Path:
    """A repository of its own that holds the same."""
    shutil.copytree(repository, folder, symlinks=True)
    return folder


def follow(service: Path, template: Path) -> None:
    """Let a service look for updates in another clone of its template."""
    answers = service / ".copier-answers.yml"
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(f"_src_path: {template}" if "_src_path:" in line else line for line in lines) + "\n")
    commit_all(service, "Follow a clone of the template")


def is_domain(path: str) -> bool:
    """Whether a file is the team's own, by its path in the service."""
    return path.startswith(DOMAIN)


def unmerged(service: Path) -> set[str]:
    """The files in conflict, as git's index records them."""
    rows = run("git", "ls-files", "--unmerged", "-z", cwd=service).stdout.split("\0")
    return {row.partition("\t")[2] for row in rows if row}

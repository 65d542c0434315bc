"""The folder is the catalogue: dropping a pattern in is enough, and removing it leaves no trace."""

import json
import sys
from pathlib import Path

import yaml
from conftest import ROOT, add_pattern, commit_all, contents, copier


def render(template: Path, service: Path, *arguments: str) -> dict[str, bytes]:
    """The service of a committed state of `template`, without its answers file."""
    copier("copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", *arguments, template, service)
    files = contents(service)
    del files[".copier-answers.yml"]
    return files


def test_a_dropped_in_pattern_reaches_choices_files_slots_settings_and_docs(template: Path, tmp_path: Path) -> None:
    before = render(template, tmp_path / "a" / "flight-delays")
    folder = add_pattern(
        template,
        "monitoring",
        "probe",
        "ML-MON-900",
        dependencies={"runtime": ["anyio>=4,<5"]},
        settings=[{"name": "probe_seconds", "type": "int", "default": 5, "ge": 1, "help": "Seconds between probes."}],
        files=["src/__package__/probe.py", {"path": "src/__package__/never.py", "when": "unheard"}],
    )
    source = folder / "files" / "src" / "__package__"
    source.mkdir(parents=True)
    (source / "probe.py").write_text("from __package__ import settings\n")
    (source / "never.py").write_text("")
    (folder / "slots" / "Makefile").write_text(".PHONY: probe\nprobe: ## probe the service\n\t@echo __package__\n")
    (folder / "slots" / "checklist").write_text("- [ ] The probe answers.\n")
    commit_all(template)

    unchosen = render(template, tmp_path / "b" / "flight-delays")
    changed = {name for name in before if unchosen[name] != before[name]}
    assert set(unchosen) == set(before)
    assert changed == {"docs/decisions/0004-monitoring.md"}, "only the record of alternatives knows of it"

    chosen = render(template, tmp_path / "c" / "flight-delays", "--data", "monitoring=[system, probe]")
    assert chosen["src/flight_delays/probe.py"] == b"from flight_delays import settings\n"
    assert "src/flight_delays/never.py" not in chosen
    assert b"probe: ## probe the service\n\t@echo flight_delays\n" in chosen["Makefile"]
    assert b"probe_seconds: int = Field(" in chosen["src/flight_delays/settings.py"]
    assert b'"anyio>=4,<5",' in chosen["pyproject.toml"]
    assert b"SERVICE_PROBE_SECONDS" in chosen["README.md"]
    assert b"- [ ] The probe answers." in chosen["docs/delivery-checklist.md"]
    assert b'id = "ML-MON-900"' in chosen["patterns.lock"]
    assert b"**Probe pattern** (ML-MON-900, version 1.0.0)" in chosen["docs/decisions/0004-monitoring.md"]
    assert b"Its page." in chosen["docs/patterns/monitoring-probe.md"]

    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    commit_all(template)
    assert render(template, tmp_path / "d" / "flight-delays") == before


def test_a_golden_path_fills_the_defaults_that_are_possible(template: Path, tmp_path: Path) -> None:
    add_pattern(template, "serving", "offline", "ML-SERV-000", provides=["endpoints"])
    add_pattern(template, "deployment", "split", "ML-DEP-900", needs=["http"])
    path: dict[str, object] = {"name": "splitting", "title": "For a test", "for": "tests"}
    path["answers"] = {"serving": "online", "deployment": "split"}
    (template / "templates" / "golden_paths" / "splitting.yml").write_text(yaml.safe_dump(path))
    commit_all(template)

    def deployment(*data: str) -> str:
        service = tmp_path / str(len(list(tmp_path.iterdir())))
        arguments = [part for item in data for part in ("--data", item)]
        copier("copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", *arguments, template, service)
        answers = yaml.safe_load((service / ".copier-answers.yml").read_text())
        return f"{answers['serving']} {answers['deployment']}"

    assert deployment("golden_path=splitting") == "online split"
    assert deployment("golden_path=splitting", "serving=offline") == "offline rolling", "split needs http"
    assert deployment("guidance=direct", "serving=offline") == "offline rolling", (
        "the recommended of the possible patterns"
    )


def test_what_a_golden_path_locks_is_not_asked_and_cannot_be_changed(template: Path, tmp_path: Path) -> None:
    path = template / "templates" / "golden_paths" / "nightly.yml"
    path.write_text(path.read_text() + "locked: [serving, monitoring]\n")
    commit_all(template)
    nightly = ("copy", "--defaults", "--vcs-ref", "HEAD", "--data", "golden_path=nightly")
    service = tmp_path / "my-service"
    copier(*nightly, "--quiet", template, service)
    remembered = yaml.safe_load((service / ".copier-answers.yml").read_text())
    assert remembered["deployment"] == "next_run"
    assert not {"serving", "monitoring"} & remembered.keys()
    lock = (service / "patterns.lock").read_text()
    assert 'value = "batch"' in lock
    assert 'value = "system"' in lock
    for data, sentence in (
        ("serving=online", "the golden path nightly locks serving to batch"),
        ("monitoring=[drift]", "the golden path nightly locks monitoring to system"),
    ):
        done = copier(*nightly, "--data", data, template, tmp_path / "refused", check=False)
        assert done.returncode != 0
        assert sentence in done.stderr.strip().splitlines()[-1]
        assert not (tmp_path / "refused").exists()
    copier(*nightly, "--quiet", "--data", "serving=batch", template, tmp_path / "same")

    commit_all(service, "Start")
    path.write_text(path.read_text().replace("monitoring: [system]", "monitoring: [system, drift]"))
    commit_all(template)
    copier("update", "--defaults", "--quiet", "--vcs-ref", "HEAD", cwd=service)
    assert 'value = "drift"' in (service / "patterns.lock").read_text(), "a service follows what its path locks"


def test_a_function_without_a_pattern_is_shown_and_refused(git_template: Path, tmp_path: Path) -> None:
    data = ("--data", "primary_function=answer")
    done = copier("copy", "--defaults", *data, git_template, tmp_path / "x", check=False)
    assert done.returncode != 0
    assert "there is no pattern for it yet" in done.stderr.strip().splitlines()[-1]


def test_a_deprecated_pattern_is_never_a_default(template: Path, tmp_path: Path) -> None:
    add_pattern(template, "deployment", "ancient", "ML-DEP-000", status="deprecated")
    commit_all(template)
    service = tmp_path / "my-service"
    copier("copy", "--defaults", "--quiet", "--vcs-ref", "HEAD", "--data", "guidance=direct", template, service)
    assert yaml.safe_load((service / ".copier-answers.yml").read_text())["deployment"] == "rolling"


def test_a_misspelt_name_in_a_template_is_an_error(template: Path, tmp_path: Path) -> None:
    path = template / "pattern_fragments" / "serving" / "online" / "slots" / "checklist"
    path.write_text("- [ ] {{ projekt_name }}\n")
    commit_all(template)
    done = copier("copy", "--defaults", "--vcs-ref", "HEAD", template, tmp_path / "my-service", check=False)
    assert done.returncode != 0
    assert "projekt_name" in done.stderr
    assert not (tmp_path / "my-service").exists()


def test_reserved_names_are_pythons_own() -> None:
    reserved = set(" ".join(yaml.safe_load((ROOT / "templates" / "reserved_names.yml").read_text())).split())
    modules = {name.lower() for name in sys.stdlib_module_names if not name.startswith("_")}
    assert modules <= reserved
    # Not in the list of Python's own names: its tests, and a device of Windows.
    assert {"test", "con"} <= reserved


def test_the_record_of_patterns_can_be_read_by_a_report(default_service: Path) -> None:
    import tomllib

    rows = tomllib.loads((default_service / "patterns.lock").read_text())["pattern"]
    manifests = [yaml.safe_load(path.read_text()) for path in (ROOT / "pattern_fragments").glob("*/*/pattern.yml")]
    versions = {manifest["id"]: manifest["version"] for manifest in manifests}
    assert list(dict.fromkeys(row["decision"] for row in rows)) == [
        *("primary_function", "serving", "deployment", "monitoring", "feature_store", "risk", "safeguards"),
        *("exposition", "prediction_log", "workload", "measurement", "rehearsal"),
    ]
    assert json.dumps({row["id"]: row["version"] for row in rows}, sort_keys=True) == json.dumps(
        {row["id"]: versions[row["id"]] for row in rows}, sort_keys=True
    )

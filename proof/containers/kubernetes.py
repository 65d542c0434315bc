"""Manifests as a cluster would read them: built by kustomize, and held to strict schemas."""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from ..checks.linting import title
from ..services import Service
from . import policy
from .services import FOLDER

MINORS = ("1.33", "1.34", "1.35", "1.36", "1.37")
"""Of Kubernetes: the oldest that is still served anywhere to the newest with a schema."""
PACKAGES = {"argoproj.io/v1alpha1": "@kubernetes-models/argo-rollouts@0.3.2"}
"""Where the schemas of custom resources come from, by apiVersion: npm packages made from their definitions."""
Object = dict[str, Any]


class SchemaError(Exception):
    """A schema cannot be had; the message is a sentence."""


def write_deployment(service: Service, folder: Path) -> None:
    """Write what kustomize reads of a service."""
    for name, content in service.files.items():
        if name.startswith("deploy/"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def deployment(service: Service) -> str:
    """What tells the manifests of services apart."""
    rows = sorted((name, content) for name, content in service.files.items() if name.startswith("deploy/"))
    return sha256(repr(rows).encode()).hexdigest()


def build(folder: Path) -> list[Object]:
    """The objects of a kustomization; raises ValueError with what kustomize says."""
    ran = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ValueError(f"{folder.name} cannot be built: {ran.stderr.strip()}")
    return [one for one in yaml.safe_load_all(ran.stdout) if one]


@dataclass
class Overlays:
    """What overlays were built into, over many services."""

    count: int = 0
    objects: dict[str, Object] = field(default_factory=dict)
    """Each object once, by its JSON."""
    disagreements: list[str] = field(default_factory=list)
    """Names and ports in one object that no other has."""


def build_all(services: Iterable[Service]) -> Overlays:
    """Build the overlays of services, those that have the same files once; raises ValueError."""
    found = Overlays()
    seen: set[str] = set()
    for service in services:
        key = deployment(service)
        if key in seen:
            continue
        seen.add(key)
        with TemporaryDirectory(prefix="overlays-") as name:
            folder = Path(name)
            write_deployment(service, folder)
            together: dict[str, dict[str, Object]] = {}
            for path in sorted(folder.rglob("kustomization.yaml")):
                if path.parent.name == "base":
                    continue
                found.count += 1
                for one in build(path.parent):
                    text = json.dumps(one, sort_keys=True)
                    found.objects[text] = one
                    together.setdefault(one["metadata"].get("namespace", ""), {})[text] = one
        for objects in together.values():
            found.disagreements += [f"{title(service)}: {one}" for one in policy.disagreements(list(objects.values()))]
    return found


def problems(one: Object) -> Iterator[str]:
    """What strict schemas say of an object; a kind without a schema is a problem."""
    name = f"{one['kind']}/{one['metadata']['name']}"
    if one["apiVersion"] in PACKAGES:
        schema = custom(one["apiVersion"]).get(one["kind"])
        if schema is None:
            yield f"{name}: {one['apiVersion']} has no kind {one['kind']}"
            return
        for error in jsonschema.Draft202012Validator(schema).iter_errors(one):
            yield f"{name}: {error.json_path}: {error.message[:300]}"
        return
    for minor in MINORS:
        try:
            kubernetes_validate.validate(one, minor, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name} in {minor}: {'.'.join(map(str, error.path))}: {error.message[:300]}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name} in {minor}: {error.message}"


@cache
def custom(version: str) -> Mapping[str, Mapping[str, Any]]:
    """The strict schemas of the kinds of a custom apiVersion; raises SchemaError where npm cannot fetch them."""
    package = PACKAGES[version]
    folder = FOLDER / "schemas" / package.rpartition("/")[2]
    if not (folder / "package").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            packed = subprocess.run(
                ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
            )
            subprocess.run(["tar", "xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SchemaError(f"the schemas of {version} cannot be fetched with npm ({package}): {error}") from error
    found = {}
    for path in (folder / "package" / version).glob("*.js"):
        _, begins, text = path.read_text().partition("const schema = ")
        if begins:
            found[path.stem] = strict(json.loads(text[: text.index("\n};") + 2]))
    return found


def strict(schema: Any) -> Any:
    """A schema in which an object has the properties that are named, and no other."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "ObjectMeta" in str(schema.get("$ref", "")):
        return {"type": "object"}
    made = {key: strict(value) for key, value in schema.items()}
    kinds = made.get("type")
    if made.pop("nullable", False) and isinstance(kinds, str):
        made["type"] = [kinds, "null"]
    if "properties" in made and isinstance(made["properties"], dict) and kinds == "object":
        made.setdefault("additionalProperties", bool(made.get("x-kubernetes-preserve-unknown-fields")))
    return made

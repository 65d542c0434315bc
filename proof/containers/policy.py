"""What a platform asks of objects: the restricted Pod Security Standard and what goes with it, and names that agree.

The standard: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterator, Sequence
from typing import Any

Object = dict[str, Any]
WORKLOADS = ("Deployment", "Rollout", "CronJob", "Job")
CONTROLLED = ("Deployment", "Rollout")
"""Kinds whose pods listen or consume for as long as they live."""
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
"""What a restricted pod may mount."""


def pod_of(one: Object) -> Object | None:
    """The template of the pods that an object starts."""
    found: Object | None
    match one["kind"]:
        case "CronJob":
            found = one["spec"]["jobTemplate"]["spec"]["template"]
        case "AnalysisTemplate":
            jobs = [row["provider"]["job"] for row in one["spec"]["metrics"] if "job" in row["provider"]]
            found = jobs[0]["spec"]["template"] if jobs else None
        case kind if kind in WORKLOADS:
            found = one["spec"]["template"]
        case _:
            found = None
    return found


def insecure(one: Object) -> Iterator[str]:
    """What a restricted namespace, or a reviewer who knows why there is one, would not let in."""
    name = f"{one['kind']}/{one['metadata']['name']}"
    if one["kind"] == "Secret":
        yield f"{name}: a secret in a file"
    if one["kind"] == "ServiceAccount" and one.get("automountServiceAccountToken") is not False:
        yield f"{name}: its token is mounted unless a pod says otherwise"
    template = pod_of(one)
    if template is None:
        return
    spec = template["spec"]
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{name}: a token of the cluster's API is mounted"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{name}: {key}"
    for volume in spec.get("volumes", ()):
        if kinds := volume.keys() - {"name"} - VOLUMES:
            yield f"{name}: volume {volume['name']} is {', '.join(kinds)}"
    whole = spec.get("securityContext", {})
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        where = f"{name}: {container['name']}"
        yield from (f"{where}: {what}" for what in _insecure_container(container, whole))
        yield from (f"{where}: {what}" for what in _careless(container))
    if one["kind"] in CONTROLLED and "readinessProbe" not in spec["containers"][0]:
        yield f"{name}: nothing says when a pod is ready"


def _insecure_container(container: Object, whole: Object) -> Iterator[str]:
    context = {**whole, **container.get("securityContext", {})}
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("privileged"):
        yield "is privileged"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield "keeps capabilities"
    if context.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "has no seccomp profile"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "may write its root file system"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "takes a port of the node"


def _careless(container: Object) -> Iterator[str]:
    image = container["image"]
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in image and tag in {"", "latest"}:
        yield f"{image} may be another one tomorrow"
    resources = container.get("resources", {})
    for kind, names in {"requests": ("cpu", "memory"), "limits": ("memory",)}.items():
        for missing in set(names) - resources.get(kind, {}).keys():
            yield f"no {kind} of {missing}"
    if "livenessProbe" in container and "readinessProbe" not in container:
        yield "is killed by a probe, and never taken out of service by one"


def disagreements(objects: Sequence[Object]) -> Iterator[str]:
    """Names, labels and ports in objects of one namespace that no object there has."""
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    pods = [(one, template) for one in objects if (template := pod_of(one))]
    for one, template in pods:
        for kind, name in _named(one, template):
            if (kind, name) not in names:
                yield f"{one['kind']}/{one['metadata']['name']} names {kind}/{name}, which is not there"
        selector = one["spec"].get("selector", {}).get("matchLabels", {})
        if not selector.items() <= template["metadata"].get("labels", {}).items():
            yield f"{one['kind']}/{one['metadata']['name']} does not select its own pods"
    for one in objects:
        yield from (f"{one['kind']}/{one['metadata']['name']} {what}" for what in _unselected(one, pods, names))


def _named(one: Object, template: Object) -> Iterator[tuple[str, str]]:
    """What a workload needs beside itself; secrets are made by hand."""
    spec = template["spec"]
    if account := spec.get("serviceAccountName"):
        yield "ServiceAccount", account
    for volume in spec.get("volumes", ()):
        if claim := volume.get("persistentVolumeClaim"):
            yield "PersistentVolumeClaim", claim["claimName"]
        if config := volume.get("configMap"):
            yield "ConfigMap", config["name"]
    for container in spec["containers"]:
        for source in container.get("envFrom", ()):
            if config := source.get("configMapRef"):
                yield "ConfigMap", config["name"]
    if one["kind"] == "Rollout":
        yield from _of_strategy(one["spec"]["strategy"])


def _of_strategy(strategy: Any) -> Iterator[tuple[str, str]]:
    if isinstance(strategy, list):
        for row in strategy:
            yield from _of_strategy(row)
    elif isinstance(strategy, dict):
        for key, value in strategy.items():
            if key.endswith("Service") and isinstance(value, str):
                yield "Service", value
            elif key == "templateName":
                yield "AnalysisTemplate", value
            else:
                yield from _of_strategy(value)


def _unselected(one: Object, pods: Sequence[tuple[Object, Object]], names: set[tuple[str, str]]) -> Iterator[str]:
    spec = one.get("spec", {})
    match one["kind"]:
        case "Service":
            labels = spec["selector"]
        case "PodDisruptionBudget":
            labels = spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            labels = spec["podSelector"].get("matchLabels", {})
        case "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in names:
                yield f"scales {target['kind']}/{target['name']}, which is not there"
            return
        case _:
            return
    chosen = [template for _, template in pods if labels.items() <= template["metadata"].get("labels", {}).items()]
    if not chosen:
        yield f"selects {labels}, which no pod has"
    if one["kind"] == "Service":
        for template in chosen:
            ports = {
                port.get(key)
                for container in template["spec"]["containers"]
                for port in container.get("ports", ())
                for key in ("name", "containerPort")
            }
            for port in spec["ports"]:
                if port["targetPort"] not in ports:
                    yield f"sends to port {port['targetPort']}, which a pod that it selects does not have"

"""What the policies about manifests and licences must find, planted in what keeps to all of them."""

import copy
from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest

from proof.containers.licences import licence, may_be_shipped
from proof.containers.policy import Object, disagreements, insecure

LABELS = {"app.kubernetes.io/name": "x"}
CONTAINER: Object = {
    "name": "x",
    "image": "registry/x:1.2.3",
    "ports": [{"name": "http", "containerPort": 8080}],
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
}
WORKLOAD: Object = {
    "kind": "Deployment",
    "metadata": {"name": "x"},
    "spec": {
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "automountServiceAccountToken": False,
                "serviceAccountName": "x",
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [CONTAINER],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        },
    },
}
SERVICE: Object = {
    "kind": "Service",
    "metadata": {"name": "x"},
    "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": "http"}]},
}
OTHERS: list[Object] = [
    {"kind": kind, "metadata": {"name": name}}
    for kind, name in (("ServiceAccount", "x"), ("ConfigMap", "settings"), ("PersistentVolumeClaim", "data"))
]


def container(one: Object) -> Any:
    return pod(one)["containers"][0]


def pod(one: Object) -> Any:
    return one["spec"]["template"]["spec"]


def test_what_keeps_to_all_policies_has_no_problem() -> None:
    assert not list(insecure(WORKLOAD))
    assert not list(disagreements([WORKLOAD, SERVICE, *OTHERS]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: pod(one)["securityContext"].pop("runAsNonRoot"), "may run as root"),
        (lambda one: pod(one)["securityContext"].update(runAsUser=0), "may run as root"),
        (lambda one: pod(one)["securityContext"].pop("seccompProfile"), "has no seccomp profile"),
        (lambda one: pod(one).pop("automountServiceAccountToken"), "a token of the cluster's API is mounted"),
        (lambda one: pod(one).update(hostNetwork=True), "hostNetwork"),
        (lambda one: pod(one)["volumes"].append({"name": "n", "hostPath": {"path": "/"}}), "volume n is hostPath"),
        (lambda one: container(one)["securityContext"].pop("allowPrivilegeEscalation"), "may gain privileges"),
        (lambda one: container(one)["securityContext"]["capabilities"].update(add=["NET_RAW"]), "keeps capabilities"),
        (lambda one: container(one)["securityContext"].pop("readOnlyRootFilesystem"), "may write its root"),
        (lambda one: container(one).update(image="registry:5000/x"), "may be another one tomorrow"),
        (lambda one: container(one).update(image="registry/x:latest"), "may be another one tomorrow"),
        (lambda one: container(one)["resources"]["limits"].pop("memory"), "no limits of memory"),
        (lambda one: container(one).pop("readinessProbe"), "nothing says when a pod is ready"),
        (lambda one: container(one)["ports"][0].update(hostPort=80), "takes a port of the node"),
    ],
)
def test_what_a_restricted_namespace_would_not_let_in_is_found(change: Callable[[Object], Any], said: str) -> None:
    one = copy.deepcopy(WORKLOAD)
    change(one)
    [problem] = insecure(one)
    assert said in problem


@pytest.mark.parametrize("missing", OTHERS, ids=lambda one: one["kind"])
def test_a_name_that_no_object_has_is_found(missing: Object) -> None:
    [problem] = disagreements([WORKLOAD, SERVICE, *(one for one in OTHERS if one is not missing)])
    assert f"names {missing['kind']}/{missing['metadata']['name']}, which is not there" in problem


def test_a_port_and_a_label_that_no_pod_has_are_found() -> None:
    for key, value, said in (
        ("ports", [{"port": 80, "targetPort": "grpc"}], "sends to port grpc"),
        ("selector", {"app.kubernetes.io/name": "y"}, "which no pod has"),
    ):
        service = {**SERVICE, "spec": {**SERVICE["spec"], key: value}}
        [problem] = disagreements([WORKLOAD, service, *OTHERS])
        assert said in problem


@pytest.mark.parametrize(
    ("header", "value", "may"),
    [
        ("License-Expression", "MIT", True),
        ("License-Expression", "Apache-2.0 OR GPL-3.0-only", True),
        ("License-Expression", "AGPL-3.0-or-later", False),
        ("License-Expression", "MIT AND LGPL-2.1-only", False),
        ("Classifier", "License :: OSI Approved :: BSD License", True),
        ("Classifier", "License :: OSI Approved :: GNU General Public License v3 (GPLv3)", False),
        ("License", "Elastic License 2.0", False),
        ("License", "", False),
    ],
)
def test_a_licence_with_duties_is_found(header: str, value: str, may: bool) -> None:
    about = Message()
    about["Name"], about[header] = "x", value
    assert may_be_shipped(licence(about)) is may

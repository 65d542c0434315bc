"""/openapi.json and /docs: true of the service, and in need of nothing else."""

import re

import httpx
import pytest

from __package__.signature import Signature


def test_openapi_describes_each_input(client: httpx.Client, signature: Signature) -> None:
    api = client.get("/openapi.json").json()
    assert api["openapi"].startswith("3.1.")
    row = api["components"]["schemas"]["Row"]
    assert row["required"] == [column.name for column in signature.inputs]
    for column in signature.inputs:
        described = row["properties"][column.name]
        assert column.description in described["description"]
        assert described["examples"] == [column.example]


def test_every_example_is_answered(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    body = paths["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        assert client.post("/predict", json=example["value"]).status_code == 200


def test_the_example_tensors_have_the_datatypes_of_the_metadata(
    client: httpx.Client, signature: Signature
) -> None:
    model = f"/v2/models/{signature.name}"
    infer = client.get("/openapi.json").json()["paths"][f"{model}/infer"]["post"]
    example = infer["requestBody"]["content"]["application/json"]["example"]
    inputs = client.get(model).json()["inputs"]
    assert [tensor["datatype"] for tensor in example["inputs"]] == [
        tensor["datatype"] for tensor in inputs
    ]


def test_every_described_path_exists(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("example", {})
            status = client.request(method, path, json=body).status_code
            assert str(status) in operation["responses"], path


@pytest.mark.parametrize("path", ["/docs", "/docs/page.css", "/docs/page.js"])
def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"(src|@import|url\()\W*https?:", answer.text)

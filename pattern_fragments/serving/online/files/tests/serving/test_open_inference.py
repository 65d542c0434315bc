"""The Open Inference Protocol (V2): health, metadata, and tensors in JSON and in binary."""

import json
import struct

import httpx
import pytest

from __package__.signature import Signature

Json = dict[str, object]
Tensors = list[dict[str, object]]


@pytest.fixture
def path(signature: Signature) -> str:
    return f"/v2/models/{signature.name}/infer"


@pytest.fixture
def tensors(client: httpx.Client, signature: Signature) -> Tensors:
    """Two valid rows, in the datatypes that the service asks for."""
    metadata = client.get(f"/v2/models/{signature.name}").json()
    datatypes = {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]}
    return [
        {
            "name": column.name,
            "shape": [2],
            "datatype": datatypes[column.name],
            "data": [column.example, column.example],
        }
        for column in signature.inputs
    ]


def as_binary(tensors: Tensors) -> tuple[Tensors, bytes]:
    """The same tensors with their data behind the JSON."""
    described, data = [], b""
    for tensor in tensors:
        values = tensor["data"]
        assert isinstance(values, list)
        if tensor["datatype"] == "BYTES":
            texts = [str(value).encode() for value in values]
            binary = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            binary = struct.pack(f"<{len(values)}d", *values)
        parameters = {"binary_data_size": len(binary)}
        described.append(
            {key: tensor[key] for key in ("name", "shape", "datatype")} | {"parameters": parameters}
        )
        data += binary
    return described, data


def post_binary(
    client: httpx.Client, path: str, request: Json, data: bytes, json_bytes: object = None
) -> httpx.Response:
    text = json.dumps(request).encode()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(text) if json_bytes is None else json_bytes),
    }
    return client.post(path, content=text + data, headers=headers)


def probabilities(answer: httpx.Response) -> list[float]:
    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    assert (output["datatype"], output["shape"]) == ("FP32", [2])
    values: list[float] = output["data"]
    return values


@pytest.mark.parametrize("suffix", ["", "/versions/{version}"])
def test_the_model_tells_of_itself(client: httpx.Client, signature: Signature, suffix: str) -> None:
    path = f"/v2/models/{signature.name}" + suffix.format(version=signature.version)
    metadata = client.get(path).json()
    assert metadata["name"] == signature.name
    assert metadata["versions"] == [signature.version]
    names = [tensor["name"] for tensor in metadata["inputs"]]
    assert names == [column.name for column in signature.inputs]
    assert [tensor["name"] for tensor in metadata["outputs"]] == [signature.output.name]
    assert client.get(f"{path}/ready").json() == {"name": signature.name, "ready": True}


def test_the_server_tells_of_itself(client: httpx.Client) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_tensors_and_named_rows_get_the_same_predictions(
    client: httpx.Client, signature: Signature, path: str, tensors: Tensors
) -> None:
    rows = [signature.example] * 2
    named = client.post("/predict", json=rows).json()["predictions"]
    answer = client.post(path, json={"inputs": tensors})
    assert probabilities(answer) == [row[signature.output.name] for row in named]


def test_a_version_may_be_named(
    client: httpx.Client, signature: Signature, tensors: Tensors
) -> None:
    path = f"/v2/models/{signature.name}/versions/{signature.version}/infer"
    assert client.post(path, json={"inputs": tensors}).status_code == 200


def test_another_model_or_version_is_not_found(client: httpx.Client, signature: Signature) -> None:
    for path in ("other", f"{signature.name}/versions/other"):
        answer = client.post(f"/v2/models/{path}/infer", json={})
        assert (answer.status_code, type(answer.json()["error"])) == (404, str)


def test_the_request_id_comes_back(client: httpx.Client, path: str, tensors: Tensors) -> None:
    answer = client.post(path, json={"id": "42", "inputs": tensors}).json()
    assert answer["id"] == "42"
    assert answer["parameters"]["prediction_id"]


def test_columns_of_shape_n_1_are_understood_nested_and_flat(
    client: httpx.Client, path: str, tensors: Tensors
) -> None:
    flat = probabilities(client.post(path, json={"inputs": tensors}))
    for tensor in tensors:
        tensor["shape"] = [2, 1]
    assert probabilities(client.post(path, json={"inputs": tensors})) == flat
    for tensor in tensors:
        values = tensor["data"]
        assert isinstance(values, list)
        tensor["data"] = [[value] for value in values]
    assert probabilities(client.post(path, json={"inputs": tensors})) == flat


def test_binary_tensors_mean_the_same(client: httpx.Client, path: str, tensors: Tensors) -> None:
    expected = probabilities(client.post(path, json={"inputs": tensors}))
    described, data = as_binary(tensors)
    request: Json = {"inputs": described, "parameters": {"binary_data_output": True}}
    answer = post_binary(client, path, request, data)
    assert answer.status_code == 200, answer.text
    size = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.content[:size])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    assert list(struct.unpack("<2f", answer.content[size:])) == expected


def test_an_output_chooses_its_own_form(
    client: httpx.Client, signature: Signature, path: str, tensors: Tensors
) -> None:
    outputs = [{"name": signature.output.name, "parameters": {"binary_data": False}}]
    request = {
        "inputs": tensors,
        "outputs": outputs,
        "parameters": {"binary_data_output": True},
    }
    answer = client.post(path, json=request)
    assert len(probabilities(answer)) == 2
    assert "inference-header-content-length" not in answer.headers


def assert_refused(answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 400, answer.text
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": [3]}, "3 rows by its shape, but 2 values"),
        ({"shape": [2, 2]}, "shape [n] or [n, 1]"),
        ({"shape": []}, "shape [n] or [n, 1]"),
        ({"shape": [-1]}, "shape"),
        ({"shape": [1.5]}, "shape"),
        ({"shape": "2"}, "shape"),
        ({"datatype": "COMPLEX"}, "datatype"),
        ({"datatype": "INT64", "data": [1.5, 2.5]}, "whole number"),
        ({"data": None}, "no data"),
        ({"data": {}}, "data"),
        ({"data": [None, None]}, "row 0"),
        ({"data": [[[1]], [[1]]]}, "row 0"),
        ({"data": [], "shape": [0]}, "no rows"),
        ({"name": "surprise"}, "surprise"),
        ({"parameters": {"binary_data_size": -1}}, "binary_data_size"),
        ({"parameters": {"binary_data_size": 10}}, "binary data ends before"),
    ],
)
def test_a_wrong_tensor_is_named(
    client: httpx.Client, path: str, tensors: Tensors, change: Json, reason: str
) -> None:
    tensors[-1] |= change
    assert_refused(client.post(path, json={"inputs": tensors}), reason)


def test_a_tensor_missing_or_given_twice_is_named(
    client: httpx.Client, path: str, tensors: Tensors
) -> None:
    name = str(tensors[0]["name"])
    assert_refused(client.post(path, json={"inputs": tensors[1:]}), name)
    answer = client.post(path, json={"inputs": [*tensors, tensors[0]]})
    assert_refused(answer, f"Input {name!r} is given twice")


def test_an_unknown_output_is_named(client: httpx.Client, path: str, tensors: Tensors) -> None:
    request = {"inputs": tensors, "outputs": [{"name": "surprise"}]}
    assert_refused(client.post(path, json=request), "surprise")


def test_a_key_given_twice_is_refused(client: httpx.Client, path: str) -> None:
    answer = client.post(path, content=b'{"inputs": [], "inputs": []}')
    assert_refused(answer, "'inputs' is given twice")


def test_too_many_rows_are_refused(client: httpx.Client, path: str, tensors: Tensors) -> None:
    tensors[0]["shape"] = [10**9]
    assert client.post(path, json={"inputs": tensors}).status_code == 413


@pytest.mark.parametrize("json_bytes", ["-1", "1e3", "999999", "", "9" * 5000, "x"])
def test_a_wrong_length_of_the_json_is_refused(
    client: httpx.Client, path: str, json_bytes: str
) -> None:
    assert post_binary(client, path, {"inputs": []}, b"", json_bytes).status_code == 400


def test_binary_data_must_fit_its_tensors(
    client: httpx.Client, path: str, tensors: Tensors
) -> None:
    described, data = as_binary(tensors)
    request: Json = {"inputs": described}
    assert_refused(post_binary(client, path, request, data + b"x"), "belong to no input")
    assert_refused(post_binary(client, path, request, data[:-1]), "ends before")
    assert post_binary(client, path, request, b"\xff" * len(data)).status_code == 400


def test_what_is_no_object_is_refused(client: httpx.Client, path: str) -> None:
    for body in (b"", b"[]", b"1", b"null", b"{}", b'{"inputs": 1}', b"\xff", b"[" * 100_000):
        answer = client.post(path, content=body)
        assert (answer.status_code, type(answer.json()["error"])) == (400, str)

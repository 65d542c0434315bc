"""POST /predict: named fields in, predictions out; what is wrong is named."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from __package__.signature import Input, Signature

Row = dict[str, object]


def post(client: httpx.Client, body: str | bytes) -> httpx.Response:
    return client.post("/predict", content=body, headers={"content-type": "application/json"})


def test_one_row_gets_one_prediction_with_model_and_id(
    client: httpx.Client, signature: Signature, row: Row
) -> None:
    answer = client.post("/predict", json=row)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["model_name"], body["model_version"]) == (signature.name, signature.version)
    (prediction,) = body["predictions"]
    assert prediction["prediction_id"]
    assert isinstance(prediction[signature.output.name], float)


def test_many_rows_get_as_many_predictions_with_different_ids(
    client: httpx.Client, row: Row
) -> None:
    predictions = client.post("/predict", json=[row] * 3).json()["predictions"]
    assert len({prediction["prediction_id"] for prediction in predictions}) == 3


def test_a_large_request_is_answered_beside_the_event_loop(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=[row] * 1000)
    assert len(answer.json()["predictions"]) == 1000


def test_answers_go_to_the_callers_who_asked(client: httpx.Client, row: Row) -> None:
    def rows_answered(count: int) -> int:
        return len(client.post("/predict", json=[row] * count).json()["predictions"])

    counts = [1 + number % 150 for number in range(200)]
    with ThreadPoolExecutor(16) as callers:
        assert list(callers.map(rows_answered, counts)) == counts


def test_escaped_text_means_the_same(client: httpx.Client, row: Row) -> None:
    escaped = json.dumps(row).replace("a", "\\u0061")
    assert post(client, escaped).status_code == 200


def an_input(signature: Signature, is_meant: Callable[[Input], bool]) -> str:
    for column in signature.inputs:
        if is_meant(column):
            return column.name
    pytest.skip("the model has no such input")


def a_number(signature: Signature) -> str:
    return an_input(signature, lambda column: column.type == "number")


def assert_refused(answer: httpx.Response, field: str, reason: str, row: int = 0) -> None:
    assert answer.status_code in (400, 422), answer.text
    problems = answer.json()["error"]["problems"]
    assert any(
        problem["row"] == row and problem["field"] == field and reason in problem["reason"]
        for problem in problems
    ), problems


def test_a_missing_field_is_named(client: httpx.Client, row: Row) -> None:
    field = next(iter(row))
    good = dict(row)
    del row[field]
    assert_refused(client.post("/predict", json=[good, row]), field, "missing", row=1)


def test_an_unknown_field_is_named(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=row | {"surprise": 1})
    assert_refused(answer, "surprise", "is not an input")


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}, [[[[[]]]]]])
def test_a_wrong_type_is_named(client: httpx.Client, row: Row, value: object) -> None:
    for field in row:
        assert_refused(client.post("/predict", json=row | {field: value}), field, "")


def test_a_row_that_is_no_object_is_named(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=[row, 1])
    assert answer.status_code == 422
    reason = "must be an object with named fields"
    assert answer.json()["error"] == {
        "message": f"row 1: {reason}.",
        "problems": [{"row": 1, "field": None, "reason": reason}],
    }


def test_every_wrong_field_is_named_at_once(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=dict.fromkeys(row))
    assert {problem["field"] for problem in answer.json()["error"]["problems"]} == set(row)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_named(
    client: httpx.Client, signature: Signature, row: Row, literal: str
) -> None:
    field = a_number(signature)
    body = json.dumps(row | {field: "@"}).replace('"@"', literal)
    assert_refused(post(client, body), field, "finite")


def test_a_number_out_of_range_is_named(
    client: httpx.Client, signature: Signature, row: Row
) -> None:
    field = an_input(signature, lambda column: column.maximum is not None)
    assert_refused(client.post("/predict", json=row | {field: 10**30}), field, "at most")


def test_an_unknown_category_of_a_closed_set_is_named(
    client: httpx.Client, signature: Signature, row: Row
) -> None:
    field = an_input(
        signature, lambda column: column.type == "category" and not column.accepts_unknown
    )
    assert_refused(client.post("/predict", json=row | {field: "no such"}), field, "must be one of")


def test_a_timestamp_without_offset_is_named(
    client: httpx.Client, signature: Signature, row: Row
) -> None:
    field = an_input(signature, lambda column: column.type == "timestamp")
    answer = client.post("/predict", json=row | {field: "2026-01-01T00:00:00"})
    assert_refused(answer, field, "offset")


def test_a_key_given_twice_is_named(client: httpx.Client, row: Row) -> None:
    text = json.dumps(row)
    field = list(row)[-1]
    twice = f"{text[:-1]}, {json.dumps(field)}: {json.dumps(row[field])}}}"
    assert_refused(post(client, f"[{text}, {twice}]"), field, "twice", row=1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b"[1, 2]",
        b"[[]]",
        b"null",
        b'{"a": 1}',
        b'{"a": 01}',
        b"{'a': 1}",
        b'{"a": "\xff"}',
        b'{"\\ud800": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * 400 + b"]" * 400,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"\x00",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_rows_is_refused_with_a_sentence(client: httpx.Client, body: bytes) -> None:
    answer = post(client, body)
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"].endswith(".")


def test_too_many_rows_are_refused(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=[row] * 1001)
    assert answer.status_code == 413
    assert "1000 are allowed" in answer.json()["error"]["message"]


def test_names_of_unknown_fields_are_not_echoed_at_length(client: httpx.Client, row: Row) -> None:
    answer = client.post("/predict", json=row | {"x" * 10_000: 1})
    assert answer.status_code == 422
    assert len(answer.content) < 1000


def test_another_method_is_refused(client: httpx.Client) -> None:
    answer = client.get("/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_media_type_is_refused(
    client: httpx.Client, row: Row, headers: dict[str, str]
) -> None:
    answer = client.post("/predict", content=json.dumps(row), headers=headers)
    assert answer.status_code == 415


def test_a_charset_of_utf_8_is_accepted(client: httpx.Client, row: Row) -> None:
    headers = {"content-type": "application/json; charset=UTF-8"}
    assert client.post("/predict", content=json.dumps(row), headers=headers).status_code == 200

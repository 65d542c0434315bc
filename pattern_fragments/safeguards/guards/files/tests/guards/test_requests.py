"""What a caller is told of a row that the model must not be asked about."""

from pathlib import Path

import msgspec
import pytest

from __package__.service import Service
from __package__.serving.named_rows import NamedRows
from __package__.serving.open_inference import OpenInference
from __package__.serving.refusal import Refusal

from .test_guarded import taught_otherwise


def test_the_caller_is_told_each_row_and_feature(service: Service, tmp_path: Path) -> None:
    scorer, name = taught_otherwise(service, tmp_path / "model")
    interface = NamedRows(service.signature, scorer, max_rows=10)
    body = msgspec.json.encode([service.signature.example] * 2)
    with pytest.raises(Refusal) as refused:
        interface.answer(body, {})
    assert (refused.value.status, refused.value.reason) == (422, "outside_training")
    why = "lies too far below what the model has learnt from"
    told = msgspec.json.decode(interface.refusal(refused.value))["error"]
    assert told["message"] == f"row 0, {name}: {why} (and 1 more)."
    assert told["problems"] == [{"row": row, "field": name, "reason": why} for row in range(2)]


def test_over_the_protocol_the_caller_is_told_the_first_of_them(
    service: Service, tmp_path: Path
) -> None:
    scorer, name = taught_otherwise(service, tmp_path / "model")
    interface = OpenInference(service.signature, scorer, max_rows=10)
    kinds = {"category": "BYTES", "number": "FP64", "timestamp": "BYTES"}
    example = service.signature.example
    tensors = [
        {
            "name": one.name,
            "shape": [1],
            "datatype": kinds[one.type],
            "data": [example[one.name]],
        }
        for one in service.signature.inputs
    ]
    with pytest.raises(Refusal, match=f"row 0, {name}: lies too far below") as refused:
        interface.answer(msgspec.json.encode({"inputs": tensors}), {})
    assert (refused.value.status, refused.value.reason) == (400, "outside_training")

"""Made-up requests for the binary form of the Open Inference Protocol; runs in the environment of a service.

    python -m fuzz_parser PACKAGE SEED COUNT KEPT

Each begins as a good request and is changed up to four times. It prints how they ended, by status, and the first KEPT
of them in hexadecimal with the length of their JSON. What is raised beside a refusal ends it with its traceback.
"""

import importlib
import json
import random
import struct
import sys
from collections import Counter
from typing import Any

Request = dict[str, Any]


def value(column: Any, draw: random.Random) -> Any:
    """One that the model knows."""
    return draw.choice(column.categories) if column.type == "category" and column.categories else column.example


def packed(datatype: str, values: list[Any]) -> bytes:
    """Values as binary data."""
    if datatype == "BYTES":
        texts = [str(one).encode() for one in values]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(values)}d", *values)


def good(signature: Any, draw: random.Random) -> tuple[Request, list[bytes]]:
    """A request that is answered: its JSON, and the binary data of each tensor that has some."""
    rows = draw.randint(1, 4)
    tensors, binaries = [], []
    for column in signature.inputs:
        datatype = "FP64" if column.type == "number" else "BYTES"
        values = [value(column, draw) for _ in range(rows)]
        tensor: Request = {"name": column.name, "shape": [rows], "datatype": datatype}
        if draw.random() < 0.7:
            binaries.append(packed(datatype, values))
            tensor["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            tensor["data"] = values
        tensors.append(tensor)
    return {"inputs": tensors}, binaries


def change_tensor(request: Request, draw: random.Random) -> None:
    """Make a tensor say something else of itself."""
    tensor = draw.choice(request["inputs"] or [{}])
    odd: list[Any] = [
        -1,
        0,
        1,
        2**31,
        2**63,
        2**80,
        1.5,
        None,
        "1",
        True,
        [],
        {},
        [[]],
        "\x00",
        "é" * 50,
        [1, 1, 1],
        [10**9],
    ]
    field = draw.choice(["name", "shape", "datatype", "data", "parameters", "binary_data_size", "more"])
    types = ["FP16", "FP32", "FP64", "INT8", "INT64", "UINT64", "BOOL", "BYTES", "", "fp64"]
    if field == "datatype":
        tensor[field] = draw.choice(types)
    elif field == "binary_data_size":
        size = tensor.get("parameters", {}) or {}
        given = size.get(field, 0) if isinstance(size, dict) else 0
        near = given + draw.choice([-4, -1, 1, 8, 2**32]) if isinstance(given, int) else 0
        tensor["parameters"] = {field: draw.choice([near, *odd])}
    elif field == "shape":
        tensor[field] = [draw.choice([*odd, draw.randint(0, 5)]) for _ in range(draw.randint(0, 3))]
    else:
        tensor[field] = draw.choice(odd)


def change_bytes(data: bytes, draw: random.Random) -> bytes:
    """Flip, cut, repeat, or write a length that is none."""
    if not data:
        return draw.randbytes(draw.randint(1, 20))
    at = draw.randrange(len(data))
    kind = draw.randrange(5)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + draw.randbytes(draw.randint(1, 40)) + data[at:]
    if kind == 3:
        return data + data[at:]
    return data[:at] + draw.choice([b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\x00\x00\x00\x00"]) + data[at + 4 :]


def made_up(signature: Any, draw: random.Random) -> tuple[bytes, bytes]:
    """The body of a request, and what its header says of the length of the JSON in it."""
    request, binaries = good(signature, draw)
    changes = draw.randrange(5)
    for _ in range(changes):
        if draw.random() < 0.5:
            change_tensor(request, draw)
        elif binaries:
            place = draw.randrange(len(binaries))
            binaries[place] = change_bytes(binaries[place], draw)
    text = json.dumps(request).encode()
    length = b"%d" % len(text)
    if changes and draw.random() < 0.1:
        text = change_bytes(text, draw)
    if changes and draw.random() < 0.1:
        length = draw.choice(
            [b"0", b"-1", b"x", b"", b"9" * 30, b"%d" % (len(text) + 1), b"%d" % max(0, len(text) - 1)]
        )
    return text + b"".join(binaries), length


def main() -> None:
    """Ask the endpoint itself, without HTTP."""
    package, seed, count, kept = sys.argv[1], *map(int, sys.argv[2:])
    settings = importlib.import_module(f"{package}.settings")
    wiring = importlib.import_module(f"{package}.wiring")
    interfaces = importlib.import_module(f"{package}.serving.interfaces")
    refusal = importlib.import_module(f"{package}.serving.refusal")
    service = wiring.build_service(settings.read_settings())
    endpoint = interfaces.interfaces_of(service)[f"/v2/models/{service.signature.name}/infer"]
    draw = random.Random(seed)  # noqa: S311 - the same requests in every run
    ended: Counter[str] = Counter()
    first = []
    for number in range(count):
        body, length = made_up(service.signature, draw)
        if number < kept:
            first.append([body.hex(), length.decode()])
        try:
            endpoint.answer(body, {b"inference-header-content-length": length})
        except refusal.Refusal as error:
            ended[str(error.status)] += 1
        else:
            ended["200"] += 1
    service.observers.close()
    print(json.dumps({"ended": ended, "first": first}))


if __name__ == "__main__":
    main()

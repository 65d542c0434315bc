"""How a chain is written: whole or not at all, on several files, and anew where it cannot go on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from __package__.audit import chain as chain_module
from __package__.audit.chain import MOST_FOLLOWED, followed
from __package__.audit.verify import head_of, verify

from .conftest import answered, closed, entries, make_chain


def test_a_chain_goes_on_in_another_file_when_one_is_full(tmp_path: Path) -> None:
    chain = make_chain(tmp_path, most_bytes=1000)
    for number in range(5):
        chain.add([answered(number)])
    chain.add([closed()])
    chain.close()
    paths = sorted(tmp_path.glob("*.jsonl"))
    assert [path.name for path in paths] == [
        f"{chain.name}.{number:06}.jsonl" for number in range(1, len(paths) + 1)
    ]
    assert len(paths) > 1
    assert all(path.stat().st_size >= 1000 for path in paths[:-1])
    assert not verify(tmp_path, heads=[head_of(chain.head, "the chain")]).findings
    assert [entry["n"] for entry in entries(tmp_path)] == list(range(7))


def test_a_file_is_for_its_owner_and_group_alone(tmp_path: Path) -> None:
    make_chain(tmp_path).add([answered(0)])
    [path] = tmp_path.glob("*.jsonl")
    assert path.stat().st_mode & 0o137 == 0


class FullDisk:
    """Takes so many bytes, and no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self._write = os.write
        self.room = room
        monkeypatch.setattr(os, "write", self)

    def __call__(self, file: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


def test_what_does_not_fit_on_the_disk_leaves_nothing_and_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(tmp_path)
    chain.add([answered(0)])
    [path] = tmp_path.glob("*.jsonl")
    size, head = path.stat().st_size, chain.head
    disk = FullDisk(monkeypatch, room=100)
    with pytest.raises(OSError, match="No space left"):
        chain.add([answered(1), answered(2)])
    assert (path.stat().st_size, chain.head) == (size, head)
    disk.room = 10**6
    chain.add([answered(1), answered(2)])
    assert [entry["n"] for entry in entries(tmp_path)] == [0, 1, 2, 3]
    assert not verify(tmp_path).findings


def test_a_beginning_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(tmp_path)
    disk = FullDisk(monkeypatch, room=10)
    with pytest.raises(OSError, match="No space left"):
        chain.add([answered(0)])
    assert list(tmp_path.iterdir()) == []
    assert chain.segment == 0
    disk.room = 10**6
    chain.add([answered(0)])
    assert not verify(tmp_path).findings


def test_what_cannot_be_taken_back_ends_the_chain_and_the_next_one_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int, _size: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    chain = make_chain(tmp_path)
    chain.add([answered(0)])
    torn, head = chain.name, chain.head
    disk = FullDisk(monkeypatch, room=100)
    monkeypatch.setattr(os, "ftruncate", refuse)  # as where a file may only grow
    with pytest.raises(OSError, match="No space left"):
        chain.add([answered(1)])
    disk.room = 10**6
    chain.add([answered(1)])
    assert chain.name != torn
    report = verify(tmp_path, heads=[head_of(head, "the chain")])
    assert not report.findings
    assert sum(found.calls for found in report.chains) == 2
    assert f"{torn} ends in 100 bytes that are no whole entry: its process was killed" in (
        report.notes
    )


def removed(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"{}\n")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (removed, "was removed while it was written"),
        (replaced, "was replaced while it was written"),
        (shortened, "was changed by somebody else while it was written"),
        (lengthened, "was changed by somebody else while it was written"),
    ],
)
def test_a_file_that_somebody_else_touches_is_told_at_once_and_found(
    tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    chain = make_chain(tmp_path)
    chain.add([answered(0)])
    head = head_of(chain.head, "the chain")
    [path] = tmp_path.glob("*.jsonl")
    change(path)
    with pytest.raises(OSError, match=sentence):
        chain.add([answered(1)])
    chain.add([answered(1)])
    assert chain.name != path.name.partition(".jsonl")[0]
    assert any("has changed" in finding for finding in verify(tmp_path).findings)
    assert verify(tmp_path, heads=[head]).findings or change is replaced


def test_a_chain_names_the_newest_ones_it_finds(tmp_path: Path) -> None:
    chains = [make_chain(tmp_path) for _ in range(MOST_FOLLOWED + 2)]
    for chain in chains:
        chain.add([answered(0)])
    found = followed(tmp_path)
    assert [one.chain for one in found] == sorted(one.name for one in chains)[2:]
    by_name = {chain.name: chain.hash for chain in chains}
    assert all((one.n, one.hash) == (1, by_name[one.chain]) for one in found)


def test_the_end_of_a_chain_is_found_whatever_lies_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(tmp_path)
    chain.add([answered(0), answered(1)])
    chain.close()
    [path] = tmp_path.glob("*.jsonl")
    for block in (1, 7, 10**6):
        monkeypatch.setattr(chain_module, "_BLOCK", block)
        assert [(one.n, one.hash, one.torn) for one in followed(tmp_path)] == [(2, chain.hash, 0)]
    (tmp_path / f"{chain.name}.000002.jsonl").write_bytes(b"torn")
    assert [(one.n, one.torn) for one in followed(tmp_path)] == [(2, 4)]
    path.write_bytes(b"to")
    assert [(one.n, one.torn) for one in followed(tmp_path)] == [(-1, 6)]
    path.write_bytes(b"no entry\n")
    assert [(one.n, one.hash) for one in followed(tmp_path)] == [(-1, "")]

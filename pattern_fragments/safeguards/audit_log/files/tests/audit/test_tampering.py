"""Whatever is changed in a log is found, and what is not changed is not."""

import itertools
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from __package__.audit.chain import Chain
from __package__.audit.entries import line_of
from __package__.audit.key import Key
from __package__.audit.verify import Report, head_of, heads_in, verify

from .conftest import SECRET, answered, closed, lines, make_chain

ENTRIES = 12
KEY = Key(SECRET)


def write(folder: Path, key: Key | None = None, entries: int = ENTRIES, end: bool = True) -> Chain:
    """A chain of several segments."""
    chain = make_chain(folder, key, most_bytes=1500)
    for number in range(entries):
        chain.add([answered(number)])
    if end:
        chain.add([closed()])
    chain.close()
    return chain


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def change(folder: Path, edit: Callable[[list[bytes]], None]) -> None:
    """Edit the lines of a log, and leave each file the lines it has room for."""
    paths, before = files(folder), [len(path.read_bytes().splitlines()) for path in files(folder)]
    changed = lines(folder)
    edit(changed)
    rest = iter(changed)
    for path, count in zip(paths[:-1], before[:-1], strict=True):
        path.write_bytes(b"".join(itertools.islice(rest, count)))
    paths[-1].write_bytes(b"".join(rest))


def told(report: Report) -> list[str]:
    return [finding.partition(": ")[2] for finding in report.findings]


def test_a_log_that_nobody_touched_is_good(tmp_path: Path) -> None:
    first, second = write(tmp_path), write(tmp_path, end=False)
    report = verify(tmp_path, heads=[head_of(first.head, "a log"), head_of(second.head, "a log")])
    assert not report.findings
    assert len(files(tmp_path)) > 4
    assert [chain.head for chain in report.chains] == [first.head, second.head]
    assert [chain.is_closed for chain in report.chains] == [True, False]
    assert [chain.rows for chain in report.chains] == [ENTRIES, ENTRIES]
    assert report.notes == [
        f"{second.name} has no end: its process is running, or was killed, so that the entries of"
        " its last seconds are missing, or somebody has cut it"
    ]


def edited(changed: list[bytes]) -> None:
    changed[5] = changed[5].replace(b"request4", b"request5")


def removed(changed: list[bytes]) -> None:
    del changed[5:7]


def moved(changed: list[bytes]) -> None:
    changed[5], changed[6] = changed[6], changed[5]


def doubled(changed: list[bytes]) -> None:
    changed.insert(5, changed[5])


def forged(changed: list[bytes]) -> None:
    before = changed[4].rpartition(b'"hash":"')[2][:64].decode()
    changed.insert(5, line_of(answered(99), 5, before, None)[0])


def replaced(changed: list[bytes]) -> None:
    before = changed[4].rpartition(b'"hash":"')[2][:64].decode()
    changed[5] = line_of(answered(99), 5, before, None)[0]


def garbled(changed: list[bytes]) -> None:
    changed[5] = b"{}\n"


def added(changed: list[bytes]) -> None:
    before = changed[-1].rpartition(b'"hash":"')[2][:64].decode()
    changed.append(line_of(answered(99), len(changed), before, None)[0])


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (edited, "entry 5 was changed: its hash is of another content"),
        (removed, "entries 5 to 6 are missing before this one: removed"),
        (moved, "entry 5 stands after entry 6: the order was changed"),
        (doubled, "a second entry 5 stands here: one of both was put there"),
        (forged, "a second entry 5 stands here: one of both was put there"),
        (replaced, "entry 6 does not follow the one before: one of both was replaced"),
        (garbled, "the line is no entry of an audit log: it was changed or put there"),
        (added, f"entry {ENTRIES + 2} stands after the end of the chain: it was put there"),
    ],
)
def test_each_change_is_told_in_one_sentence(
    tmp_path: Path, edit: Callable[[list[bytes]], None], sentence: str
) -> None:
    write(tmp_path)
    change(tmp_path, edit)
    report = verify(tmp_path)
    assert told(report) == [sentence]
    file, _, number = report.findings[0].partition(": ")[0].rpartition(":")
    assert Path(file) in files(tmp_path)
    assert number.isdigit()


def test_a_segment_that_is_gone_has_taken_its_entries_with_it(tmp_path: Path) -> None:
    write(tmp_path)
    files(tmp_path)[1].unlink()
    report = verify(tmp_path)
    [sentence] = told(report)
    assert sentence.endswith("are missing before this one: removed")
    assert any("segment 2 is not there" in note for note in report.notes)


def test_a_file_under_another_name_is_told(tmp_path: Path) -> None:
    write(tmp_path, entries=1)
    [path] = files(tmp_path)
    path.rename(tmp_path / "20000101T000000.000000Z-00000000.000001.jsonl")
    [sentence] = told(verify(tmp_path))
    assert sentence.startswith("the file bears the name of another chain: it holds ")


def cut(folder: Path, chain: Chain, keep: int) -> None:
    """Leave the first entries of a chain alone."""
    paths = [path for path in files(folder) if path.name.startswith(chain.name)]
    kept = b"".join(b"".join(path.read_bytes().splitlines(True)) for path in paths)
    paths[0].write_bytes(b"".join(kept.splitlines(True)[:keep]))
    for path in paths[1:]:
        path.unlink()


def test_the_next_chain_knows_how_long_the_one_before_was(tmp_path: Path) -> None:
    first, second = write(tmp_path), write(tmp_path)
    cut(tmp_path, first, 6)
    assert told(verify(tmp_path)) == [
        f"{first.name} ends with entry 5, but {second.name} names its entry {ENTRIES + 1}:"
        f" entries 6 to {ENTRIES + 1} are removed"
    ]


def test_a_chain_that_is_gone_is_missed_unless_it_is_older_than_all(tmp_path: Path) -> None:
    first, second, third = (write(tmp_path, entries=1) for _ in range(3))
    kept = {path: path.read_bytes() for path in files(tmp_path)}
    second_file = next(path for path in kept if path.name.startswith(second.name))
    second_file.unlink()
    assert told(verify(tmp_path)) == [
        f"the chain {second.name} is missing, which {third.name} names"
    ]
    second_file.write_bytes(kept[second_file])
    next(path for path in kept if path.name.startswith(first.name)).unlink()
    report = verify(tmp_path)
    assert not report.findings
    assert f"{first.name} came before all that is here, and is not here any more" in report.notes


def test_a_log_that_was_written_anew_as_a_whole_does_not_have_the_head_told_before(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    told_before = write(old, end=False)
    anew = make_chain(new, most_bytes=1500)
    for number in range(ENTRIES):
        anew.add([answered(number + (number == 5))])
    anew.close()
    assert not verify(new).findings
    number, own = told_before.n, told_before.hash
    for text, sentence in [
        (told_before.head, f"the chain {told_before.name} is missing, which --head names"),
        (
            f"{number}:{own}",
            f"no chain has the entry {number} that --head names: it was changed or removed",
        ),
        (
            f"{anew.name}:{number}:{own}",
            f"{anew.name} has another entry {number} than --head names: the chain was written anew",
        ),
    ]:
        assert told(verify(new, heads=[head_of(text, "--head")])) == [sentence]
    assert not verify(old, heads=[head_of(f"{number}:{own}", "--head")]).findings


def test_heads_are_read_from_a_log_of_the_service(tmp_path: Path) -> None:
    chain = write(tmp_path)
    log = [
        '{"message": "serving", "port": 8080}\n',
        "pod-1 " + json.dumps({"message": "audit head", "head": chain.head}) + "\n",
    ]
    [head] = heads_in(log, "the log")
    assert (head.chain, head.n, head.hash) == (chain.name, chain.n, chain.hash)
    assert not verify(tmp_path, heads=[head]).findings
    with pytest.raises(ValueError, match="is no head, such as CHAIN:17:HASH"):
        list(heads_in(['{"message":"audit head","head":"x"}'], "the log"))
    with pytest.raises(ValueError, match="a line that is no JSON"):
        list(heads_in(['{"message":"audit head","he'], "the log"))


def test_without_the_key_nobody_can_write_a_log_anew(tmp_path: Path) -> None:
    write(tmp_path, KEY)
    assert not verify(tmp_path, [KEY]).findings
    other = Key(SECRET[::-1])
    assert any(KEY.name in finding for finding in verify(tmp_path, [other]).findings)
    assert not verify(tmp_path, [other, KEY]).findings
    [note] = verify(tmp_path).notes
    assert note.endswith(f"macs were not checked, for the key {KEY.name} was not given")
    before, written = "0" * 64, []
    for place, line in enumerate(lines(tmp_path)):
        forged, before = line_of(_content(line), place, before, Key(SECRET[::-1]))
        written.append(forged)
    change(tmp_path, lambda changed: changed.__setitem__(slice(None), written))
    assert not verify(tmp_path).findings
    assert len(verify(tmp_path, [KEY]).findings) == len(written)


def test_macs_cannot_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, KEY, entries=1)
    change(tmp_path, lambda changed: changed.__setitem__(1, changed[1][:-75] + b"}\n"))
    assert told(verify(tmp_path)) == ["entry 1 has no mac: it was put there or changed"]


def test_a_chain_without_macs_is_no_proof_to_who_has_a_key(tmp_path: Path) -> None:
    write(tmp_path, entries=1)
    assert told(verify(tmp_path, [KEY])) == ["the chain has no macs, though a key was given"]


def test_a_line_that_was_cut_by_a_kill_is_a_note_and_the_next_chain_names_it(
    tmp_path: Path,
) -> None:
    torn = write(tmp_path, end=False)
    last = files(tmp_path)[-1]
    last.write_bytes(last.read_bytes() + b'{"n":13,"kind":"answ')
    report = verify(tmp_path, heads=[head_of(torn.head, "a log")])
    assert not report.findings
    sentence = "ends in 20 bytes that are no whole entry: its process was killed"
    assert f"{torn.name} {sentence}" in report.notes
    after = write(tmp_path)
    assert not verify(tmp_path).findings
    [begun] = [line for line in lines(tmp_path) if after.name.encode() in line]
    follows = [{"chain": torn.name, "n": torn.n, "hash": torn.hash, "torn": 20}]
    assert json.loads(begun)["follows"] == follows


def test_a_line_without_an_end_is_a_finding_where_no_kill_explains_it(tmp_path: Path) -> None:
    write(tmp_path)
    first = files(tmp_path)[0]
    first.write_bytes(first.read_bytes()[:-1])
    assert told(verify(tmp_path))[0] == "the line has no end: it was cut"
    first.write_bytes(first.read_bytes() + b"\n")
    last = files(tmp_path)[-1]
    last.write_bytes(last.read_bytes() + b"x")
    assert told(verify(tmp_path)) == [
        "something stands after the end of the chain: it was put there"
    ]


def test_a_folder_without_a_log_is_no_good_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no audit log"):
        verify(tmp_path)


POSITIONS = st.floats(0, 1, exclude_max=True)


def _at(position: float, items: Sequence[object]) -> int:
    return int(position * len(items))


@st.composite
def tampering(draw: st.DrawFn) -> Callable[[list[bytes]], None]:
    """A change of a log as a whole, whose lines are given."""
    kind = draw(st.sampled_from(["flip", "remove", "move", "copy", "forge", "cut", "rewrite"]))
    here, there = draw(POSITIONS), draw(POSITIONS)
    bits = draw(st.integers(1, 255))

    def edit(changed: list[bytes]) -> None:
        one, other = _at(here, changed), _at(there, changed)
        line = changed[one]
        if kind == "flip":
            place = _at(there, line)
            changed[one] = line[:place] + bytes([line[place] ^ bits]) + line[place + 1 :]
        elif kind == "remove":
            del changed[min(one, other) : max(one, other) + 1]
        elif kind == "move":
            changed.insert(other, changed.pop(one))
        elif kind == "copy":
            changed.insert(other, line)
        elif kind == "forge":
            changed.insert(one, line_of(answered(99), one, "0" * 64, None)[0])
        elif kind == "cut":
            text = b"".join(changed)
            changed[:] = text[: _at(here, text)].splitlines(keepends=True)
        else:  # every hash from here on is right again
            before = changed[one - 1].rpartition(b'"hash":"')[2][:64].decode() if one else "0" * 64
            for number in range(one, len(changed)):
                entry = answered(99) if number == one else _content(changed[number])
                changed[number], before = line_of(entry, number, before, None)

    return edit


@cache
def written(key: Key | None) -> list[tuple[str, dict[str, bytes]]]:
    """Chains that follow one another, one without a key and two with it: heads and files."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        chains = [write(folder, key) for _ in range(2 if key else 1)]
        return [
            (
                chain.head,
                {
                    path.name: path.read_bytes()
                    for path in files(folder)
                    if path.name.startswith(chain.name)
                },
            )
            for chain in chains
        ]


def put(folder: Path, there: dict[str, bytes]) -> None:
    for name, content in there.items():
        (folder / name).write_bytes(content)


def _content(line: bytes) -> bytes:
    return b"{" + line.partition(b",")[2].partition(b',"before":"')[0] + b"}"


@settings(max_examples=300, deadline=None)
@given(tampering())
def test_with_the_head_from_elsewhere_every_change_is_found(
    edit: Callable[[list[bytes]], None],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        [(head, there)] = written(None)
        put(folder, there)
        change(folder, edit)
        is_same = all((folder / file).read_bytes() == content for file, content in there.items())
        report = verify(folder, heads=[head_of(head, "a log")])
        assert bool(report.findings) != is_same


@settings(max_examples=200, deadline=None)
@given(tampering())
def test_in_a_chain_that_another_one_follows_every_change_is_found_without_help(
    edit: Callable[[list[bytes]], None],
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        [(_, there), (_, follower)] = written(KEY)
        put(folder, there)
        change(folder, edit)
        is_same = all((folder / file).read_bytes() == content for file, content in there.items())
        put(folder, follower)
        assert bool(verify(folder, [KEY]).findings) != is_same

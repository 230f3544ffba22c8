"""record.json is read as typed values: every committed one passes, every damaged one is refused with its reason."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import DONE, RUN, left, run, write_ranks

from harness.core.errors import StoreError
from harness.executors.run_folder import RunFolder
from harness.runs.keys import hashed
from harness.runs.plan import Run
from harness.runs.record import build_record
from harness.runs.record_model import key_fault, parse_json, parse_record
from harness.runs.store import Store
from harness.runs.stored import Record, judge
from harness.runs.validation import validate_run

ROOT = Path(__file__).parents[3]
COMMITTED = sorted((ROOT / "results" / "runs").glob("*/record.json"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one finished run."""
    made = Store(tmp_path / "results", tmp_path / "cache")
    folder = left(tmp_path / "work")
    made.write(build_record(RUN, {"split": "leave-one-out"}, DONE, validate_run(RUN, folder, DONE), {}), folder, {})
    return made


def rewritten(store: Store, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the stored record."""
    path = store.folder(RUN.key) / "record.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_every_committed_record_is_typed_hashes_to_its_key_and_counts() -> None:
    assert COMMITTED
    for path in COMMITTED:
        content = parse_json(path.read_bytes())
        record = parse_record(content)
        assert (record.key, key_fault(record, content)) == (path.parent.name, "")
        stored = judge(Record(path.parent, content))
        assert (stored.status, stored.reason) == ("finished", ""), path


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("status", "maybe", "status: Input should be 'finished' or 'failed', got 'maybe'"),
        ("status", "failed", "is failed without a fault"),
        ("fault", {"kind": "training", "reason": "x"}, "is finished with a fault"),
        ("exit_status", 1, "is finished with exit status 1"),
        ("fault", {}, "fault.kind: is missing; fault.reason: is missing"),
        ("fault", "x", "fault: Input should be a valid dictionary"),
        ("seed", -1, "seed: Input should be greater than or equal to 0, got -1"),
        ("seed", "1", "seed: Input should be a valid integer, got '1'"),
        ("seed", True, "seed: Input should be a valid integer, got True"),
        ("seconds", -5, "seconds: Input should be greater than or equal to 0, got -5"),
        ("seconds", None, "seconds: Input should be a valid number"),
        ("seconds", float("nan"), "NaN is not a JSON number"),
        ("seconds", float("inf"), "Infinity is not a JSON number"),
        ("end", [1], "end: Input should be a valid dictionary"),
        ("end", {"epochs": "x"}, "end.epochs: Input should be a valid integer, got 'x'"),
        ("end", {"peak_memory_mb": -1}, "end.peak_memory_mb: Input should be greater than or equal to 0"),
        ("printed", {"HIT@10": 0.5}, "printed.HIT@10: Input should be a valid string, got 0.5"),
        ("printed", ["x"], "printed: Input should be a valid dictionary"),
        ("disagreements", 3, "disagreements: Input should be a valid list, got 3"),
        ("inputs", None, "inputs: Input should be a valid dictionary"),
        ("resolved", {"packages": 3}, "resolved.packages: Input should be a valid dictionary, got 3"),
        ("loss", "\ud800", "surrogates not allowed"),
        ("formerly", [{"format": 1, "key": "ab"}], "formerly[0].inputs: is missing"),
    ],
)
def test_a_value_that_no_run_leaves_is_a_failed_run_with_its_reason(
    store: Store, key: str, value: object, message: str
) -> None:
    """It used to end the harness somewhere, or to be believed."""
    rewritten(store, lambda content: content.update({key: value}))
    with pytest.raises(StoreError, match="damaged record"):
        store.read(RUN.key)
    found = store.result(RUN)
    assert (found.status, found.ranks) == ("failed", None)
    assert found.reason.startswith("damaged record: ")
    assert message in found.reason
    assert "\n" not in found.reason


@pytest.mark.parametrize("raw", [b"", b"[1]", b"\x00\x00", b"<<<<<<< HEAD", b"[" * 100_000, b'{"seed": ' + b"9" * 5000])
def test_a_record_that_is_no_json_is_a_failed_run(store: Store, raw: bytes) -> None:
    """Regression: one of them stopped the entire table."""
    (store.folder(RUN.key) / "record.json").write_bytes(raw)
    found = store.look_up(RUN)
    assert (found.status, found.kept) == ("failed", False)
    assert found.reason.startswith("damaged record: ")


def test_line_endings_and_a_byte_order_mark_change_nothing(store: Store) -> None:
    path = store.folder(RUN.key) / "record.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert store.result(RUN).status == "finished"


def test_unknown_keys_of_a_later_version_are_passed_over_and_kept(store: Store) -> None:
    rewritten(store, lambda content: content.update(later={"x": [1]}) or content["end"].update(later=1))
    record = store.read(RUN.key)
    assert record is not None
    assert record.content["later"] == {"x": [1]}
    assert store.result(RUN).status == "finished"


def test_a_record_of_a_later_format_is_a_failed_run_that_nothing_replaces(store: Store) -> None:
    rewritten(store, lambda content: content.update(format=3))
    found = store.look_up(RUN)
    assert (found.status, found.reason, found.kept) == ("failed", "record format 3, known: 1, 2", True)


def test_inputs_that_do_not_hash_to_the_key_are_damage(store: Store) -> None:
    """A changed input, such as another commit, used to be accepted."""
    rewritten(store, lambda content: content["inputs"].update(upstream="0" * 40))
    assert store.result(RUN).reason == "damaged record: its inputs do not hash to its key"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("system", "net/ce-all"), ("model", "x"), ("loss", "gbce"), ("dataset", "large"), ("upstream", "other"),
        ("seed", None),
    ],
)  # fmt: skip
def test_a_record_that_says_another_run_than_its_plan_is_damage(store: Store, name: str, value: object) -> None:
    """They could be edited unnoticed: the key holds none of them but the seed, as a word of the command."""
    rewritten(store, lambda content: content.update({name: value}))
    planned = getattr(RUN, name)
    found = store.look_up(RUN)
    assert (found.status, found.kept) == ("failed", False)
    assert found.reason == f"damaged record: is of {name} {value}, its key belongs to {name} {planned}"


def test_a_record_of_another_table_may_call_the_system_by_another_name_and_nothing_else(store: Store) -> None:
    rewritten(store, lambda content: content.update(artifact="paper/other", system="net+/bce"))
    assert store.look_up(RUN).status == "finished"
    assert store.look_up(run(seed=None)).status == "finished"
    assert store.look_up(run(seed=2)).reason.startswith("damaged record: is of seed 1")
    rewritten(store, lambda content: content.update(loss="gbce"))
    assert store.look_up(RUN).reason.startswith("damaged record: is of loss gbce")


def test_a_record_that_claims_to_have_made_weights_is_judged_by_its_ranks_all_the_same(store: Store) -> None:
    rewritten(store, lambda content: content.update(weights={"w.pt": "0" * 64}, printed={"HIT@10": "nan"}))
    assert store.look_up(RUN).reason == "the upstream printed HIT@10 nan"


def test_a_record_may_have_another_name_that_its_table_has_for_the_run(store: Store) -> None:
    rewritten(store, lambda content: content.update(system="net/bce:k=1"))
    assert store.look_up(run(also=("net/bce:k=1",))).status == "finished"
    assert store.look_up(RUN).status == "failed"


def test_a_record_of_another_seed_is_damage(store: Store) -> None:
    rewritten(store, lambda content: content.update(seed=2))
    assert store.result(RUN).reason == "damaged record: is of seed 2, its key belongs to seed 1"


def with_former_key(content: dict[str, Any]) -> dict[str, Any]:
    """The record as one that was kept under a key of format 1 before."""
    inputs = copy.deepcopy(content["inputs"])
    former = {"format": 1, "key": hashed(1, inputs), "inputs": inputs}
    return {**content, "formerly": [former]}


def test_a_former_key_is_checked_too(store: Store) -> None:
    content = with_former_key(json.loads((store.folder(RUN.key) / "record.json").read_text()))
    assert key_fault(parse_record(content), content) == ""
    content["formerly"][0]["inputs"]["threads"] = 3
    assert key_fault(parse_record(content), content) == "the inputs of a former key do not hash to it"


def test_a_record_of_format_1_is_still_read(store: Store) -> None:
    content = json.loads((store.folder(RUN.key) / "record.json").read_text())
    content.update(format=1, key=hashed(1, content["inputs"]))
    assert key_fault(parse_record(content), content) == ""


@pytest.mark.parametrize(
    ("columns", "of", "message"),
    [
        ({"above_printed": [0, 9, 3, -1]}, RUN, "ranks outside the number of candidates"),
        ({"above_printed": [0, 9, 3, 20]}, RUN, "ranks outside the number of candidates"),
        ({"user": [1, 2, 3, 3]}, RUN, "a user has more than one rank"),
        ({}, run(users=8), "ranks of 4 users, expected 8"),
        ({"above_printed": None}, RUN, "ranks-test.npz: is not valid"),
        ({}, run(protocol={"ranking": "sampled"}), "its recipe says ranking: sampled, its ranks report full"),
        ({}, run(model="other"), "asked for model other, the probe reports net"),
        ({}, run(proof="ce-all"), "asked for loss ce-all, the first batch was trained with bce"),
    ],
)
def test_a_stored_run_is_judged_as_one_that_ends(store: Store, columns: dict[str, Any], of: Run, message: str) -> None:
    """Ranks that were damaged later: the table said failed, `status` said finished, --retry-failed did nothing."""
    write_ranks(RunFolder(store.folder(RUN.key)), **columns)
    found = store.look_up(of)
    assert found.status == "failed"
    assert message in found.reason
    assert not found.kept


def with_peers(store: Store, tmp_path: Path, users: list[int]) -> list[Run]:
    """Two more finished runs of the same dataset, these of users 1 to 4; the first run gets other users."""
    runs = [RUN]
    for name in ("other", "third"):
        inputs = {**RUN.inputs, "command": ["python", "train.py", name]}
        of = run(key=hashed(2, inputs), inputs=inputs, system=f"net/{name}")
        folder = left(tmp_path / name)
        store.write(build_record(of, {}, DONE, validate_run(of, folder, DONE), {}), folder, {})
        runs.append(of)
    write_ranks(RunFolder(store.folder(RUN.key)), user=users)
    return runs


def test_a_run_of_other_users_fails_beside_the_others(store: Store, tmp_path: Path) -> None:
    """The table said failed, while every look-up of one run said finished."""
    runs = with_peers(store, tmp_path, [1, 2, 3, 9])
    assert store.look_up(RUN).status == "finished"  # alone it is not detectable
    judged = store.look_up_all(runs)
    assert [judged.runs[of.key].status for of in runs] == ["failed", "finished", "finished"]
    assert judged.runs[RUN.key].reason == "its users are not those of the other runs"
    again = store.look_up(RUN, judged.common[RUN.dataset])  # as under its lock, before it is run again
    assert (again.status, again.reason) == ("failed", "its users are not those of the other runs")


def test_the_same_users_in_another_order_are_no_fault(store: Store, tmp_path: Path) -> None:
    runs = with_peers(store, tmp_path, [4, 3, 2, 1])
    assert {found.status for found in store.look_up_all(runs).runs.values()} == {"finished"}


def test_ranks_of_no_user_are_no_result(store: Store) -> None:
    none = np.array([], dtype=np.int64)
    write_ranks(
        RunFolder(store.folder(RUN.key)), user=none, above_printed=none, tied_printed=none, candidates_printed=none
    )
    record = store.read(RUN.key)
    assert record is not None
    assert judge(record).reason == "ranks of no users"


def test_a_printed_metric_that_is_no_number_is_found_in_a_record_too(store: Store) -> None:
    rewritten(store, lambda content: content.update(printed={"HIT@10": "nan"}))
    assert store.result(RUN).reason == "the upstream printed HIT@10 nan"


def test_a_record_whose_numbers_do_not_agree_says_so_whatever_it_was_told_at_its_end(store: Store) -> None:
    rewritten(store, lambda content: content.update(printed={"hr@10": "0.9900"}))
    found = store.result(RUN)
    assert (found.status, found.agrees) == ("finished", False)


def test_a_record_by_itself_is_held_against_the_protocol_that_it_names(store: Store) -> None:
    """`harness compare KEY KEY` kept the wrong one."""
    protocol = {"split": "leave-one-out", "ranking": "sampled"}
    write_ranks(RunFolder(store.folder(RUN.key)), protocol=json.dumps(protocol))
    rewritten(store, lambda content: content.update(protocol={"ranking": "full"}))
    record = store.read(RUN.key)
    assert record is not None
    assert judge(record).reason == "its recipe says ranking: full, its ranks report sampled"

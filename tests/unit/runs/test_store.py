"""The store: atomic records, even under kill -9; logs without this machine; lookups."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout
from made_runs import DONE, RUN, left, run

from harness.core.errors import ArgumentError, StoreError
from harness.executors.base import Outcome
from harness.executors.run_folder import RunFolder
from harness.runs.plan import Run
from harness.runs.probe_output import read_ranks
from harness.runs.record import build_record
from harness.runs.record_folder import clean_log
from harness.runs.store import Store
from harness.runs.validation import validate_run

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", tmp_path / "cache")


def put(store: Store, folder: RunFolder, of: Run = RUN, outcome: Outcome = DONE, **changes: Any) -> dict[str, Any]:
    """Store a run; its record."""
    made = {**build_record(of, {"split": "s"}, outcome, validate_run(of, folder, outcome), {}), **changes}
    store.write(made, folder, {})
    return made


def record(store: Store, key: str, raw: str | bytes) -> None:
    """Lay a record.json into the store by hand."""
    path = store.folder(key) / "record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)


def test_a_record_comes_back_as_it_went_in_with_what_the_run_left(store: Store, tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    made = put(store, folder)
    found = store.read(RUN.key)
    assert found is not None
    assert found.content == json.loads(json.dumps(made))
    assert (found.finished, found.reason) == (True, "")
    assert sorted(os.listdir(found.folder)) == ["events.jsonl", "log.txt", "ranks-test.npz", "record.json"]
    assert (found.folder / "events.jsonl").read_bytes() == folder.events.read_bytes()
    assert (found.folder / "ranks-test.npz").read_bytes() == folder.ranks("test").read_bytes()
    assert os.listdir(store.results / "runs") == [RUN.key]


def test_there_is_no_record_before_one_is_written(store: Store) -> None:
    assert store.read(RUN.key) is None
    store.folder(RUN.key).parent.mkdir(parents=True)
    store.folder(RUN.key).touch()
    assert store.read(RUN.key) is None


def test_a_run_that_left_little_is_stored_all_the_same(store: Store, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "work")
    folder.renew()
    put(store, folder, outcome=Outcome(1, 3.0))
    found = store.read(RUN.key)
    assert found is not None
    assert (found.finished, found.reason) == (False, "training: ended with status 1")
    assert os.listdir(found.folder) == ["record.json"]


def test_a_later_record_of_a_key_replaces_all_of_the_earlier(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "first"))
    second = RunFolder(tmp_path / "second")
    second.renew()
    put(store, second, outcome=Outcome(1, 3.0))
    assert os.listdir(store.folder(RUN.key)) == ["record.json"]


def test_a_failing_write_leaves_the_earlier_record_and_nothing_half(store: Store, tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    before = put(store, folder)
    folder.ranks("test").unlink()
    folder.ranks("test").mkdir()  # cannot be copied as a file
    with pytest.raises(StoreError, match="cannot write"):
        store.write({**before, "seconds": 1.0}, folder, {})
    with pytest.raises(ValueError, match="JSON"):
        store.write({**before, "seconds": float("nan")}, left(tmp_path / "other"), {})
    found = store.read(RUN.key)
    assert found is not None
    assert found.content["seconds"] == before["seconds"]
    assert os.listdir(store.results / "runs") == [RUN.key]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import made_runs
from harness.executors.run_folder import RunFolder
from harness.runs.record import build_record
from harness.runs.store import Store
from harness.runs.validation import validate_run
store, left = Store(Path(sys.argv[1]), Path(sys.argv[1])), RunFolder(Path(sys.argv[3]))
facts = build_record(made_runs.RUN, {}, made_runs.DONE, validate_run(made_runs.RUN, left, made_runs.DONE), {})
print("ready", flush=True)
for n in range(10**9):
    content = {**facts, "n": n, "padding": "x" * 200_000, "zz_last": n}
    store.write(content, left, {})
"""


def test_a_writer_killed_at_any_moment_leaves_whole_records_only(store: Store, tmp_path: Path) -> None:
    """kill -9 at random moments; a reader looks on all the while, and what a kill left is cleaned by the next."""
    folder = left(tmp_path / "work")
    folder.log.write_text("a line\n" * 10_000)
    moments = random.Random(1)
    done = threading.Event()
    seen: list[int] = []
    wrong: list[object] = []

    def read() -> None:
        while not done.is_set():
            try:
                found = store.read(RUN.key)
            except StoreError as error:
                wrong.append(error)
            else:
                if found is not None:
                    seen.append(found.content["n"])
                    wrong.extend([found.content] if found.content["n"] != found.content["zz_last"] else [])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    words = [sys.executable, "-c", WRITER, str(store.results), str(SUPPORT), str(folder.path)]
    for _ in range(4):
        with subprocess.Popen(words, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(moments.uniform(0.02, 0.2))
            assert writer.poll() is None, "the writer ended by itself"
            writer.kill()
        if (found := store.read(RUN.key)) is not None:
            assert (found.folder / "log.txt").read_text() == folder.log.read_text()
            read_ranks(RunFolder(found.folder).ranks("test"))
    done.set()
    reader.join()
    assert not wrong
    assert len(set(seen)) > 1
    put(store, folder)
    assert os.listdir(store.results / "runs") == [RUN.key]


def test_what_another_key_has_under_way_is_not_cleaned(store: Store, tmp_path: Path) -> None:
    other = store.results / "runs" / f".{'f' * 20}.under-way"
    other.mkdir(parents=True)
    put(store, left(tmp_path / "work"))
    assert other.is_dir()


@pytest.mark.parametrize("raw", [b"", b"{", b'{"format": 1', b"[1, 2]", b"7", b"null", b'"\xff"', b"\x00"])
def test_a_damaged_record_is_told_with_its_folder(store: Store, raw: bytes) -> None:
    """A list where a record should be used to end in an AttributeError."""
    record(store, "abc", raw)
    with pytest.raises(StoreError, match="damaged record") as caught:
        store.read("abc")
    assert caught.value.where == str(store.folder("abc"))
    assert "remove this folder" in caught.value.fix


@pytest.mark.parametrize("number", [3, None, "1", True])
def test_a_record_of_a_future_format_is_refused_and_kept(store: Store, number: object) -> None:
    record(store, "abc", json.dumps({"format": number}))
    with pytest.raises(StoreError, match=f"record format {number!r}, known: 1, 2\n  fix: update the harness"):
        store.read("abc")
    assert (store.folder("abc") / "record.json").is_file()


def test_all_records_passes_over_damaged_ones(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "work"))
    record(store, "aaaa", "{")
    record(store, ".0123.half", "{}")
    assert [r.content["key"] for r in store.records] == [RUN.key]


def test_a_record_is_found_by_the_beginning_of_its_key(store: Store, tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    for key in ("abcd1", "abce2", "f00"):
        put(store, folder, run(key=key))
    record(store, ".abcf.half", "{}")
    assert store.find("f").content["key"] == "f00"
    assert store.find("abcd").content["key"] == "abcd1"
    assert store.find("abcd1").content["key"] == "abcd1"
    with pytest.raises(ArgumentError, match="2 records start with 'abc'"):
        store.find("abc")
    with pytest.raises(ArgumentError, match="3 records start with ''"):
        store.find("")


@pytest.mark.parametrize("prefix", ["0", "*", "../runs/abc", "abcd11"])
def test_what_starts_no_key_is_told(store: Store, tmp_path: Path, prefix: str) -> None:
    put(store, left(tmp_path / "work"), run(key="abcd1"))
    with pytest.raises(StoreError, match="no record"):
        store.find(prefix)


def test_nothing_is_found_in_an_empty_store(store: Store) -> None:
    with pytest.raises(StoreError, match="no record 'a'"):
        store.find("a")
    assert list(store.records) == []


def test_relatives_share_upstream_dataset_and_system(store: Store, tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    put(store, folder, run(key="a1", seed=7))
    put(store, folder, run(key="a2", system="net/ce-all"))
    put(store, folder, run(key="a3", dataset="large"))
    put(store, folder, run(key="a4", upstream="other"))
    assert [r.content["key"] for r in store.relatives(RUN)] == ["a1"]


def test_a_log_has_no_folders_of_this_machine_and_no_progress_bars() -> None:
    raw = (
        b"reading /home/me/project/.cache/data/x.txt\r\n"
        b"epoch 1:   0%\repoch 1:  50%\repoch 1: 100%\n"
        b"last:  0%\rlast: 99%\r\n"
        b"saved to /home/me/project/out and /home/me/other\n"
        b"caf\xe9 \xe2\x82\xac"
    )
    symbols = {"/home/me": "$HOME", "/home/me/project": "$PROJECT", "/home/me/project/.cache/data": "$DATA"}
    assert clean_log(raw, symbols) == (
        "reading $DATA/x.txt\nepoch 1: 100%\nlast: 99%\nsaved to $PROJECT/out and $HOME/other\n"
        "caf\N{REPLACEMENT CHARACTER} €"
    )


def test_the_stored_log_is_clean(store: Store, tmp_path: Path) -> None:
    folder = left(tmp_path / "work")
    folder.log.write_bytes(f"{folder.path}: 0%\r{folder.path}: done\n".encode())
    made = build_record(RUN, {}, DONE, validate_run(RUN, folder, DONE), {})
    store.write(made, folder, {str(folder.path): "$RUN"})
    assert RunFolder(store.folder(RUN.key)).log.read_bytes() == b"$RUN: done\n"


def test_a_finished_run_as_tables_see_it(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "work"))
    found = store.result(RUN)
    assert (found.status, found.reason, found.agrees) == ("finished", "", True)
    assert (found.epochs, found.best_epoch, found.epoch_cap) == (7, 3, 200)
    assert (found.seconds, found.peak_memory_mb, found.printed) == (12.346, 100.5, {"HIT@10": "0.7500"})
    assert found.ranks is not None
    assert found.ranks.above.tolist() == [0, 9, 3, 10]


def test_a_run_that_never_ran_is_missing(store: Store) -> None:
    found = store.result(RUN)
    assert (found.status, found.reason, found.ranks, found.seconds) == ("missing", "not run", None, None)


def test_a_failed_run_keeps_its_reason_and_time(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "work"), outcome=Outcome(1, 3.0))
    found = store.result(RUN)
    assert (found.status, found.reason, found.ranks, found.seconds) == (
        "failed", "training: ended with status 1", None, 3.0,
    )  # fmt: skip


def test_a_disagreement_is_seen_by_tables(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "work"), disagreements=["HIT@10: ..."])
    assert not store.result(RUN).agrees


def test_a_finished_run_whose_ranks_were_lost_failed_in_one_line(store: Store, tmp_path: Path) -> None:
    put(store, left(tmp_path / "work"))
    RunFolder(store.folder(RUN.key)).ranks("test").unlink()
    found = store.result(RUN)
    assert (found.status, found.ranks) == ("failed", None)
    assert found.reason.startswith("ranks-test.npz: is not valid")
    assert "\n" not in found.reason


def test_a_lock_keeps_a_second_harness_out_and_dies_with_its_holder(store: Store) -> None:
    code = (
        "import sys, time; from pathlib import Path; from harness.runs.store import Store\n"
        "lock = Store(Path(sys.argv[1]), Path(sys.argv[2])).lock('k'); lock.acquire(); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(store.results), str(store.cache)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Timeout):
            store.lock("k").acquire(blocking=False)
        with store.lock("another").acquire(blocking=False):
            pass
        holder.kill()
    with store.lock("k").acquire(timeout=5):
        pass


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        Store(tmp_path, tmp_path / "file").lock("k")


def test_a_table_is_written_only_where_it_changed(store: Store) -> None:
    folder = store.table_folder("paper/table", "full")
    store.write_table(folder, {"table.md": b"a\n", "table.tex": b"b\n"})
    os.utime(folder / "table.md", (1, 1))
    os.utime(folder / "table.tex", (1, 1))
    store.write_table(folder, {"table.md": b"a\n", "table.tex": b"c\n"})
    assert (folder / "table.md").stat().st_mtime == 1
    assert (folder / "table.tex").read_bytes() == b"c\n"
    assert folder == store.results / "tables" / "paper" / "table" / "full"


def test_a_copy_under_another_key_is_no_record(store: Store, tmp_path: Path) -> None:
    """One folder copied over another would show one run's numbers as another's."""
    put(store, left(tmp_path / "work"), run(key="a1"))
    shutil.copytree(store.folder("a1"), store.folder("a2"))
    with pytest.raises(StoreError, match="another run, a1"):
        store.read("a2")


def test_a_record_that_lacks_parts_is_told(store: Store) -> None:
    record(store, "a1", '{"format": 2, "key": "a1"}')
    with pytest.raises(StoreError, match="lacks upstream, dataset"):
        store.read("a1")
    assert store.records == []

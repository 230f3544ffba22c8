"""The proof that records were carried over rightly, from the bytes in results/former and without Git's history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rekey import FORMER, RUNS, former_key, new_inputs

from harness.core.config import load
from harness.core.files import sha256_file
from harness.runs.keys import FORMAT, content_key
from harness.runs.store import Store, find_record
from harness.upstreams.patches import format as patchfiles

ROOT = Path(__file__).resolve().parents[3]
RECORDS = [json.loads(path.read_bytes()) for path in sorted(RUNS.glob("*/record.json"))]
CARRIED = [record for record in RECORDS if "formerly" in record]
KEYS = {former["key"]: record["key"] for record in CARRIED for former in record["formerly"]}


def test_the_kept_bytes_are_those_that_the_old_keys_name() -> None:
    for folder, ending in (("overlay", "py"), ("locks", "lock")):
        paths = list((FORMER / folder).iterdir())
        assert [path.name for path in paths] == [f"{sha256_file(path)}.{ending}" for path in paths]
    series = list((FORMER / "patches").iterdir())
    assert [path.stem for path in series] == [patchfiles.effect(patchfiles.parse(path)) for path in series]


@pytest.mark.parametrize("record", CARRIED, ids=lambda record: record["key"])
def test_each_key_follows_from_the_former_one(record: dict[str, Any]) -> None:
    assert record["format"] == FORMAT
    assert record["key"] == content_key(record["inputs"])
    for former in record["formerly"]:
        assert former["format"] == 1
        assert former["key"] == former_key(former["inputs"])
        assert new_inputs(former["inputs"], FORMER, KEYS) == record["inputs"]


def test_every_record_was_carried_over_and_four_were_merged() -> None:
    assert len(CARRIED) == 211
    assert len(KEYS) == 215
    merged = [record for record in CARRIED if len(record["formerly"]) > 1]
    assert sorted((r["dataset"], r["system"], len(r["formerly"])) for r in merged) == [
        ("beauty-s3", "popularity", 4), ("lastfm", "popularity", 2),
    ]  # fmt: skip


def test_every_record_lies_under_its_key() -> None:
    store = Store(ROOT / "results", ROOT / ".cache")
    assert [record.folder.name for record in store.records] == [record["key"] for record in RECORDS]
    assert all(content_key(record["inputs"]) == record["key"] for record in RECORDS)


@pytest.mark.parametrize("former", ["885a0d0441e8a5138a53", "885a0d04", "69bf11a2", "fccf48ca5a5f"])
def test_former_keys_find_their_record(former: str) -> None:
    """Also those of records that were merged into another one."""
    (wanted,) = {key for old, key in KEYS.items() if old.startswith(former)}
    assert find_record(load(ROOT), former).folder.name == wanted

"""Parts that check pins, patches, data and records: planted changes are reported, with the right exit code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from made_runs import DONE, RUN, left
from projects import fresh
from served import served, silent_address

from harness.checks import data, patches, pins, records
from harness.checks.outcome import Item
from harness.core.config import Config, load
from harness.runs.keys import content_key
from harness.runs.record import build_record
from harness.runs.store import Store
from harness.runs.validation import validate_run
from harness.upstreams import data_cache
from harness.upstreams.checkout import Pin

CALM = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
TOML = """
[environments.numpy]
kind = "inherit"
[upstreams.toy]
url = "{url}"
commit = "{commit}"
code = ["/*"]
[releases]
"""
DATASET = """
datasets:
  small:
    {{upstream: toy, name: small, label: Small, users: 1, items: 1, interactions: 1, sequences: data.txt,
      files: [{{name: data.txt, {place}, sha256: {digest}}}]}}
"""
DIGEST = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of b"abc"


def by_name(items: Iterable[Item]) -> dict[str, Item]:
    """Items by their names."""
    return {item.name: item for item in items}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An upstream with one file, data.txt."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    (folder / "data.txt").write_bytes(b"abc")
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=folder, env=CALM, check=True)
    return folder


@pytest.fixture
def commit(repository: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def project(root: Path, url: str, commit: str, place: str = "path: data.txt", **env: str) -> Config:
    """A project with this upstream and a dataset of it."""
    (root / "recipes" / "data").mkdir(parents=True, exist_ok=True)
    (root / "harness.toml").write_text(TOML.format(url=url, commit=commit))
    (root / "recipes" / "data" / "toy.yaml").write_text(DATASET.format(place=place, digest=DIGEST))
    (root / "patches" / "toy").mkdir(parents=True, exist_ok=True)
    (root / "patches" / "toy" / "series").write_text("")
    return load(root, dict(env))


def test_a_pin_is_there_or_gone_or_nobody_answers(tmp_path: Path, repository: Path, commit: str) -> None:
    (item,) = pins.check(project(tmp_path / "p", str(repository), commit), offline=False)
    assert (item.outcome, item.code) == ("held", 0)
    (item,) = pins.check(project(tmp_path / "p", str(repository), "f" * 40), offline=False)
    assert (item.outcome, item.code) == ("gone", 1)
    assert "f" * 40 in item.what
    silent = f"{silent_address()}/owner/name"
    (item,) = pins.check(project(tmp_path / "p", silent, commit), offline=False)
    assert (item.outcome, item.code) == ("unchecked", 3)
    (item,) = pins.check(project(tmp_path / "p", silent, commit), offline=True)
    assert (item.outcome, item.code) == ("unchecked", 0)
    assert not list((tmp_path / "p" / ".cache").glob("check-pin-*"))


@pytest.mark.usefixtures("repository")
def test_a_mirror_without_the_commit_or_without_the_repository(tmp_path: Path, commit: str) -> None:
    address = "https://example.invalid/owner/upstream"
    mirror = f"{tmp_path}/{{name}}"
    (item,) = pins.check(project(tmp_path / "p", address, commit, HARNESS_GIT_MIRROR=mirror), offline=True)
    assert item.outcome == "held"
    (item,) = pins.check(project(tmp_path / "p", address, "e" * 40, HARNESS_GIT_MIRROR=mirror), offline=True)
    assert (item.outcome, item.code) == ("gone", 1)
    lacking = f"{tmp_path}/none/{{name}}"
    (item,) = pins.check(project(tmp_path / "p", address, commit, HARNESS_GIT_MIRROR=lacking), offline=True)
    assert (item.outcome, item.code) == ("unchecked", 3)


def test_a_repository_that_the_host_does_not_know_is_gone(tmp_path: Path, commit: str) -> None:
    with served({}) as address:
        config = project(tmp_path / "p", f"{address}/owner/name", commit)
        item = pins.of_pin(config, Pin("toy", f"{address}/owner/name", commit))
    assert (item.outcome, item.code) == ("gone", 1)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"full_name": "owner/name", "archived": False}, ""),
        ({"full_name": "Other/Name", "archived": True}, "moved to Other/Name; archived"),
    ],
)
def test_a_repository_that_moved_is_told_and_fails_nothing(facts: dict[str, object], message: str) -> None:
    with served({"/owner/name": (200, "application/json", json.dumps(facts).encode())}) as address:
        assert pins.repository_remark("https://github.com/owner/name.git", f"{address}/") == message
        assert pins.repository_remark("https://example.org/owner/name", f"{address}/") == ""
    assert pins.repository_remark("https://github.com/owner/name", f"{silent_address()}/") == ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two records: one of a run that ended well, one of a run that failed."""
    found = Store(tmp_path / "results", tmp_path / "cache")
    for command in ("train.py", "other.py"):
        inputs = {"command": ["python", command], "data": {"data.txt": DIGEST}, "upstream": "0" * 40, "patches": {}}

        run = dataclasses.replace(RUN, key=content_key(inputs), inputs=inputs)
        folder = left(tmp_path / "work" / command)
        outcome = DONE if command == "train.py" else dataclasses.replace(DONE, status=1)
        found.write(build_record(run, {}, outcome, validate_run(run, folder, outcome), {}), folder, {})
    return found


def one(store: Store) -> Path:
    """The record of the run that ended well."""
    paths = [path for path in store.paths() if json.loads(path.read_text())["status"] == "finished"]
    return paths[0].parent


def test_records_that_are_as_they_were_hold_failed_ones_too(store: Store) -> None:
    assert [item.outcome for item in records.check(store)] == ["held", "held"]


def edit(path: Path, **changes: object) -> None:
    """Change a JSON file."""
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))


def test_a_record_tampered_with_is_named(store: Store) -> None:
    folder = one(store)
    plants = {
        "its inputs do not hash to its key": lambda: edit(folder / "record.json", inputs={"command": ["other"]}),
        "printed metrics disagree": lambda: edit(folder / "record.json", printed={"HIT@10": "0.7600"}),
        "has a disagreement": lambda: edit(folder / "record.json", disagreements=["HIT@10"]),
        "damaged record": lambda: (folder / "record.json").write_text("{"),
        "is not valid": lambda: (folder / "ranks-test.npz").write_bytes(b"PK"),
        "has no record.json": lambda: (folder / "record.json").unlink(),
    }
    saved = {path.name: path.read_bytes() for path in folder.iterdir()}
    for message, plant in plants.items():
        plant()
        item = by_name(records.check(store))[folder.name]
        assert (item.outcome, item.code) == ("broken", 1), message
        assert message in item.what
        for name, content in saved.items():
            (folder / name).write_bytes(content)
    assert all(item.outcome == "held" for item in records.check(store))


def test_a_flipped_bit_in_any_column_of_the_ranks_is_found(store: Store) -> None:
    path = one(store) / "ranks-test.npz"
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        places = [member.header_offset + 70 + len(member.filename) for member in file.infolist()]
    for at in places:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert any(item.outcome == "broken" for item in records.check(store))


def test_ranks_that_give_other_metrics_are_found(store: Store) -> None:
    folder = one(store)
    with np.load(folder / "ranks-test.npz") as file:
        columns = {name: file[name] for name in file.files}
    columns["above_printed"] = np.array([0, 10, 3, 10])
    np.savez_compressed(folder / "ranks-test.npz", **columns)
    item = by_name(records.check(store))[folder.name]
    assert item.code == 1
    assert "printed metrics disagree with the ranks" in item.what


def test_two_records_of_one_former_key_are_found(store: Store) -> None:

    inputs = {"command": ["old"]}
    text = json.dumps({"format": 1, **inputs}, sort_keys=True, separators=(",", ":"))
    former = {"format": 1, "inputs": inputs, "key": hashlib.sha256(text.encode()).hexdigest()[:20]}
    for path in store.paths():
        edit(path, formerly=[former])
    found = list(records.check(Store(store.results, store.cache)))
    assert sorted(item.outcome for item in found) == ["broken", "held"]


def test_data_is_looked_at_where_it_comes_from(tmp_path: Path, repository: Path, commit: str, store: Store) -> None:
    config = project(tmp_path / "p", str(repository), commit)
    (item,) = data.check(config, store, offline=False, download=False)
    assert item.outcome == "held"
    (repository / "data.txt").write_bytes(b"abd")
    subprocess.run(["git", "add", "."], cwd=repository, env=CALM, check=True)
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "y"], cwd=repository, env=CALM, check=True
    )
    other = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    config = project(tmp_path / "p", str(repository), other.stdout.strip())
    (item,) = data.check(config, store, offline=False, download=False)
    assert (item.outcome, item.code) == ("broken", 1)


def test_a_copy_with_another_byte_is_found(tmp_path: Path, repository: Path, commit: str, store: Store) -> None:

    config = project(tmp_path / "p", str(repository), commit)
    files = [data_cache.PinnedFile("data.txt", DIGEST, "data.txt")]
    folder = data_cache.materialise(files, lambda _: b"abc", config.cache)
    assert [item.outcome for item in data.check(config, store, False, False)] == ["held", "held"]
    (folder / "data.txt").write_bytes(b"abx")
    first, second = data.check(config, store, False, False)
    assert (first.outcome, first.code, second.outcome) == ("broken", 1, "held")


@pytest.mark.parametrize(
    ("body", "download", "outcome", "code"),
    [
        (b"abc", False, "held", 0),
        (b"abc", True, "held", 0),
        (b"abcd", False, "broken", 1),
        (b"abd", False, "held", 0),  # of the same length: only a download shows it
        (b"abd", True, "broken", 1),
        (None, False, "gone", 1),
    ],
)
def test_a_file_at_a_url(
    tmp_path: Path, store: Store, commit: str, body: bytes | None, download: bool, outcome: str, code: int
) -> None:

    with served({"/data.txt": (200, "text/plain", body)} if body is not None else {}) as address:
        config = project(tmp_path / "p", str(tmp_path), commit, f"url: '{address}/data.txt'")
        files = [data_cache.PinnedFile("data.txt", DIGEST, "data.txt")]
        data_cache.materialise(files, lambda _: b"abc", config.cache)
        found = by_name(data.check(config, store, offline=False, download=download))
    item = found["toy: data.txt"]
    assert (item.outcome, item.code) == (outcome, code), item
    (item,) = (i for i in data.check(config, store, offline=False, download=download) if i.name == "toy: data.txt")
    assert (item.outcome, item.code) == ("unchecked", 3)
    (item,) = (i for i in data.check(config, store, offline=True, download=download) if i.name == "toy: data.txt")
    assert (item.outcome, item.code) == ("unchecked", 0)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of this project's own files."""
    return fresh(tmp_path / "project").folder


def test_a_patch_that_no_longer_applies_is_named(demo: Path, tmp_path: Path) -> None:
    def look() -> dict[str, Item]:
        config = load(demo, {})
        return by_name(patches.check(config, Store(tmp_path / "none", config.cache), offline=True))

    found = look()
    assert found["demo"].outcome == "held"
    assert found["gsasrec-pytorch"].outcome == "held"
    assert (found["s3rec"].outcome, found["s3rec"].code) == ("unchecked", 0)
    path = demo / "patches" / "demo" / "0001-choose-the-loss.patch"
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("index "))
    lines[at] = lines[at].replace(lines[at].split()[1][:4], "0000", 1)
    path.write_text("".join(lines))
    assert (look()["demo"].outcome, look()["demo"].code) == ("broken", 1)


def test_a_patch_that_does_something_else_than_records_say_is_named(demo: Path, store: Store, tmp_path: Path) -> None:

    config = load(demo, {})
    commit = config.upstream("demo").commit
    inputs = {"command": ["x"], "upstream": commit, "patches": {"0001-choose-the-loss.patch": "0" * 64}}
    run = dataclasses.replace(RUN, upstream="demo", key=content_key(inputs), inputs=inputs)
    folder = left(tmp_path / "work" / "third")
    store.write(build_record(run, {}, DONE, validate_run(run, folder, DONE), {}), folder, {})
    item = by_name(patches.check(config, Store(store.results, store.cache), offline=True))["demo: effect"]
    assert (item.outcome, item.code) == ("stale", 1)
    assert "patch 0001-choose-the-loss changed" in item.what

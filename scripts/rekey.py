"""Carry records over from keys of format 1, which hashed bytes, to keys of format 2, which name behaviour.

    python scripts/rekey.py

Used once, when the format changed. It proves each old key from its inputs, finds the bytes of every overlay module,
lock and patch that an old key names in Git's history, computes the new inputs and the new key from them, and moves the
record. Each record keeps its former keys with their inputs under `formerly`; the bytes lie in results/former, so a test
repeats the proof without Git's history. Records that differed only in modules that their run never loads get one key:
the earliest is kept if ranks and printed metrics are equal, and anything else is refused.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.files import canonical_json, json_text, sha256_bytes
from harness.environments.locks import content_hash
from harness.runs.keys import FORMAT, KEY_DIGITS, content_key
from harness.runs.overlay import Module, Overlay, inserted_imports
from harness.upstreams.patches import format as patchfiles

ROOT = Path(__file__).resolve().parents[1]
RUNS, FORMER = ROOT / "results" / "runs", ROOT / "results" / "former"
SOURCES = ("patches", "dockerfiles")
RUN = "run:"  # begins the content of weights that another run made


def former_key(inputs: Mapping[str, Any]) -> str:
    """The key of format 1."""
    return sha256_bytes(canonical_json({"format": 1, **inputs}).encode())[:KEY_DIGITS]


def new_inputs(inputs: Mapping[str, Any], former: Path, keys: Mapping[str, str]) -> dict[str, Any]:
    """Inputs of format 2 from those of format 1.

    Args:
        former: folder with the bytes that the old inputs name: overlay/HASH.py, locks/HASH.lock, patches/HASH.patch.
        keys: new key by old key, of the runs that made weights.
    """
    assert "loss" not in inputs, "a custom loss may import the overlay: read its file as well"
    modules = {name: kept(name, former / "overlay" / f"{digest}.py") for name, digest in inputs["overlay"].items()}
    series = [patchfiles.parse(former / "patches" / f"{digest}.patch") for digest in inputs["patches"].values()]
    overlay = Overlay(modules, inserted_imports(series))
    environment = dict(inputs["environment"])
    if "lock" in environment:
        environment["lock"] = content_hash(former / "locks" / f"{environment['lock']}.lock")
    checkpoint = {
        name: RUN + keys[content.removeprefix(RUN)] if content.startswith(RUN) else content
        for name, content in inputs["checkpoint"].items()
    }
    loaded = overlay.forms(overlay.closure(inputs["command"], "record"))
    return {**inputs, "overlay": loaded, "environment": environment, "checkpoint": checkpoint}


@cache
def kept(name: str, path: Path) -> Module:
    """An overlay module in the version of its record's run."""
    return Module(name, path.read_bytes())


def history() -> Iterator[tuple[str, bytes]]:
    """Path and content of every version of every file below SOURCES in Git's history."""
    listed = git("rev-list", "--objects", "HEAD", "--", *SOURCES).decode().splitlines()
    seen = set()
    for blob, _, path in (line.partition(" ") for line in listed):
        if path.endswith((".py", ".lock", ".patch")) and (blob, path) not in seen:
            seen.add((blob, path))
            yield path, git("cat-file", "blob", blob)


def git(*words: str) -> bytes:
    """What a Git command prints."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def keep_bytes(contents: list[Mapping[str, Any]]) -> None:
    """Write the bytes that the inputs of these records name into results/former."""
    wanted = {digest for c in contents for digest in c["inputs"]["overlay"].values()}
    wanted |= {c["inputs"]["environment"].get("lock") for c in contents}
    effects = {digest for c in contents for digest in c["inputs"]["patches"].values()}
    for path, data in history():
        digest, ending = sha256_bytes(data), path.rpartition(".")[2]
        if ending == "patch":
            digest = patchfiles.effect(patchfiles.parse(Path(path), data))
        if digest in (effects if ending == "patch" else wanted):
            target = FORMER / {"py": "overlay", "lock": "locks", "patch": "patches"}[ending] / f"{digest}.{ending}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def ranks(folder: Path) -> dict[str, str]:
    """A digest of every array that a record's ranks hold."""
    with np.load(folder / "ranks-test.npz") as file:
        return {name: hashlib.sha256(file[name].tobytes()).hexdigest() for name in file.files}


def carried_over(content: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A record in format 2."""
    former = {"format": 1, "key": content["key"], "inputs": content["inputs"]}
    key = content_key(inputs)
    return {**content, "format": FORMAT, "key": key, "inputs": dict(inputs), "formerly": [former]}


def main() -> None:
    """Prove, compute, compare, move."""
    contents = [json.loads(path.read_bytes()) for path in RUNS.glob("*/record.json")]
    contents.sort(key=lambda c: (any(v.startswith(RUN) for v in c["inputs"]["checkpoint"].values()), c["ended"]))
    for content in contents:
        assert former_key(content["inputs"]) == content["key"], content["key"]
    keep_bytes(contents)
    keys: dict[str, str] = {}
    kept: dict[str, dict[str, Any]] = {}
    for content in contents:
        record = carried_over(content, new_inputs(content["inputs"], FORMER, keys))
        keys[content["key"]] = record["key"]
        if (first := kept.setdefault(record["key"], record)) is record:
            continue
        one, other = RUNS / first["formerly"][0]["key"], RUNS / content["key"]
        assert ranks(one) == ranks(other), (one, other)
        assert first["printed"] == content["printed"], (one, other)
        first["formerly"] += record["formerly"]
        git("rm", "-rq", str(other))
    for key, record in kept.items():
        git("mv", str(RUNS / record["formerly"][0]["key"]), str(RUNS / key))
        (RUNS / key / "record.json").write_text(json_text(record), encoding="utf-8")
    print(f"{len(contents)} records, {len(kept)} keys")  # noqa: T201


if __name__ == "__main__":
    main()

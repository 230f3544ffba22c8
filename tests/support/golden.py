"""Golden digits of the overlay: computed before its files were last reorganised.

    python tests/support/golden.py compare    # to the last digit; on the machine that wrote them, or one like it
    python tests/support/golden.py write      # after a change that is meant to move digits

Draws, splits and ranks are the same on every machine. The last digits of logarithms, exponential functions and sums
depend on the processor and on the build of the framework, so the test allows those; `compare` does not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "tests" / "golden" / "overlay" / "digits.json"
ALLOWED = {"float32": 2e-6, "float64": 1e-12}  # relative to the largest number of a list, or to 1


def compute(section: str) -> Any:
    """The digits of one section, as JSON has them."""
    return json.loads(json.dumps(SECTIONS[section]()))


def _torch() -> dict[str, Any]:
    import golden_calibration
    import golden_torch
    import torch

    torch.set_num_threads(1)
    found = {"losses": golden_torch.losses(), "chosen": golden_torch.chosen(), "models": golden_torch.models()}
    return {**found, "draws": golden_torch.draws(), "port": golden_calibration.port()}


def _tensorflow() -> dict[str, Any]:
    import golden_calibration
    import golden_tf

    found = {"losses": golden_tf.losses(), "chosen": golden_tf.chosen(), "draws": golden_tf.draws()}
    asked = {"gbce listed": ("gbce", 1), "ce-all": ("ce-all", None)}
    counted = {name: golden_calibration.gsasrec(*arguments) for name, arguments in asked.items()}
    return {**found, "places": golden_tf.places(), "gsasrec": counted}


def _numpy() -> dict[str, Any]:
    import golden_numpy

    parts = (golden_numpy.losses, golden_numpy.references, golden_numpy.factors, golden_numpy.draws)
    return {part.__name__: part() for part in (*parts, golden_numpy.splits, golden_numpy.ranks)}


SECTIONS: dict[str, Callable[[], Any]] = {"torch": _torch, "tensorflow": _tensorflow, "numpy": _numpy}


def rank_digests(results: Path) -> dict[str, dict[str, str]]:
    """The rank arrays of all runs below a folder of results, by system and seed."""
    import golden_batch
    import numpy as np

    found = {}
    for path in sorted(results.glob("runs/*/record.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        with np.load(path.parent / "ranks-test.npz") as file:
            arrays = {name: golden_batch.digest(file[name]) for name in sorted(file) if file[name].dtype.kind == "i"}
        found[f"{record['system']} {record['seed']}"] = arrays
    return dict(sorted(found.items()))


def demo() -> dict[str, dict[str, str]]:
    """Rank arrays of a fresh `harness reproduce demo`."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "HARNESS_RESULTS": folder}
        words = [sys.executable, "-m", "harness", "reproduce", "demo"]
        subprocess.run(words, cwd=ROOT, env=env, check=True, capture_output=True)
        return rank_digests(Path(folder, "demonstration"))


def differences(found: Any, wanted: Any, *, exact: bool, where: str = "", kind: str = "") -> Iterator[str]:
    """Lines that say where two trees of digits differ, by more than is allowed unless it must be `exact`."""
    kind = next((word for word in (where.rpartition("/")[2].split(" ")[0],) if word in ALLOWED), kind)
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            if key in found and key in wanted:
                yield from differences(found[key], wanted[key], exact=exact, where=f"{where}/{key}", kind=kind)
            else:
                yield f"{where}/{key}: only in the {'file' if key in wanted else 'present digits'}"
    elif found != wanted and (exact or not kind or not _near(found, wanted, ALLOWED[kind])):
        yield f"{where}: {found!r}, expected {wanted!r}"


def _near(found: Any, wanted: Any, relative: float) -> bool:
    try:
        mine, theirs = ([float.fromhex(word) for word in text.split()] for text in (found, wanted))
    except (AttributeError, ValueError):
        return False
    most = relative * max(1.0, *map(abs, theirs))
    return len(mine) == len(theirs) and all(abs(a - b) <= most for a, b in zip(mine, theirs, strict=True))


def wanted() -> dict[str, Any]:
    """The digits that are written down, by section."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def main(action: str) -> int:
    """Write or compare all digits, those of the demonstration included."""
    sys.path[:0] = [str(ROOT / "patches"), str(Path(__file__).parent)]
    digits = {**{section: compute(section) for section in SECTIONS}, "demo": demo()}
    if action == "write":
        FILE.write_text(json.dumps(digits, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    lines = list(differences(digits, wanted(), exact=True))
    print("\n".join(lines) or f"the same to the last digit: {FILE}")  # noqa: T201
    return int(bool(lines))


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["compare"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

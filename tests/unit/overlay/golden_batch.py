"""The fixed batch and the option forms that golden digits are computed for, and how digits are written down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

N_ROWS, K = 9, 3
RESERVED = (0, N_ROWS - 1)
CATALOGUE = ("ce-last", "ce-all", "mlm-ce")
CHOICES: dict[str, dict[str, tuple[Any, ...]]] = {
    **{name: {"excluded_rows": ((), RESERVED), "form": ("lean", "naive")} for name in CATALOGUE},
    "bce": {"weighting": ("summed", "averaged", "normalised"), "form": ("lean", "naive")},
    "gbce": {"t": (0.0, 0.75), "form": ("lean", "naive")},
    "sampled-ce": {"form": ("lean", "naive")},
    "ssm": {"form": ("lean", "naive")},
    "bpr": {"at": ("last", "all")},
    "bpr-max": {"at": ("last", "all"), "regularisation": (0.0, 0.5)},
    "top1": {"at": ("last", "all")},
    "top1-max": {"at": ("last", "all")},
}


def batch() -> dict[str, np.ndarray]:
    """Two sequences of two positions, the first of the second one padded; scores up to about 4."""
    random = np.random.default_rng(11)
    return {
        "hidden": 1.5 * random.normal(size=(2, 2, 2)),
        "table": random.normal(size=(N_ROWS, 2)),
        "targets": np.array([[3, 5], [0, 2]]),
        "mask": np.array([[True, True], [False, True]]),
        "seen": np.array([[4], [6]]),
        "own": random.integers(1, N_ROWS - 1, (2, 2, K)),
        "shared": random.integers(1, N_ROWS - 1, (2, K)),
    }


def option_forms(name: str) -> Iterator[dict[str, Any]]:
    """Every combination of a loss's options; those that draw have given negatives, of which `negatives` says the kind.

    After them, for losses that draw: each way to draw, from a generator with seed 7.
    """
    choices = {"average": ("positions", "sequences"), **CHOICES[name]}
    draws = {} if name in CATALOGUE else {"negatives": "shared" if name == "sampled-ce" else "own"}
    for values in product(*choices.values()):
        yield {**dict(zip(choices, values, strict=True)), **draws}
    if draws:
        yield {"negatives": "own" if name == "sampled-ce" else "shared"}
        for exclude in ("none", "sequence") if name == "sampled-ce" else ("none", "target", "sequence"):
            yield {"k": K, "exclude": exclude, "excluded_rows": RESERVED}


def label(dtype: str, options: Mapping[str, Any], *marks: str) -> str:
    """How a case is called in the file."""
    return " ".join([dtype, *marks, *(f"{key}={value}".replace(" ", "") for key, value in options.items())])


def digits(values: Any) -> str:
    """Numbers as hexadecimal floats, row by row."""
    return " ".join(float(value).hex() for value in np.asarray(values, dtype=np.float64).reshape(-1))


def digest(*arrays: Any) -> str:
    """SHA-256 over type, shape and bytes of arrays."""
    sha = hashlib.sha256()
    for array in map(np.asarray, arrays):
        order = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        sha.update(f"{order.dtype.str} {order.shape} ".encode() + order.tobytes())
    return sha.hexdigest()


def result(value: Any, by_hidden: Any, by_table: Any) -> dict[str, str]:
    """A loss and its gradients."""
    return {"value": digits(value), "hidden": digits(by_hidden), "table": digits(by_table)}


def draw_arguments(exclude: str, shared: bool, n_rows: int) -> tuple[Any, ...]:
    """Arguments of a sampler after its generator, such that it draws 10,000 rows; arrays are to be made tensors."""
    random = np.random.default_rng(5)
    shape = (100, 3) if shared else (10, 10)
    targets, mask = random.integers(1, n_rows - 1, shape), random.random(shape) < 0.8
    seen = random.integers(0, n_rows, (shape[0], 20)) if exclude == "sequence" else None
    return 100, targets, mask, n_rows, (0, n_rows - 1), exclude, seen


DRAWS = {  # name -> (sampler, arguments); with 200 rows, shared ones come from a permutation, else from a stream
    **{f"draw {exclude}": ("draw", draw_arguments(exclude, False, 500)) for exclude in ("none", "target", "sequence")},
    **{
        f"draw_shared {exclude} {n_rows}": ("draw_shared", draw_arguments(exclude, True, n_rows))
        for exclude in ("none", "sequence")
        for n_rows in (200, 1000)
    },
}

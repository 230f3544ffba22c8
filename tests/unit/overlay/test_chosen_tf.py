"""A custom TensorFlow loss that fails on any batch is reported with its file, line and text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")
from overlay.losses import chosen_tf  # noqa: E402

MINE = """
import tensorflow as tf

def base(hidden, targets):
    return tf.reduce_sum(hidden) + 0.0 * tf.cast(tf.reduce_sum(targets), tf.float32)

def raising(hidden, item_embeddings, targets, mask, *, generator):
    raise KeyError("no way")

def traced(hidden, item_embeddings, targets, mask, *, generator):
    if not tf.executing_eagerly():
        raise TypeError("only one by one")
    return base(hidden, targets)

def shaped(hidden, item_embeddings, targets, mask, *, generator):
    return base(hidden, tf.reshape(targets, (4, -1)))

def nan(hidden, item_embeddings, targets, mask, *, generator):
    return tf.math.log(base(hidden, targets))

def fine(hidden, item_embeddings, targets, mask, *, generator):
    return base(hidden, targets)
"""
SHAPES = [tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3]), tf.TensorSpec([None], tf.int64)]


@pytest.fixture
def batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Values of two batches of 4 and 3 rows by a loss of MINE, in one graph; the reported message, or ""."""
    monkeypatch.setenv("HARNESS_PROBE_DIR", str(tmp_path))
    path = tmp_path / "mine.py"
    path.write_text(MINE)

    def run(name: str, fill: float = 1.0, eagerly: bool = False) -> str:
        chosen = chosen_tf.choose(f"{path}:{name}", {})

        def value(hidden: Any, table: Any, targets: Any) -> Any:
            return chosen.value(hidden, table, targets, tf.ones_like(targets, tf.bool), None, ())

        call = value if eagerly else tf.function(value, input_signature=SHAPES)
        try:
            for rows, sign in ((4, 1.0), (3, fill)):
                hidden = tf.fill([rows, 3], sign)
                call(hidden, hidden, tf.ones([rows], tf.int64))
        except SystemExit:
            return str(json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["reason"])
        except (ValueError, tf.errors.OpError) as error:
            return chosen_tf.described(error, f"mine.py:{name}", str(path))
        return ""

    return run


def line_of(text: str) -> str:
    return f", line {MINE.splitlines().index(text) + 1}"


def test_what_a_loss_raises_while_a_graph_is_made(batches: Callable[..., str]) -> None:
    message = "mine.py:raising raised KeyError: 'no way'" + line_of('    raise KeyError("no way")')
    assert batches("raising", eagerly=True) == message
    assert batches("traced") == "mine.py:traced raised TypeError: only one by one" + line_of(
        '        raise TypeError("only one by one")'
    )


def test_what_fails_on_a_later_batch_alone(batches: Callable[..., str]) -> None:
    found = batches("shaped")
    assert found.startswith("mine.py:shaped raised InvalidArgumentError: Input to reshape is a tensor with 3 values")
    assert found.endswith(line_of("    return base(hidden, tf.reshape(targets, (4, -1)))"))
    assert "\n" not in found


def test_a_value_that_is_not_finite_on_a_later_batch(batches: Callable[..., str]) -> None:
    assert batches("nan", fill=-1.0).startswith("mine.py:nan returned a value that is not finite")
    assert batches("nan", fill=-1.0, eagerly=True) == "mine.py:nan returned nan"
    assert batches("nan") == ""
    assert batches("fine", fill=-1.0) == ""


def test_an_error_of_another_place_is_not_the_loss_s(tmp_path: Path) -> None:
    error = ValueError("two\nlines")
    assert chosen_tf.described(error, "mine.py:fine", str(tmp_path / "mine.py")) == "ValueError: two lines"

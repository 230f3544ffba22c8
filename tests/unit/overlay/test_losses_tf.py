"""The TensorFlow losses against the float64 NumPy reference, and their behaviour in tapes and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
pytest.register_assert_rewrite("loss_checks", "draw_checks")

from draw_checks import DrawingLossChecks, SamplerChecks  # noqa: E402
from loss_cases import Case  # noqa: E402
from loss_checks import GbceChecks, LossChecks, Result, batch, small_k  # noqa: E402
from loss_reference import NAMES  # noqa: E402
from overlay.losses import lean_tf, samplers_tf  # noqa: E402
from overlay.losses.in_tf import LOSSES  # noqa: E402


def seeded(seed: int | None) -> Any:
    return None if seed is None else tf.random.Generator.from_seed(seed)


def tensors(case: Case, dtype: str = "float64") -> list[Any]:
    floats = [tf.constant(array, dtype) for array in (case.hidden, case.table)]
    return [*floats, tf.constant(case.targets, tf.int64), tf.constant(case.mask)]


def keywords(case: Case, seed: int | None = None, seen: np.ndarray | None = None) -> dict[str, Any]:
    arrays = {"negatives": case.negatives, "seen": seen}
    given = {key: tf.constant(array, tf.int64) for key, array in arrays.items() if array is not None}
    return {"generator": seeded(seed), **given, **case.options}


def dense(gradient: Any) -> np.ndarray:
    return tf.convert_to_tensor(gradient).numpy()


class TensorFlow:
    losses = LOSSES

    def compute(
        self,
        case: Case,
        dtype: str = "float64",
        *,
        seed: int | None = None,
        seen: np.ndarray | None = None,
        wanted: tuple[str, ...] = ("hidden", "table"),
        factor: float = 1.0,
    ) -> Result:
        hidden, table, targets, mask = tensors(case, dtype)
        watched = {"hidden": hidden, "table": table}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([watched[which] for which in wanted])
            loss = LOSSES[case.name](hidden, table, targets, mask, **keywords(case, seed, seen))
            assert (loss.shape, loss.dtype) == ((), hidden.dtype)
            scaled = factor * loss
        gradients = dict(zip(wanted, tape.gradient(scaled, [watched[which] for which in wanted]), strict=True))
        by_hidden, by_table = (dense(gradients[which]) if which in wanted else None for which in watched)
        return float(scaled), by_hidden, by_table

    def drawn(self, sampler: str, seed: int, calls: int, *arguments: Any) -> list[np.ndarray]:
        generator = seeded(seed)
        arguments = tuple(tf.constant(a) if isinstance(a, np.ndarray) else a for a in arguments)
        return [getattr(samplers_tf, sampler)(generator, *arguments).numpy() for _ in range(calls)]

    def seed_globally(self, seed: int) -> None:
        tf.random.set_seed(seed)
        tf.random.get_global_generator().reset_from_seed(seed)

    def next_global_numbers(self) -> np.ndarray:
        return np.concatenate([tf.random.uniform((4,)).numpy(), tf.random.get_global_generator().uniform((4,)).numpy()])

    @contextmanager
    def chunks_of_one(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lean_tf, "ELEMENTS", 1)
            yield


class TestTensorFlow(LossChecks, GbceChecks, DrawingLossChecks, SamplerChecks):
    framework = TensorFlow()


def all_forms() -> list[Any]:
    return [
        pytest.param(variant, id=f"{name}-{variant.options.get('form', 'only')}")
        for name in NAMES
        for variant in batch(name, **small_k(name)).forms()
    ]


@pytest.mark.parametrize("case", all_forms())
def test_a_persistent_tape_gives_its_gradients_again(case: Case) -> None:
    hidden, table, targets, mask = tensors(case)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((hidden, table))
        loss = LOSSES[case.name](hidden, table, targets, mask, **keywords(case, seed=1))
    first, again = (tape.gradient(loss, (hidden, table)) for _ in range(2))
    assert all((dense(one) == dense(other)).all() for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize("case", all_forms())
def test_gradients_flow_on_and_add_up(case: Case) -> None:
    """Hidden states that a layer made, the table as a variable, and more in the loss than the loss."""
    _, by_hidden, by_table = TensorFlow().compute(case, seed=1)
    rng = np.random.default_rng(0)
    layer = rng.normal(size=(3, 3))
    source, table = tf.Variable(case.hidden @ np.linalg.inv(layer)), tf.Variable(case.table)
    targets, mask = tensors(case)[2:]
    with tf.GradientTape() as tape:
        made = tf.linalg.matmul(source, tf.constant(np.broadcast_to(layer, (len(case.hidden), 3, 3))))
        loss = LOSSES[case.name](made, table, targets, mask, generator=seeded(1), **case.options)
        total = loss + 0.5 * tf.reduce_sum(made) + tf.reduce_sum(table)
    got = tape.gradient(total, (source, table))
    np.testing.assert_allclose(dense(got[0]), (by_hidden + 0.5) @ layer.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(dense(got[1]), by_table + 1, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", all_forms())
def test_a_graph_gives_what_eager_execution_gives(case: Case) -> None:
    """In a tf.function that knows no shape, as an upstream's training step may."""
    want = TensorFlow().compute(case, seed=1)
    generator, options = seeded(1), case.options

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, 3], tf.float64),
            tf.TensorSpec([None, 3], tf.float64),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([None, None], tf.bool),
        ]
    )
    def step(hidden: Any, table: Any, targets: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((hidden, table))
            loss = LOSSES[case.name](hidden, table, targets, mask, generator=generator, **options)
        return loss, *map(tf.convert_to_tensor, tape.gradient(loss, (hidden, table)))

    for mine, theirs in zip(step(*tensors(case)), want, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=0, atol=1e-13)

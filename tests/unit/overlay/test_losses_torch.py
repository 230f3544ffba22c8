"""The PyTorch losses against the float64 NumPy reference, and their gradients and memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.register_assert_rewrite("loss_checks", "draw_checks")

from draw_checks import DrawingLossChecks, SamplerChecks  # noqa: E402
from loss_cases import FORMS, WITH_FORMS, Case  # noqa: E402
from loss_checks import GbceChecks, LossChecks, Result, batch, small_k  # noqa: E402
from loss_reference import NAMES, OVER_THE_CATALOGUE, SAMPLED  # noqa: E402
from overlay.losses import lean_torch, samplers_torch  # noqa: E402
from overlay.losses.in_torch import LOSSES  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402


def seeded(seed: int | None) -> Any:
    return None if seed is None else torch.Generator().manual_seed(seed)


def tensors(case: Case, dtype: str = "float64", wanted: tuple[str, ...] = ("hidden", "table")) -> list[Any]:
    """hidden, table, targets and mask; the `wanted` ones are leaves that ask for a gradient."""
    floats = [
        torch.tensor(getattr(case, which), dtype=getattr(torch, dtype), requires_grad=which in wanted)
        for which in ("hidden", "table")
    ]
    return [*floats, torch.tensor(case.targets), torch.tensor(case.mask)]


def keywords(case: Case, seed: int | None = None, seen: np.ndarray | None = None) -> dict[str, Any]:
    arrays = {"negatives": case.negatives, "seen": seen}
    given = {key: torch.tensor(array) for key, array in arrays.items() if array is not None}
    return {"generator": seeded(seed), **given, **case.options}


class Torch:
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
        hidden, table, targets, mask = tensors(case, dtype, wanted)
        loss = LOSSES[case.name](hidden, table, targets, mask, **keywords(case, seed, seen))
        assert (loss.shape, loss.dtype) == ((), hidden.dtype)
        (factor * loss).backward()
        by_hidden, by_table = (None if leaf.grad is None else leaf.grad.numpy() for leaf in (hidden, table))
        return factor * loss.item(), by_hidden, by_table

    def drawn(self, sampler: str, seed: int, calls: int, *arguments: Any) -> list[np.ndarray]:
        generator = seeded(seed)
        arguments = tuple(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments)
        return [getattr(samplers_torch, sampler)(generator, *arguments).numpy() for _ in range(calls)]

    def seed_globally(self, seed: int) -> None:
        torch.manual_seed(seed)

    def next_global_numbers(self) -> np.ndarray:
        return torch.rand(4).numpy()

    @contextmanager
    def chunks_of_one(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lean_torch, "ELEMENTS", 1)
            patch.setattr(lean_torch, "FEWEST_ROWS", 1)
            yield


@pytest.fixture(autouse=True)
def one_thread_and_the_global_state_as_it_was() -> Iterator[None]:
    """On tensors this small, a second thread costs a thousand times what it computes."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(n_threads)


class TestTorch(LossChecks, GbceChecks, DrawingLossChecks, SamplerChecks):
    framework = Torch()


def all_forms() -> list[Any]:
    return [
        pytest.param(variant, id=f"{name}-{variant.options.get('form', 'only')}")
        for name in NAMES
        for variant in batch(name, **small_k(name)).forms()
    ]


@pytest.mark.parametrize("case", all_forms())
def test_a_kept_graph_gives_its_gradients_again(case: Case) -> None:
    hidden, table, targets, mask = tensors(case)
    loss = LOSSES[case.name](hidden, table, targets, mask, **keywords(case, seed=1))
    first = torch.autograd.grad(loss, (hidden, table), retain_graph=True)
    kept = [gradient.clone() for gradient in first]
    for gradient in first:  # what a caller does to its gradients is its own business
        gradient.mul_(7)
    loss.backward()
    assert torch.equal(hidden.grad, kept[0])
    assert torch.equal(table.grad, kept[1])


@pytest.mark.parametrize("case", all_forms())
def test_gradients_flow_on_and_add_up(case: Case) -> None:
    """Hidden states that a layer made, the table as the same model's parameter, two losses in one graph."""
    hidden, table, targets, mask = tensors(case)
    loss, options = LOSSES[case.name], case.options
    loss(hidden, table, targets, mask, generator=seeded(1), **options).backward()
    layer = torch.randn(3, 3, dtype=torch.float64, generator=seeded(2))
    source = torch.linalg.solve(layer, hidden.detach(), left=False).requires_grad_()
    own = table.detach().clone().requires_grad_()
    made = source @ layer
    (loss(made, own, targets, mask, generator=seeded(1), **options) + 0.5 * made.sum() + own.sum()).backward()
    torch.testing.assert_close(source.grad, (hidden.grad + 0.5) @ layer.T, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(own.grad, table.grad + 1, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", all_forms())
def test_arguments_may_be_views_and_stay_as_they_are(case: Case) -> None:
    hidden, table, targets, mask = tensors(case, wanted=())
    views = [
        hidden.transpose(0, 1).contiguous().transpose(0, 1), table.T.contiguous().T,
        targets.T.contiguous().T, mask.T.contiguous().T,
    ]  # fmt: skip
    copies = [view.clone() for view in views]
    views[0].requires_grad_(), views[1].requires_grad_()
    loss = LOSSES[case.name](*views, **keywords(case, seed=1))
    loss.backward()
    assert all(torch.equal(view, copy) for view, copy in zip(views, copies, strict=True))
    value, by_hidden, by_table = Torch().compute(case, seed=1)
    assert loss.item() == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(views[0].grad, by_hidden, rtol=0, atol=1e-14)
    np.testing.assert_allclose(views[1].grad, by_table, rtol=0, atol=1e-14)


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for one in returned if isinstance(returned, tuple | list) else [returned]:
            if isinstance(one, torch.Tensor) and one.untyped_storage().nbytes() >= one.numel() * one.element_size():
                self.numbers = max(self.numbers, one.numel())
        return returned


def largest_tensor(case: Case) -> int:
    hidden, table, targets, mask = tensors(case, "float32")
    with Largest() as largest:
        LOSSES[case.name](hidden, table, targets, mask, **keywords(case)).backward()
    return largest.numbers


@pytest.mark.parametrize("name", WITH_FORMS)
def test_the_lean_form_never_holds_all_scores(name: str) -> None:
    """Over 3000 positions and 2000 items, or 500 negatives of 16 dimensions: a chunk is 2^20 numbers."""
    rng = np.random.default_rng(0)
    b, length, n_rows, dim, k = (3000, 1, 2000, 4, 0) if name in OVER_THE_CATALOGUE else (300, 10, 100, 16, 500)
    whole = b * length * (k * dim if name in SAMPLED else n_rows)
    case = Case(
        name, rng.normal(size=(b, length, dim)), rng.normal(size=(n_rows, dim)),
        rng.integers(0, n_rows, (b, length)), np.ones((b, length), dtype=bool),
        rng.integers(0, n_rows, (b, length, k)) if name in SAMPLED else None,
    )  # fmt: skip
    naive, lean = (largest_tensor(case.with_options(form=form)) for form in reversed(FORMS))
    assert naive >= whole
    assert lean <= max(lean_torch.ELEMENTS, b * length * k)

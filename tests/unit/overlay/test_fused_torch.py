"""The fused form against the naive one: on a CUDA device, or by Triton's interpreter (TRITON_INTERPRET=1)."""

from __future__ import annotations

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("liger_kernel", reason="the package liger-kernel is not installed")
pytest.register_assert_rewrite("loss_checks")

from loss_checks import batch  # noqa: E402
from overlay.losses.in_torch import LOSSES  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1",
    reason="no CUDA device, and TRITON_INTERPRET=1 is not set",
)


@pytest.mark.parametrize("name", ["ce-all", "ce-last", "mlm-ce"])
@pytest.mark.parametrize("excluded_rows", [(), (0, 5)])
def test_fused_is_naive(name: str, excluded_rows: tuple[int, ...]) -> None:
    case = batch(name)
    found = {}
    for form in ("naive", "fused"):
        hidden, table = (
            torch.tensor(x, dtype=torch.float32, device=DEVICE, requires_grad=True) for x in (case.hidden, case.table)
        )
        targets, mask = (torch.tensor(x, device=DEVICE) for x in (case.targets, case.mask))
        rows = [row for row in excluded_rows if not bool((targets[mask] == row).any())]
        loss = LOSSES[name](hidden, table, targets, mask, form=form, excluded_rows=tuple(rows))
        (2 * loss).backward()
        found[form] = [x.detach().cpu().numpy() for x in (loss, hidden.grad, table.grad)]
    for fused, naive in zip(found["fused"], found["naive"], strict=True):
        np.testing.assert_allclose(fused, naive, rtol=1e-5, atol=1e-6)


def test_fused_has_one_mean_only() -> None:
    case = batch("ce-all")
    tensors = [torch.tensor(x) for x in (case.hidden, case.table, case.targets, case.mask)]
    with pytest.raises(ValueError, match="mean over positions only"):
        LOSSES["ce-all"](*tensors, form="fused", average="sequences")

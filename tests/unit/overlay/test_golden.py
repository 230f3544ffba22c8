"""What the overlay computes is what it computed before; `golden.py compare` asks for the last digit, too."""

from __future__ import annotations

import importlib

import golden
import pytest

FRAMEWORKS = {"torch": "torch", "tensorflow": "tensorflow", "numpy": "numpy"}


@pytest.mark.parametrize("section", golden.SECTIONS)
def test_digits_are_the_golden_ones(section: str) -> None:
    pytest.importorskip(FRAMEWORKS[section])
    lines = list(golden.differences(golden.compute(section), golden.wanted()[section], exact=False))
    assert not lines, "\n".join(lines[:20])


def test_rounding_is_allowed_and_a_change_is_not() -> None:
    wanted = {"losses": {"float32 t=0.75": {"value": "0x1.8p+0 0x1.0p-9"}}, "draws": {"one": "ab"}}

    def faults(value: str, draw: str = "ab", exact: bool = False) -> list[str]:
        found = {"losses": {"float32 t=0.75": {"value": value}}, "draws": {"one": draw}}
        return list(golden.differences(found, wanted, exact=exact))

    assert faults("0x1.8000010000000p+0 0x1.0p-9") == []
    assert len(faults("0x1.8000010000000p+0 0x1.0p-9", exact=True)) == 1
    assert len(faults("0x1.8001000000000p+0 0x1.0p-9")) == 1
    assert len(faults("0x1.8p+0")) == 1
    assert len(faults("nan 0x1.0p-9")) == 1
    assert len(faults("0x1.8p+0 0x1.0p-9", "ac")) == 1
    assert list(golden.differences({}, {"losses": 1}, exact=False)) == ["/losses: only in the file"]


def test_a_formula_that_is_slightly_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    losses = importlib.import_module("overlay.losses.in_torch")
    beta = losses.gbce_beta
    monkeypatch.setattr(losses, "gbce_beta", lambda *arguments: beta(*arguments) * (1 + 1e-5))
    lines = list(golden.differences(golden.compute("torch"), golden.wanted()["torch"], exact=False))
    assert lines
    assert all("gbce" in line for line in lines)

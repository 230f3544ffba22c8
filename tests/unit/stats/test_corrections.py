from __future__ import annotations

import gc
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_values import PAIRS, values
from statsmodels.stats.multitest import multipletests

from harness.core.errors import MetricsError
from harness.stats import corrections, estimates
from harness.stats.corrections import Correction

ORACLES: dict[Correction, str] = {"holm": "holm", "bonferroni": "bonferroni", "benjamini-hochberg": "fdr_bh"}
P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=30)


@pytest.fixture(scope="module", autouse=True)
def _little_garbage() -> None:
    """The oracle searches for garbage in each of its calls, which takes long where frameworks are loaded."""
    gc.freeze()


@settings(deadline=None)
@given(P_VALUES)
@pytest.mark.parametrize("method", ORACLES)
def test_adjusted_as_in_statsmodels(method: Correction, p_values: list[float]) -> None:
    expected = multipletests(p_values, method=ORACLES[method])[1].tolist()
    assert corrections.adjust(p_values, method) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("method", ORACLES)
def test_a_real_family(method: Correction) -> None:
    p = [estimates.paired_t(values(a, m) - values(b, m)).p for a, b in PAIRS for m in ("HIT@10", "NDCG@10", "MRR")]
    assert corrections.adjust(p, method) == pytest.approx(multipletests(p, method=ORACLES[method])[1].tolist())


@settings(deadline=None)
@given(P_VALUES)
def test_each_is_at_least_as_strict_as_the_next(p_values: list[float]) -> None:
    bonferroni, holm, hochberg, none = (
        corrections.adjust(p_values, m) for m in ("bonferroni", "holm", "benjamini-hochberg", "none")
    )
    assert none == p_values
    for row in zip(bonferroni, holm, hochberg, none, strict=True):
        assert all(stricter >= other - 1e-12 for stricter, other in itertools.pairwise(row))


def test_by_hand_and_for_none() -> None:
    assert corrections.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert corrections.bonferroni([0.01, 0.04, 0.5]) == pytest.approx([0.03, 0.12, 1.0])
    assert corrections.benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert all(corrections.adjust([], method) == [] for method in corrections.METHODS)


@pytest.mark.parametrize("invalid", [-0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(invalid: float) -> None:
    for method in corrections.METHODS:
        with pytest.raises(MetricsError, match="not in"):
            corrections.adjust([0.5, invalid], method)

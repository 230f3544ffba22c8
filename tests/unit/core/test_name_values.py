"""Values by name as the command line has them: one reading for filters, options and losses."""

from __future__ import annotations

import pytest

from harness.cli.options import pairs
from harness.core.errors import ArgumentError
from harness.recipes.extra_losses import option_texts


def test_values_by_name() -> None:
    assert pairs(["a=1, b=x|y", "c=2=3"], "--where") == {"a": "1", "b": "x|y", "c": "2=3"}
    assert pairs(None, "--set") == {}
    assert option_texts("gbce", "k=256,t=0.75,") == {"k": "256", "t": "0.75"}


@pytest.mark.parametrize("text", ["k", "=1", "k=", "a b=1"])
def test_what_is_not_name_and_value(text: str) -> None:
    with pytest.raises(ArgumentError, match="is not name=value") as error:
        pairs([text], "--set")
    assert "write --set epochs=5" in str(error.value)  # regression: the message was about a filter for every option
    with pytest.raises(ArgumentError, match=r"^--loss: gbce: .* is not name=value"):
        option_texts("gbce", text)


def test_a_name_given_twice() -> None:
    with pytest.raises(ArgumentError, match="k is a duplicate"):
        pairs(["k=1", "k=2"], "--set")
    with pytest.raises(ArgumentError, match="gbce: k is a duplicate"):
        option_texts("gbce", "k=1,k=2")

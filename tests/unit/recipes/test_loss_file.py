"""Static check of a custom loss: every way in which it cannot be called is reported."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import pytest

from harness.core.errors import ArgumentError
from harness.recipes import loss_file
from harness.recipes.systems import Scalar

GOOD = """
import torch

def focal(hidden, item_embeddings, targets, mask, *, generator=None, gamma=2.0, at="last", hard=False, top=3):
    return None

def wide(hidden, item_embeddings, targets, mask, **anything):
    return None

def needy(h, table, goals, counted, alpha, /, beta=1, *, generator, weight):
    return None

if True:
    def inner(hidden, item_embeddings, targets, mask, generator):
        return None

other = focal
def _hidden(): ...
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """mine.py in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.py"
    file.write_text(GOOD)
    return file


def refused(path: str, function: str = "focal", **texts: str) -> str:
    with pytest.raises(ArgumentError) as caught:
        loss_file.options(*loss_file.read(path, function), texts)
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith("--loss: ")
    assert caught.value.fix
    return str(caught.value)


def options(function: str, **texts: str) -> dict[str, Scalar]:
    return loss_file.options(*loss_file.read("mine.py", function), texts)


def test_a_file_is_taken_as_it_is_and_never_executed(path: Path) -> None:
    path.write_text(GOOD + "raise SystemExit('executed')\n")
    file, signature = loss_file.read("mine.py", "focal")
    assert (file.path, file.function, file.content) == ("mine.py", "focal", path.read_bytes())
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.short == f"focal@{file.sha256[:12]}"
    assert signature == {"gamma": "2.0", "at": "'last'", "hard": "False", "top": "3"}


@pytest.mark.usefixtures("path")
def test_options_are_of_the_type_of_their_default_and_in_the_function_s_order() -> None:
    found = options("focal", top="4.5", hard="True", at="first", gamma="3")
    assert list(found.items()) == [("gamma", 3), ("at", "first"), ("hard", 1), ("top", 4.5)]
    assert options("focal", hard="False") == {"hard": 0}
    assert options("wide") == {}
    assert options("inner") == {}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("function", "texts", "message"),
    [
        (
            "focl",
            {},
            "mine.py has no function 'focl'\n  fix: did you mean 'focal'? known: _hidden, focal, inner",
        ),
        ("other", {}, "mine.py does not define 'other' with def"),
        ("torch", {}, "mine.py does not define 'torch' with def"),
        ("", {}, "mine.py has no function name\n  fix: write mine.py:focal"),
        ("focal", {"gama": "3"}, "mine.py:focal has no option 'gama'\n  fix: did you mean 'gamma'?"),
        ("focal", {"gamma": "x"}, "mine.py:focal: gamma='x' is not a finite number\n  fix: its default is 2.0"),
        ("focal", {"hard": "yes"}, "hard='yes' is not a Boolean\n  fix: write True or False"),
        ("focal", {"gamma": "nan"}, "mine.py:focal: gamma='nan' is not a finite number"),
        ("focal", {"mask": "1"}, "mask is not an option"),
        ("focal", {"seen": "1"}, "seen is not an option"),
        ("wide", {"generator": "1"}, "generator is not an option"),
        ("wide", {"any": "1"}, "wide has no option 'any'"),
        (
            "needy",
            {},
            "needs a value of alpha, weight\n  fix: write --loss mine.py:needy:alpha=...,weight=..., or",
        ),
        ("_hidden", {}, "takes 0 positional arguments, expected the 4 tensors: _hidden()"),
    ],
)
def test_what_a_function_cannot_be_called_with_is_told(function: str, texts: dict[str, str], message: str) -> None:
    assert message in refused("mine.py", function, **texts)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("def focal(hidden, targets, mask, *, generator): ...", "takes 3 positional arguments, expected the 4"),
        ("def focal(hidden, item_embeddings, targets, mask): ...", "takes no generator"),
        ("def focal(item_embeddings, hidden, targets, mask, *, generator): ...", "has the tensors in the wrong order"),
        ("def focal(h, t, y, m, *, generator, seen): ...", "needs seen, which a custom loss does not receive"),
        ("async def focal(hidden, item_embeddings, targets, mask, *, generator): ...", "is async"),
        ("class focal: ...", "has no function 'focal'"),
        ("def focal(:\n", "line 1: invalid syntax\n    def focal(:"),
        ("x = 1\n  y = 2\n", "line 2: unexpected indent\n    y = 2"),
        ("def focal(a, b\n", "was never closed"),
        ("x = '\0'\n", "null bytes"),
        ("", "has no function 'focal'"),
    ],
)
def test_what_is_no_loss_is_told(path: Path, line: str, message: str) -> None:
    path.write_text(line)
    assert message in refused("mine.py")


@pytest.mark.parametrize(
    "line",
    [
        "def focal(h, t, y, m, *, generator): ...",
        "def focal(*tensors, generator): ...",
        "def focal(hidden, item_embeddings, targets, mask, generator=None): ...",
        "def focal(hidden, item_embeddings, targets, mask, /, **options): ...",
        "import functools\n@functools.cache\ndef focal(hidden, item_embeddings, targets, mask, *, generator): ...",
        "try:\n    import nothing\nexcept ImportError:\n    def focal(h, t, y, m, *, generator): ...",
        "\ufeffdef focal(h, t, y, m, *, generator): ...",
    ],
)
def test_what_can_be_called_is_taken(path: Path, line: str) -> None:
    path.write_text(line, encoding="utf-8")
    assert options("focal") == {}


@pytest.mark.parametrize(
    "line", ["import helpers", "from helpers import x", "from . import x", "from .helpers import x"]
)
def test_a_file_that_needs_another_one_is_refused(path: Path, line: str) -> None:
    """It would be hashed without it, and copied to where it is not."""
    (path.parent / "helpers.py").write_text("x = 1\n")
    path.write_text(f"import torch\n{line}\n{GOOD}")
    assert "mine.py, line 2: imports " in refused("mine.py")


def test_what_cannot_be_read_is_told(path: Path) -> None:
    assert "no such file: nobody.py" in refused("nobody.py")
    assert "is a folder" in refused(str(path.parent))
    path.write_bytes(b"x = 1\n# caf\xe9\n")
    assert "mine.py, line 2: is not UTF-8" in refused("mine.py")
    assert "is not readable" in refused("min\0e.py")


def test_a_careless_string_in_the_file_is_no_business_of_ours(path: Path) -> None:
    """Python warns of "\\d" when it parses; the warning appears when the file is imported."""
    path.write_text(GOOD + 'pattern = "\\d"\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss_file.read("mine.py", "focal")

"""The normal form: blind to what cannot change behaviour, and to nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import PatchError
from harness.core.files import sha256_bytes
from harness.runs.normal_form import WITH_DOCSTRING, decoded, normal_form, parsed

ROOT = Path(__file__).resolve().parents[3]
OVERLAY = sorted((ROOT / "patches/overlay").rglob("*.py"))
FORMER = sorted((ROOT / "results/former/overlay").glob("*.py"))


def form(text: str | bytes) -> str:
    content = text.encode() if isinstance(text, str) else text
    read = decoded(content, "a.py")
    return normal_form(read, parsed(read, "a.py"))


def without_docstrings(text: str) -> str:
    """The dump of a module's syntax tree without docstrings; a body that was nothing else is `pass`."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return ast.dump(tree)


@pytest.mark.parametrize("path", [*OVERLAY, *FORMER], ids=lambda path: path.name)
def test_the_form_of_every_module_of_the_overlay_has_its_syntax_tree(path: Path) -> None:
    text = decoded(path.read_bytes(), str(path))
    found = form(text)
    assert ast.dump(ast.parse(found)) == without_docstrings(text)
    assert form(found) == found


TREES = {
    "docstrings everywhere": '"""M."""\nclass A:\n    """C."""\n    def f(self):\n        """F."""\n        return 1\n',
    "a function that is its docstring": 'def f():\n    """F."""\n\n\ndef g(): "G"\n\n\nasync def h():\n    "H"\n',
    "a class that is its docstring": 'class A:\n    """\n    Long.\n    """\nclass B: "b"\n',
    "a semicolon behind it": '"M"; x = 1\ndef f(): "F"; return 2\ndef g():\n    "G" ; y = 3 ; return y\n',
    "a semicolon and nothing": '"M";\ndef f():\n    "F";\ndef g(): "G";  # comment\n',
    "in parentheses": 'def f():\n    ("F"  # comment\n     " more")\n    return 1\n',
    "joined strings": 'def f():\n    "F" \\\n    " more"\n    return 1\n',
    "strings with empty lines": 'x = """a\n\n  b  \n# no comment\n"""\ny = f"""{x}\n\n  {x!r}  \n"""\n',
    "bytes with empty lines": 'z = b"""\n\n"""\n',
    "joined strings with comments between": 'x = ("a"  # one\n\n     # two\n     "b")\n',
    "a backslash": "x = 1 + \\\n    2\nwith open('a') as a, \\\n     open('b') as b:\n    pass\n",
    "a backslash in a comment": "x = 1  # ends in \\\n\n\ny = 2\n",
    "a string that begins no body": 'def f():\n    x = 1\n    """no docstring"""\n    return x\n',
    "letters beyond ASCII": 'def grüße(): "Ähm — 🙂"; return "ß"  # ö\n',
    "a form feed": "x = 1\n\f\ny = 2\n",
    "no line end": "def f():\n    'F'",
    "nothing": "",
}


@pytest.mark.parametrize("text", TREES.values(), ids=TREES)
def test_the_form_has_the_syntax_tree_without_docstrings(text: str) -> None:
    found = form(text)
    assert ast.dump(ast.parse(found)) == without_docstrings(text)
    assert form(found) == found


SAME = {
    "a comment": "x = 1  # one\n",
    "a line of comment": "# one\nx = 1\n",
    "empty lines": "\n\nx = 1\n\n",
    "trailing blanks": "x = 1  \t\n",
    "a docstring": '"""One."""\n\nx = 1\n',
    "Windows line ends": "x = 1\r\n",
    "line ends of old Macs": "# one\rx = 1\r",
    "a byte order mark": b"\xef\xbb\xbfx = 1\n",
    "a declared encoding": "# -*- coding: latin-1 -*-\n# ö\nx = 1\n".encode("latin-1"),
    "no line end": "x = 1",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_changes_no_behaviour_changes_no_form(text: str | bytes) -> None:
    assert form(text) == "x = 1\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1\n", "x = 2\n"),
        ("x = '''a\n\nb'''\n", "x = '''a\nb'''\n"),
        ("x = '''a \nb'''\n", "x = '''a\nb'''\n"),
        ("x = '# a'\n", "x = '# b'\n"),
        ("x = f'''{1}\n\n'''\n", "x = f'''{1}\n'''\n"),
        ("def f():\n    'a'\n    'b'\n", "def f():\n    'a'\n    'c'\n"),
        ("x = 'a'\n'b'\n", "x = 'a'\n'c'\n"),
    ],
)
def test_what_may_change_behaviour_changes_the_form(one: str, other: str) -> None:
    assert form(one) != form(other)


def test_a_module_of_docstrings_has_an_empty_form() -> None:
    assert form('"""Only this."""\n# and this\n') == ""


@given(
    st.lists(
        st.sampled_from(["x = 1", "", "  ", "# c", "def f():\n    'd'\n    return 1", "y = '''\n\n'''"]), max_size=8
    )
)
def test_any_mixture_keeps_its_tree(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = form(text)
    assert ast.dump(ast.parse(found)) == without_docstrings(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = \n", "line 1: invalid syntax"),
        (b"x = '\xff'\n", "is not readable"),
        (b"# coding: nonsense\n", "is not readable"),
        (b"x = 1\0\n", "null bytes"),
    ],
)
def test_what_is_no_python_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(PatchError, match=message) as caught:
        form(content)
    assert caught.value.where == "a.py"


READS_WHAT_IS_LEFT_OUT = {
    "__doc__", "getdoc", "getcomments", "cleandoc",  # docstrings and comments
    "getsource", "getsourcelines", "getsourcefile", "findsource", "getfile", "get_source", "get_data", "linecache",
    "__file__", "__cached__", "__loader__", "co_filename", "jit",  # source text; torch.jit reads type comments too
    "co_firstlineno", "co_lines", "f_lineno", "tb_lineno", "_getframe", "currentframe", "getframeinfo",  # line numbers
}  # fmt: skip


@pytest.mark.parametrize("path", OVERLAY, ids=lambda path: path.name)
def test_no_module_of_the_overlay_reads_what_its_form_leaves_out(path: Path) -> None:
    """Docstrings, paths and source text are not in the normal form, so nothing may depend on them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names |= texts - {"__file__"}  # a function of the upstream is asked for its own file, which is pinned
    assert not names & READS_WHAT_IS_LEFT_OUT


HASHES = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from harness.runs.normal_form import decoded, normal_form, parsed
for path in sys.argv[2:]:
    text = decoded(open(path, "rb").read(), path)
    print(hashlib.sha256(normal_form(text, parsed(text, path)).encode()).hexdigest())
"""


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13", "3.14"])
def test_another_python_finds_the_same_forms(version: str) -> None:
    """Tokens of strings changed in Python 3.12; a key must not."""
    managed = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
    python = str(managed[-1]) if managed else shutil.which(f"python{version}")
    command = [python or "", "-B", "-c", HASHES, str(ROOT), *map(str, [*OVERLAY, *FORMER])]
    done = subprocess.run(command, capture_output=True, text=True) if python else None
    if done is None or (done.returncode and "harness" not in done.stderr):
        pytest.skip(f"no Python {version} available")
    assert done.returncode == 0, done.stderr
    ours = [sha256_bytes(form(path.read_bytes()).encode()) for path in [*OVERLAY, *FORMER]]
    assert done.stdout.split() == ours

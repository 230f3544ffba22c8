"""Source trees of real repositories: an upstream with another repository next to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.core.config import load as load_config
from harness.core.errors import SourceError
from harness.runs.source_tree import SourceTree

TOML = """
[environments.numpy]
kind = "inherit"

[upstreams.toy]
url = "{toy}"
commit = "{toy_commit}"
code = ["/*.py", "/tool"]

[upstreams.toy.beside.tool]
url = "{tool}"
commit = "{tool_commit}"
code = ["/*.py"]
"""


def repository(folder: Path, **files: str) -> str:
    """A repository with one commit; its hash."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)

    def git(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "files")
    return git("rev-parse", "HEAD")


def tree(root: Path) -> SourceTree:
    """The tree of `toy`, with `tool` next to it."""
    commits = {f"{name}_commit": repository(root / name, main=f"this = '{name}'\n") for name in ("toy", "tool")}
    (root / "harness.toml").write_text(TOML.format(toy=root / "toy", tool=root / "tool", **commits))
    (root / "patches" / "toy").mkdir(parents=True)
    (root / "patches" / "toy" / "series").write_text("")
    (root / "patches" / "overlay").mkdir()
    (root / "patches" / "overlay" / "__init__.py").write_text("")
    return SourceTree(load_config(root, {}), "toy")


def test_a_companion_lies_in_the_tree_under_its_name_and_is_pinned(tmp_path: Path) -> None:
    made = tree(tmp_path)
    folder = made.path
    assert (folder / "main.py").read_text() == "this = 'toy'\n"
    assert (folder / "tool" / "main.py").read_text() == "this = 'tool'\n"
    assert made.beside == {"beside": {"tool": made.upstream.beside["tool"].commit}}
    assert made.is_intact()
    (folder / "tool" / "main.py").write_text("this = 'changed'\n")
    assert not made.is_intact()
    again = SourceTree(made.config, "toy")
    assert (again.path / "tool" / "main.py").read_text() == "this = 'tool'\n"


def test_an_upstream_with_files_where_its_companion_goes_is_refused(tmp_path: Path) -> None:
    made = tree(tmp_path)
    toy = tmp_path / "toy"
    (toy / "tool").symlink_to("/etc")
    subprocess.run(["git", "add", "."], cwd=toy, check=True)
    words = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "link"]
    subprocess.run(words, cwd=toy, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=toy, capture_output=True, text=True, check=True)
    toml = tmp_path / "harness.toml"
    toml.write_text(toml.read_text().replace(made.pin.commit, head.stdout.strip()))
    with pytest.raises(SourceError, match="has files that lead out of its tree: tool -> /etc, tool"):
        _ = SourceTree(load_config(tmp_path, {}), "toy").path


def test_a_companion_that_is_unavailable_is_named(tmp_path: Path) -> None:
    made = tree(tmp_path)
    toml = tmp_path / "harness.toml"
    toml.write_text(toml.read_text().replace(made.upstream.beside["tool"].commit, "e" * 40))
    with pytest.raises(SourceError, match="e" * 40):
        _ = SourceTree(load_config(tmp_path, {}), "toy").path

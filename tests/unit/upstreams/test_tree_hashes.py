"""A source tree by its hashes, and links that would lead out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.upstreams.tree_hashes import is_content, links_out, tree_hashes, tree_is_as_made


def test_a_tree_is_as_made_until_a_file_changes(tmp_path: Path) -> None:
    tree, marker = tmp_path / "tree", tmp_path / "tree.json"
    (tree / "a").mkdir(parents=True)
    (tree / "a" / "x.py").write_text("x = 1\n")
    assert not tree_is_as_made(tree, marker)
    digest = tree_hashes(tree)["a/x.py"]
    marker.write_text(f'{{"a/x.py": "{digest}"}}')
    assert tree_is_as_made(tree, marker)
    assert is_content(tree / "a" / "x.py", digest)
    (tree / "a" / "y.py").touch()
    assert not tree_is_as_made(tree, marker)


@pytest.mark.parametrize(
    ("target", "leads_out"),
    [("x.py", False), ("a/../x.py", False), ("/etc/passwd", True), ("../outside", True), ("a/up", True), ("no", False)],
)
def test_links_that_lead_out_of_a_tree_are_told(tmp_path: Path, target: str, leads_out: bool) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "x.py").touch()
    (tree / "link").symlink_to(target)
    if target == "a/up":
        (tree / "a" / "up").symlink_to("../..")
    found = links_out(tree)
    assert (f"link -> {target}" in found) == leads_out


def test_a_link_to_itself_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    assert links_out(tmp_path) == []

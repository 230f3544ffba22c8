"""An upstream whose own files would lead the harness out of its source tree; nothing of it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hostile
import pytest


def a_link(upstream: Path) -> None:
    (upstream / "out.py").symlink_to(upstream.parent / "secret.txt")


def an_overlay(upstream: Path) -> None:
    """The overlay's files would be written wherever it leads."""
    (upstream / "harness_overlay").symlink_to(".")


@pytest.mark.parametrize(("make", "message"), [(a_link, "out.py -> "), (an_overlay, "harness_overlay")])
def test_a_source_tree_that_leads_out_of_itself_is_refused(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    project = hostile.make(tmp_path / "project", {}, ["deaf"])
    upstream, toml = tmp_path / "upstream", project.folder / "harness.toml"
    before = hostile.committed(upstream, "--allow-empty")
    make(upstream)
    after = hostile.committed(upstream)
    text = toml.read_text()
    commit = next(line for line in text.splitlines() if line.startswith("commit"))
    toml.write_text(text.replace(commit, f'commit = "{after}"').replace('code = ["/*.py"]', 'code = ["/*"]'))
    done = project.run("reproduce", "attacks", "--executor", "local")
    assert done.returncode == 3, done.stdout + done.stderr
    assert message in done.stderr
    assert before not in done.stderr
    assert "Traceback" not in done.stderr
    assert not project.runs.exists()

"""Missing data files: they are reported before anything is created."""

from __future__ import annotations

from collections.abc import Iterable

from projects import Project


def check_named_before_anything_starts(project: Project, artifact: str, datasets: str, names: Iterable[str]) -> None:
    """`harness reproduce` ends with status 3 and says where each file may be put; no environment is made."""
    cache = project.folder / "c"
    env = {**project.env, "HARNESS_DATA_MIRROR": "/nowhere/{name}", "HARNESS_CACHE": str(cache)}
    project = Project(project.folder, env)
    done = project.run("reproduce", artifact, "--where", f"dataset={datasets}", timeout=600)
    assert done.returncode == 3
    for name in names:
        assert f"{project.folder / 'data' / name}" in "".join((done.stdout + done.stderr).split())  # lines are wrapped
    assert not (cache / "environments").exists()

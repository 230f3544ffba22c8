"""Puts the project's recipes, patches and locks into the package, in `harness/shipped`; pyproject.toml has the rest.

They are at the top of the repository, where people look for them; an installed package has no repository.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PARTS = ("harness.toml", "recipes", "patches", "dockerfiles")


class WithProject(build_py):
    """Copies the project's files beside the modules; an editable installation reads them where they are."""

    def run(self) -> None:
        """Build as usual, then copy."""
        super().run()
        if self.editable_mode:
            return
        shipped = Path(self.build_lib) / "harness" / "shipped"
        shutil.rmtree(shipped, ignore_errors=True)
        shipped.mkdir(parents=True)
        for name in PARTS:
            if Path(name).is_dir():
                shutil.copytree(name, shipped / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(name, shipped / name)


setup(cmdclass={"build_py": WithProject})

"""The source tree of a run: an upstream at its pin, with its patch series applied and the overlay added.

A tree is created once per content and verified by hashes before each use, since a run could have written to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import SourceError
from harness.core.files import canonical_json, disk_errors, locked, sha256_bytes, write_json
from harness.core.project_file import Upstream
from harness.core.project_folders import find
from harness.runs import overlay
from harness.upstreams import checkout
from harness.upstreams.patches import series as patches
from harness.upstreams.patches.format import effect
from harness.upstreams.pins import clone_of, pin_of
from harness.upstreams.tree_hashes import links_out, tree_hashes, tree_is_as_made


@dataclass(frozen=True)
class SourceTree:
    """The code of one upstream's runs; everything is created at most once and kept in the cache.

    Attributes:
        name: the upstream's short name in harness.toml.
    """

    config: Config
    name: str

    @property
    def upstream(self) -> Upstream:
        """Its entry in harness.toml."""
        return self.config.upstream(self.name)

    @property
    def pin(self) -> checkout.Pin:
        """The upstream at its commit."""
        return pin_of(self.config, self.name)

    @cached_property
    def clone(self) -> Path:
        """The bare clone of the upstream."""
        return clone_of(self.config, self.name)

    @cached_property
    def series(self) -> patches.Series:
        """The patch series of the upstream."""
        return patches.load(find(self.config.root, f"patches/{self.name}"))

    @cached_property
    def effects(self) -> Mapping[str, str]:
        """Hash of each patch's effect on the pinned files, by patch name."""
        return {patch.name: effect(patch) for patch in self.series.patches}

    @cached_property
    def overlay(self) -> overlay.Overlay:
        """All overlay modules, and those that the patch series imports."""
        return overlay.of_project(self.config.root, overlay.inserted_imports(self.series.patches))

    @property
    def beside(self) -> dict[str, dict[str, str]]:
        """`beside` with the commit of each companion by name; empty if the upstream has none."""
        commits = {name: companion.commit for name, companion in self.upstream.beside.items()}
        return {"beside": commits} if commits else {}

    @cached_property
    def path(self) -> Path:
        """The folder of the patched tree, created if needed.

        Raises:
            SourceError: the upstream is unavailable, or differs from its pin. PatchError: a patch does not apply.
        """
        modules = {name: module.sha256 for name, module in self.overlay.modules.items()}
        content = {"commit": self.pin.commit, "patches": self.effects, "overlay": modules, **self.beside}
        digest = sha256_bytes(canonical_json(content).encode())[:12]
        folder = self.config.cache / "trees" / f"{self.name}-{digest}"
        with locked(folder):
            marker = folder.with_suffix(".json")
            if not tree_is_as_made(folder, marker):
                marker.unlink(missing_ok=True)
                write_json(marker, self.make(folder))
        return folder

    def make(self, folder: Path) -> dict[str, str]:
        """Check out, patch, add companions and overlay; return the hashes of all files."""
        package, companions = overlay.PACKAGE, self.upstream.beside
        checkout.checkout(self.clone, self.pin, self.upstream.code, folder)
        self.refuse(links_out(folder) + [name for name in (package, *companions) if os.path.lexists(folder / name)])
        patches.apply(self.series, folder)
        for name, companion in companions.items():
            pin = checkout.Pin(name, companion.url, companion.commit)
            clone = checkout.clone(pin, self.config.cache, self.config.git_mirror)
            checkout.checkout(clone, pin, companion.code, folder / name)
            self.refuse(links_out(folder))
        with disk_errors(folder):
            for name, module in self.overlay.modules.items():
                target = folder / package / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(module.content)
        return tree_hashes(folder)

    def refuse(self, invalid: list[str]) -> None:
        """Refuse a checkout with links to the outside, or with files in places of the harness's own files.

        Raises:
            SourceError: with their names.
        """
        if invalid:
            what = f"has files that lead out of its tree: {', '.join(invalid)}"
            raise SourceError(self.name, what, "exclude these files from `code` in harness.toml")

    def is_intact(self) -> bool:
        """Whether the tree still has exactly the original files."""
        return tree_is_as_made(self.path, self.path.with_suffix(".json"))

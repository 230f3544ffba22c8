"""From pinned names to folders that a run can start in: source tree, data, environment.

A source tree is the upstream at its pin with one patch series applied and the overlay beside it; it is made once per
content and looked over before each use, since a run could have written into it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import DatasetError, SourceError
from harness.core.files import canonical_json, disk_errors, locked, sha256_bytes, write_json, write_whole
from harness.core.git import blob_hash
from harness.core.project_file import Upstream
from harness.executors.backends import Backend
from harness.executors.base import PreparedRun
from harness.executors.run_folder import RunFolder
from harness.recipes.checkpoints import Checkpoint
from harness.recipes.datasets import Dataset
from harness.recipes.recipe import Recipe
from harness.recipes.systems import AddedSystem, LossFile
from harness.runs import equivalence, overlay
from harness.runs.data_generation import generate
from harness.runs.keys import Pinned
from harness.runs.plan import Run
from harness.runs.weights import WeightsCache
from harness.upstreams import checkout, data_fetch
from harness.upstreams.patches import series as patches
from harness.upstreams.patches.format import effect
from harness.upstreams.pins import clone_of, pin_of
from harness.upstreams.tree_hashes import is_content, links_out, tree_hashes, tree_is_as_made


@dataclass(frozen=True)
class Workspace:
    """Makes what the runs of one recipe need; everything is made at most once and kept in the cache.

    Attributes:
        surroundings: packages, and what carries runs out.
    """

    config: Config
    recipe: Recipe
    backend: Backend
    threads: int
    timeout_s: float
    _data: dict[Dataset, Path] = field(default_factory=dict)

    @property
    def upstream(self) -> Upstream:
        """The recipe's upstream."""
        return self.config.upstream(self.recipe.upstream)

    @property
    def pin(self) -> checkout.Pin:
        """The recipe's upstream at its commit."""
        return pin_of(self.config, self.recipe.upstream)

    @cached_property
    def series(self) -> patches.Series:
        """The patch series of the upstream."""
        return patches.load(self.config.root / "patches" / self.recipe.upstream)

    @cached_property
    def pinned(self) -> Pinned:
        """All pinned content, by hash; nothing is fetched for it."""
        if self.recipe.checkpoints:
            self.config.release(self.recipe.checkpoints.release)  # an unknown one is told before anything is fetched
        return Pinned(
            commit=self.upstream.commit,
            patches={p.name: effect(p) for p in self.series.patches},
            overlay=self.overlay,
            environment=self.backend.identity,
            equivalence=equivalence.read(self.config.root),
        )

    @cached_property
    def overlay(self) -> overlay.Overlay:
        """Our modules beside the code, all of them, and those that the patch series imports."""
        return overlay.read(self.config.root / overlay.FOLDER, overlay.inserted_imports(self.series.patches))

    @cached_property
    def clone(self) -> Path:
        """The bare clone of the upstream."""
        return clone_of(self.config, self.recipe.upstream)

    @property
    def python(self) -> Path:
        """The interpreter of the environment, as runs call it."""
        return self.backend.python

    @cached_property
    def tree(self) -> Path:
        """The patched source tree, made if need be."""
        modules = {name: module.sha256 for name, module in self.overlay.modules.items()}
        content = {"commit": self.pin.commit, "patches": self.pinned.patches, "overlay": modules}
        digest = sha256_bytes(canonical_json(content).encode())[:12]
        folder = self.config.cache / "trees" / f"{self.recipe.upstream}-{digest}"
        with locked(folder):
            marker = folder.with_suffix(".json")
            if not tree_is_as_made(folder, marker):
                marker.unlink(missing_ok=True)
                write_json(marker, self.make_tree(folder))
        return folder

    def make_tree(self, folder: Path) -> dict[str, str]:
        """Check out, patch and add the overlay; return the hashes of all files."""
        checkout.checkout(self.clone, self.pin, self.upstream.code, folder)
        package = overlay.PACKAGE
        if odd := links_out(folder) + [package] * os.path.lexists(folder / package):
            what = f"has what would lead the harness out of its tree: {', '.join(odd)}"
            raise SourceError(self.recipe.upstream, what, "leave these files out of `code` in harness.toml")
        patches.apply(self.series, folder)
        with disk_errors(folder):
            for name, module in self.overlay.modules.items():
                target = folder / package / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(module.content)
        return tree_hashes(folder)

    def data(self, dataset: Dataset) -> Path:
        """The folder with a dataset's files, each checked by hash, their counts by the recipe's.

        Raises:
            SourceError, DatasetError: a file cannot be had or is another one.
        """
        if dataset not in self._data:
            self._data[dataset] = self.make_data(dataset)
        return self._data[dataset]

    def make_data(self, dataset: Dataset) -> Path:
        """Put a dataset's files together; see `data`."""
        made: dict[str, bytes] = {}

        def read(name: str) -> bytes:
            file = next(f for f in dataset.files if f.name == name)
            if file.path or file.url:
                return data_fetch.read(self.config, file, lambda: (self.clone, self.pin))
            if not made:
                made.update(generate(dataset, read, self.tree, self.backend, self.timeout_s))
            return made[name]

        return data_fetch.materialise(self.config, dataset, read)

    def work(self, run: Run) -> RunFolder:
        """The run's folder while it is under way."""
        return RunFolder(self.config.cache / "work" / run.key)

    def prepare(self, run: Run, dataset: Dataset) -> PreparedRun:
        """A run folder, empty but for the checkpoint, and the command with real folders in it.

        Raises:
            SourceError, DatasetError, PatchError, SetupError, StoreError: whatever cannot be had.
        """
        data, tree, python = self.data(dataset), self.tree, self.python
        folder = self.work(run)
        mark = f"{run.key}@{folder.path}"
        if folder.path.exists():
            self.backend.end_leftovers(mark)
        with disk_errors(folder.path):
            folder.renew()
        checkpoint = self.recipe.checkpoint(run.dataset, run.system, dataset.checkpoint) if run.checkpoint else None
        if run.depends_on is not None:
            write_whole(folder.out / run.depends_on.produces, self.made.read(run.depends_on))
        elif checkpoint is not None:
            write_whole(folder.out / checkpoint.name, self.checkpoint(checkpoint))
        loss = self.loss_file(run)
        if loss:
            write_whole(folder.loss, loss.read_bytes())
        words = [
            w.replace("$DATA", str(data)).replace("$OUT", str(folder.out)).replace("$LOSS", str(loss))
            for w in run.command
        ]
        if words[0] == "python":
            words[0] = str(python)
        env = {**self.backend.variables(self.threads), "HARNESS_PROBE_DIR": str(folder.path)}
        reads = self.reads(run, dataset)
        return PreparedRun(run.key, run.label, tuple(words), tree, env, folder, mark, self.timeout_s, reads)

    def reads(self, run: Run, dataset: Dataset) -> dict[str, Path]:
        """What a run may read, by name."""
        losses = [("loss", self.loss_path(digest).parent) for digest in run.inputs.get("loss", {}).values()]
        return {"source": self.tree, "data": self.data(dataset), **dict(losses)}

    @property
    def made(self) -> WeightsCache:
        """WeightsCache that runs made for others."""
        return WeightsCache(self.config.cache / "weights")

    def loss_file(self, run: Run) -> Path | None:
        """The copy of a run's own loss that the cache keeps by content, None where the loss is nobody's own.

        The user's file may change while runs wait, the copy may not. It keeps its name, for messages.
        """
        for digest in run.inputs.get("loss", {}).values():
            path = self.loss_path(digest)
            if not is_content(path, digest):
                write_whole(path, self.losses[digest].content)
            return path
        return None

    def loss_path(self, digest: str) -> Path:
        """Where the copy of a file with this SHA-256 lies."""
        return self.config.cache / "losses" / digest / Path(self.losses[digest].path).name

    @cached_property
    def losses(self) -> dict[str, LossFile]:
        """Files with losses of one's own, as they were when the command line was read, by SHA-256."""
        added = (s.file for s in self.recipe.systems.values() if isinstance(s, AddedSystem))
        return {file.sha256: file for file in added if file}

    def is_intact(self, run: Run, dataset: Dataset) -> bool:
        """Whether what a run started from is still all there and unchanged."""
        data = self._data.get(dataset)
        there = data is not None and all((data / f.name).is_file() for f in dataset.files)
        there &= all(is_content(self.loss_path(digest), digest) for digest in run.inputs.get("loss", {}).values())
        return there and self.backend.is_whole() and tree_is_as_made(self.tree, self.tree.with_suffix(".json"))

    @cached_property
    def weights(self) -> tuple[Path, checkout.Pin]:
        """Where checkpoints lie, as clone and pin: a release if the recipe names one, else the upstream itself."""
        if self.recipe.checkpoints is None:
            return self.clone, self.pin
        name = self.recipe.checkpoints.release
        release = self.config.release(name)
        return data_fetch.cloned(self.config, checkout.Pin(name, release.url, release.commit))

    def checkpoint(self, checkpoint: Checkpoint) -> bytes:
        """The bytes of a checkpoint, checked against its pin.

        Raises:
            SourceError: the mirror lacks it. DatasetError: it is another file.
        """
        data = checkout.read_blob(*self.weights, checkpoint.path)
        found = f"sha256:{sha256_bytes(data)}" if checkpoint.sha256 else f"blob:{blob_hash(data)}"
        if found != checkpoint.content:
            fix = "the recipe pins another file: correct its hash, or the mirror"
            raise DatasetError(checkpoint.path, f"is {found}, expected {checkpoint.content}", fix)
        return data

    def symbols(self, run: Run, dataset: Dataset) -> dict[str, str]:
        """Folders, as a run sees them and as this machine does, and what stands for them in a stored log."""
        work, reads = self.work(run), self.reads(run, dataset)
        pairs = {
            work.out: "$OUT", work.path: "$RUN", self.tree: "$TREE", self.data(dataset): "$DATA",
            self.python.parent.parent: "$ENVIRONMENT", self.config.cache: "$CACHE", self.config.root: "$PROJECT",
            Path.home(): "$HOME",
        }  # fmt: skip
        pairs |= {self.loss_path(digest): "$LOSS" for digest in run.inputs.get("loss", {}).values()}
        seen = {self.backend.shown(path, work, reads): symbol for path, symbol in pairs.items()}
        seen |= {str(path): symbol for path, symbol in pairs.items()}
        return {path: symbol for path, symbol in seen.items() if path != "/"}

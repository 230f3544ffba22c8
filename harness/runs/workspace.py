"""Prepares what a run needs: source tree, data, weights, custom loss, environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.core.config import Config
from harness.core.errors import DatasetError
from harness.core.files import disk_errors, sha256_bytes, write_whole
from harness.core.git import blob_hash
from harness.executors.backends import Backend
from harness.executors.base import PreparedRun
from harness.executors.run_folder import RunFolder
from harness.recipes.checkpoints import Checkpoint
from harness.recipes.datasets import Dataset
from harness.recipes.recipe import Recipe
from harness.recipes.systems import AddedSystem, LossFile
from harness.runs import equivalence
from harness.runs.data_generation import generate
from harness.runs.keys import Pinned
from harness.runs.plan import Run
from harness.runs.source_tree import SourceTree
from harness.runs.under_way import work_folder
from harness.runs.weights import WeightsCache
from harness.upstreams import checkout, data_fetch
from harness.upstreams.tree_hashes import is_content


@dataclass(frozen=True)
class Workspace:
    """The inputs of one recipe's runs; everything is created at most once and kept in the cache.

    Attributes:
        backend: packages and executor.
        others: of systems with another environment, by name.
    """

    config: Config
    recipe: Recipe
    backend: Backend
    threads: int
    timeout_s: float
    others: Mapping[str, Backend] = field(default_factory=dict)
    _data: dict[Dataset, Path] = field(default_factory=dict)

    @cached_property
    def source(self) -> SourceTree:
        """The source code of runs."""
        return SourceTree(self.config, self.recipe.upstream)

    @cached_property
    def pinned(self) -> Pinned:
        """All pinned content by hash; fetches nothing."""
        if self.recipe.checkpoints:
            self.config.release(
                self.recipe.checkpoints.release
            )  # an unknown release is reported before anything is fetched
        return Pinned(
            commit=self.source.upstream.commit,
            patches=self.source.effects,
            overlay=self.source.overlay,
            environment=self.backend.identity,
            environments={name: other.identity for name, other in self.others.items()},
            beside=self.source.beside,
            equivalence=equivalence.read(self.config.root),
        )

    def backend_of(self, run: Run) -> Backend:
        """Packages and executor of a run."""
        return self.others[run.environment] if run.environment else self.backend

    def data(self, dataset: Dataset) -> Path:
        """The folder with a dataset's files, each verified by hash, counts verified by the recipe.

        Raises:
            SourceError, DatasetError: a file is unavailable or has other content.
        """
        if dataset not in self._data:
            self._data[dataset] = self.make_data(dataset)
        return self._data[dataset]

    def make_data(self, dataset: Dataset) -> Path:
        """Collect a dataset's files; see `data`."""
        made: dict[str, bytes] = {}

        def read(name: str) -> bytes:
            file = next(f for f in dataset.files if f.name == name)
            if file.has_place:
                return data_fetch.read(self.config, file, lambda: (self.source.clone, self.source.pin))
            if not made:
                made.update(generate(dataset, read, self.source.path, self.backend, self.timeout_s))
            return made[name]

        return data_fetch.materialise(self.config, dataset, read)

    def work(self, run: Run) -> RunFolder:
        """The folder of an active run."""
        return work_folder(self.config.cache, run.key)

    def prepare(self, run: Run, dataset: Dataset) -> PreparedRun:
        """A run folder, empty except for the checkpoint, and the command with real folders.

        Raises:
            SourceError, DatasetError, PatchError, SetupError, StoreError: an input is unavailable.
        """
        data, tree, backend = self.data(dataset), self.source.path, self.backend_of(run)
        folder = self.work(run)
        mark = f"{run.key}@{folder.path}"
        if folder.path.exists():
            backend.end_leftovers(mark)
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
            words[0] = str(backend.python)
        env = {**backend.variables(self.threads), "HARNESS_PROBE_DIR": str(folder.path)}
        reads = self.reads(run, dataset)
        return PreparedRun(run.key, run.label, tuple(words), tree, env, folder, mark, self.timeout_s, reads)

    def reads(self, run: Run, dataset: Dataset) -> dict[str, Path]:
        """Files and folders that a run may read, by name."""
        losses = [("loss", self.loss_path(digest).parent) for digest in run.inputs.get("loss", {}).values()]
        return {"source": self.source.path, "data": self.data(dataset), **dict(losses)}

    @property
    def made(self) -> WeightsCache:
        """The weights that runs made for others."""
        return WeightsCache(self.config.cache / "weights")

    def loss_file(self, run: Run) -> Path | None:
        """The cached copy of a run's custom loss by content, or None.

        Unlike the user's file, the copy does not change while runs wait. It keeps the name, for messages.
        """
        for digest in run.inputs.get("loss", {}).values():
            path = self.loss_path(digest)
            if not is_content(path, digest):
                write_whole(path, self.losses[digest].content)
            return path
        return None

    def loss_path(self, digest: str) -> Path:
        """The path of the copy of a file with this SHA-256."""
        return self.config.cache / "losses" / digest / Path(self.losses[digest].path).name

    @cached_property
    def losses(self) -> dict[str, LossFile]:
        """Files with custom losses, as read with the command line, by SHA-256."""
        added = (s.file for s in self.recipe.systems.values() if isinstance(s, AddedSystem))
        return {file.sha256: file for file in added if file}

    def is_intact(self, run: Run, dataset: Dataset) -> bool:
        """Whether the inputs of a run still exist unchanged."""
        data = self._data.get(dataset)
        there = data is not None and all((data / f.name).is_file() for f in dataset.files)
        there &= all(is_content(self.loss_path(digest), digest) for digest in run.inputs.get("loss", {}).values())
        return there and self.backend_of(run).is_whole() and self.source.is_intact()

    @cached_property
    def weights(self) -> tuple[Path, checkout.Pin]:
        """Clone and pin that hold checkpoints: a release if the recipe names one, else the upstream."""
        if self.recipe.checkpoints is None:
            return self.source.clone, self.source.pin
        name = self.recipe.checkpoints.release
        release = self.config.release(name)
        return data_fetch.cloned(self.config, checkout.Pin(name, release.url, release.commit))

    def checkpoint(self, checkpoint: Checkpoint) -> bytes:
        """The bytes of a checkpoint, checked against its pin.

        Raises:
            SourceError: the mirror lacks it. DatasetError: it has other content.
        """
        data = checkout.read_blob(*self.weights, checkpoint.path)
        found = f"sha256:{sha256_bytes(data)}" if checkpoint.sha256 else f"blob:{blob_hash(data)}"
        if found != checkpoint.content:
            fix = "the recipe pins another file: correct its hash, or the mirror"
            raise DatasetError(checkpoint.path, f"is {found}, expected {checkpoint.content}", fix)
        return data

    def symbols(self, run: Run, dataset: Dataset) -> dict[str, str]:
        """Folders, as seen by a run and by this machine, with their symbols in a stored log."""
        work, reads, backend = self.work(run), self.reads(run, dataset), self.backend_of(run)
        pairs = {
            work.out: "$OUT", work.path: "$RUN", self.source.path: "$TREE", self.data(dataset): "$DATA",
            backend.python.parent.parent: "$ENVIRONMENT", self.config.cache: "$CACHE", self.config.root: "$PROJECT",
            Path.home(): "$HOME",
        }  # fmt: skip
        pairs |= {self.loss_path(digest): "$LOSS" for digest in run.inputs.get("loss", {}).values()}
        seen = {backend.shown(path, work, reads): symbol for path, symbol in pairs.items()}
        seen |= {str(path): symbol for path, symbol in pairs.items()}
        return {path: symbol for path, symbol in seen.items() if path != "/"}

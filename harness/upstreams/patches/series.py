"""A series of patches: loaded, checked, and applied exactly or not at all.

Git alone does not suffice: `git apply --unidiff-zero` inserts by line number, checks no hash, applies a second time and
appends lines to a last line without a newline, all with exit status 0. So every file's blob is compared before and
after each patch with the patch's index line, and at the end no line may be deleted and no other file changed.
Refused: fuzz, three-way merges, another commit than the one in the header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from harness.core.errors import PatchError, near_misses
from harness.core.files import sha256_bytes
from harness.core.git import blob_hash, last_line, must_git, run_git
from harness.upstreams.checkout import Pin, checkout
from harness.upstreams.patches.format import NO_BLOB, Patch, parse

SERIES_FILE = "series"
NAME = re.compile(r"(\d{4})-[a-z0-9][a-z0-9-]*\.patch")


@dataclass(frozen=True)
class Series:
    """The patches of an upstream in order; `problems` are those of the series file found by lint."""

    upstream: str
    folder: Path
    patches: tuple[Patch, ...]
    problems: tuple[str, ...] = field(default=(), compare=False)

    @property
    def sha256(self) -> str:
        """Identity of the series: names, order and content of its patches."""
        return sha256_bytes("\n".join(f"{patch.name} {patch.sha256}" for patch in self.patches).encode())

    def upto(self, name: str) -> Series:
        """The series without patches after `name`: what to apply before refreshing that patch."""
        return replace(self, patches=self.patches[: self.position(name) + 1])

    def position(self, name: str) -> int:
        """Position of a patch in the series, from 0.

        Raises:
            PatchError: if there is none of that name.
        """
        names = [patch.name for patch in self.patches]
        if name not in names:
            raise PatchError(str(self.folder), f"no patch {name!r}", near_misses(name, names))
        return names.index(name)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that the series touches, sorted."""
        return tuple(sorted({file.path for patch in self.patches for file in patch.files}))


def load(folder: Path) -> Series:
    """The series of `patches/<upstream>/`, in the order of its file `series`.

    Raises:
        PatchError: if there is no series or a patch is unreadable; refusals are left to `lint`.
    """
    listing = folder / SERIES_FILE
    try:
        lines = [line.partition("#")[0].strip() for line in listing.read_text(encoding="utf-8").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise PatchError(str(listing), f"is not readable: {error}", "list one patch per line, in order") from error
    patches, problems = [], []
    for number, name in ((number, name) for number, name in enumerate(lines, start=1) if name):
        if (folder / name).parent != folder or not (folder / name).is_file():
            problems.append(f"{listing}:{number}: no patch {name!r} in {folder}")
        else:
            patches.append(parse(folder / name))
    listed = {SERIES_FILE, *lines}
    problems += [f"{path}: not in {listing}" for path in sorted(folder.glob("*")) if path.name not in listed]
    return Series(folder.name, folder, tuple(patches), tuple(problems))


def lint(series: Series) -> list[str]:
    """The problems of a series, each as `place: what`; empty if it may be applied."""
    problems = list(series.problems)
    listed = [patch.name for patch in series.patches]
    numbers = [NAME.fullmatch(name) for name in listed]
    for name in (name for name, number in zip(listed, numbers, strict=True) if not number):
        problems.append(f"{series.folder / name}: name must be NNNN-what-it-does.patch")
    order = [int(number[1]) for number in numbers if number]
    if any(one >= two for one, two in pairwise(order)):
        problems.append(f"{series.folder / SERIES_FILE}: numbers do not ascend: {' '.join(listed)}")
    return problems + [problem for patch in series.patches for problem in patch.problems] + _chain_problems(series)


def apply(series: Series, tree: Path) -> str:
    """Apply the whole series to a fresh checkout and return the identity of the patched tree (a Git tree hash).

    Raises:
        PatchError: if anything differs from the patches; the tree must then be discarded.
    """
    require_fit(series, tree)
    for patch in series.patches:
        _require_blobs(series, patch, tree, after=False)
        answer = run_git(tree, "apply", "--unidiff-zero", "--index", str(patch.path.absolute()))
        if answer.status:
            raise PatchError(str(patch.path), f"git apply: {last_line(answer.err)}", _suggest_fix(series, patch))
        _require_blobs(series, patch, tree, after=True)
    _require_insertions_only(series, tree)
    return must_git(tree, "write-tree", "--missing-ok").text


def require_fit(series: Series, tree: Path) -> None:
    """Refuse a series with problems, or a tree at another commit than the patches'.

    Raises:
        PatchError: with every problem found by lint, or both commits.
    """
    if problems := lint(series):
        raise PatchError(str(series.folder), "refused by lint:\n  " + "\n  ".join(problems), "correct the patches")
    head = must_git(tree, "rev-parse", "HEAD").text
    for patch in series.patches:
        if patch.commit != head:
            what = f"is made for {series.upstream} at {patch.commit}, but the tree is at {head}"
            raise PatchError(str(patch.path), what, _suggest_fix(series, patch))


def verify(series: Series, clone: Path, pin: Pin, scratch: Path) -> str:
    """Apply the series to only the files it touches, checked out in `scratch`; return the patched tree's identity.

    Raises:
        PatchError: as `apply`.
        SourceError: as `checkout`.
    """
    created = {file.path for patch in series.patches for file in patch.files if file.pre_blob == NO_BLOB}
    wanted = tuple(f"/{path}" for path in series.paths if path not in created)
    return apply(series, checkout(clone, pin, wanted, scratch))


def describe(patch: Patch) -> str:
    """A patch for a reader: its header, and per file the number of added lines and both blobs."""
    lines = [f"{patch.name}  sha256 {patch.sha256}"]
    lines += [f"{key + ':':<10} " + value.replace("\n", "\n" + " " * 11) for key, value in patch.header.items()]
    for file in patch.files:
        before = "new file" if file.pre_blob == NO_BLOB else file.pre_blob[:12]
        lines.append(f"  {file.path}  +{file.added} in {len(file.hunks)} place(s)  {before} -> {file.post_blob[:12]}")
    return "\n".join(lines)


def _chain_problems(series: Series) -> list[str]:
    """Patches that do not continue from the preceding ones, or that disagree on the upstream."""
    problems, blobs = [], dict[str, str]()
    for patch in series.patches:
        for file in patch.files:
            if blobs.setdefault(file.path, file.pre_blob) != file.pre_blob:
                before = blobs[file.path]
                problems.append(f"{patch.path}: {file.path} starts from {file.pre_blob}, the series is at {before}")
            blobs[file.path] = file.post_blob
        name, first = patch.header.get("Upstream"), series.patches[0].header.get("Upstream")
        if name != first or (name and name.partition(" ")[0] != series.upstream):
            problems.append(f"{patch.path}: is for {name!r}, in a series of {series.upstream!r} for {first!r}")
    return problems


def _require_blobs(series: Series, patch: Patch, tree: Path, *, after: bool) -> None:
    """Compare each file of a patch with its blob before, or after, the patch.

    Raises:
        PatchError: with patch, file, both hashes and the pinned commit.
    """
    for file in patch.files:
        wanted = file.post_blob if after else file.pre_blob
        found = blob_hash((tree / file.path).read_bytes()) if (tree / file.path).is_file() else NO_BLOB
        if found != wanted:
            state = "after it" if after else ("already applied" if found == file.post_blob else "before it")
            what = f"{file.path} at {series.upstream} {patch.commit} ({state}): expected blob {wanted}, found {found}"
            raise PatchError(str(patch.path), what, _suggest_fix(series, patch))


def _require_insertions_only(series: Series, tree: Path) -> None:
    """Check with Git the total effect of the series: no deletion, no other file, nothing outside the index.

    Raises:
        PatchError: with the files.
    """
    numstat = must_git(tree, "diff", "--no-ext-diff", "--numstat", "-z", "HEAD").out.decode(errors="replace")
    rows = [row.split("\t", 2) for row in numstat.split("\0") if row]
    deleting = [path for _, deleted, path in rows if deleted != "0"]
    if deleting:
        what = f"lines deleted, or appended to a last line without a newline, in {', '.join(deleting)}"
        raise PatchError(str(series.folder), what, "insert before the last line of such a file")
    others = sorted({path for _, _, path in rows} - set(series.paths))
    if others or run_git(tree, "diff", "--quiet", "--no-ext-diff").status:
        what = f"the tree has other changes: {', '.join(others) or 'not in the index'}"
        raise PatchError(str(tree), what, "apply a series to a fresh checkout")


def _suggest_fix(series: Series, patch: Patch) -> str:
    """The fix for a patch that does not apply."""
    return (
        "use a fresh checkout of the pinned commit; if the pin has moved, insert the lines by hand and run"
        f" `harness patch refresh {series.upstream} {patch.name}`"
    )

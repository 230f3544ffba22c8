"""Writes patches: the next one from an edited tree, and a series rebased over a change below it.

Insertions are computed here without Git and compared with the blobs in the patches. An insertion is moved
only to the unique position with unchanged neighbouring lines; if there is none, or several, a person decides.
Refused: deletions and binary files. Nothing is written before all insertions are known to fit.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.core.errors import PatchError
from harness.core.files import write_whole
from harness.core.git import blob_hash, must_git, run_git
from harness.upstreams.patches.format import KEYS, NO_BLOB, FilePatch, Hunk, Patch, parse, render
from harness.upstreams.patches.series import NAME, SERIES_FILE, Series, load, require_fit

Texts = dict[str, str]  # path to content; a missing file has no entry


def new(series_folder: Path, tree: Path, name: str, header: dict[str, str]) -> Path:
    """Write the next patch of a series from an edited tree with the series applied.

    Untracked files become new files, so remove unrelated ones first.
    Args:
        name: its purpose, in lower case with hyphens; the number is added.
        header: at least What and Why; Upstream and Version are filled in.

    Raises:
        PatchError: if the edit does more than insert, or the header is incomplete; then nothing is written.
    """
    listing = series_folder / SERIES_FILE
    series = load(series_folder) if listing.exists() else Series(series_folder.name, series_folder, ())
    require_fit(series, tree)
    number = max([int(patch.name[:4]) for patch in series.patches], default=0) + 1
    path = series_folder / f"{number:04d}-{name}.patch"
    if not NAME.fullmatch(path.name):
        raise PatchError(str(path), f"{name!r} is not a valid name", "use lower case, digits and hyphens")
    full = {"Upstream": f"{series.upstream} {_head(tree)}", "Version": "1", **header}
    patch = _checked(path, full, _edits(_states(series.patches, tree)[-1], tree))
    write_whole(path, render(patch.header, patch.files))
    write_whole(listing, (listing.read_text(encoding="utf-8") if listing.exists() else "") + path.name + "\n")
    return path


def refresh(series: Series, tree: Path, name: str) -> list[Path]:
    """Rewrite one patch from an edited tree with the series up to it; rebase the later ones.

    For a moved pin: check out the new one, insert the first patch by hand, refresh it, continue with the next one.

    Returns:
        The patches with changed text.

    Raises:
        PatchError: if an insertion's position is gone or the edit does more than insert; then nothing is written.
    """
    at, head = series.position(name), _head(tree)
    earlier, later = series.patches[:at], series.patches[at + 1 :]
    base = _states(earlier, tree)[-1]
    edits = _edits(base, tree)
    _require_not_applied(later, edits)
    known = _states(series.patches, tree, at_head=False)[at + 1 :]
    now = _present(tree, {*series.paths, *(edit.path for edit in edits)})
    fresh = [(patch, patch.files) for patch in earlier] + [(series.patches[at], edits)]
    for patch, old in zip(later, known, strict=False):
        files = tuple(_carried(patch, file, old, now) for file in patch.files)
        now |= {file.path: _after(now.get(file.path, ""), file) for file in files}
        fresh.append((patch, files))
    upstream = f"{series.upstream} {head}"
    checked = [_checked(patch.path, {**patch.header, "Upstream": upstream}, files) for patch, files in fresh]
    changed = [patch for patch, (old, _) in zip(checked, fresh, strict=True) if patch.sha256 != old.sha256]
    for patch in changed:
        write_whole(patch.path, render(patch.header, patch.files))
    return [patch.path for patch in changed]


def insert(text: str, hunks: tuple[Hunk, ...]) -> str:
    """The file's text with the insertions, computed without Git: the expected result of the patch.

    Raises:
        ValueError: if an insertion is after the end, or after a last line without a newline.
    """
    old = text.split("\n")
    tail = old.pop()  # the text after the last newline: empty, or a last line without newline
    new: list[str] = []
    done = 0
    for hunk in hunks:
        if hunk.after > len(old):
            raise ValueError(f"line {hunk.after} is the last and has no newline, or does not exist")
        new += [*old[done : hunk.after], *hunk.lines]
        done = hunk.after
    return "\n".join([*new, *old[done:], tail])


def place(old: str, after: int, new: str) -> int:
    """The line of `new` for an insertion after line `after` of `old`: the unique position of its neighbours.

    Three lines on either side (fewer at the ends of the file) must be found, and as many more as make them unique.

    Raises:
        ValueError: if they are not found, or never unique.
    """
    before, target = (["\n^", *text.split("\n"), "\n$"] for text in (old, new))
    for reach in range(3, len(before) + 1):
        window = before[max(0, after + 1 - reach) : after + 1 + reach]
        offset = min(after + 1, reach)
        hits = [i for i in range(len(target) - len(window) + 1) if target[i : i + len(window)] == window]
        if len(hits) < 2:
            break
    if len(hits) != 1:
        raise ValueError(f"the lines around line {after} {'occur in several places' if reach > 3 else 'have changed'}")
    return hits[0] + offset - 1


def moved(file: FilePatch, old: str, new: str) -> FilePatch:
    """The same insertions into a changed file: `old` is the file of the patch, `new` the current one.

    Raises:
        ValueError: if a position is gone or ambiguous.
    """
    hunks: list[Hunk] = []
    shift = 0
    for hunk in file.hunks:
        after = place(old, hunk.after, new)
        if hunks and after <= hunks[-1].after:
            raise ValueError(f"the lines around line {hunk.after} have changed their order")
        hunks.append(Hunk(after, after + 1 + shift, hunk.lines))
        shift += len(hunk.lines)
    pre = file.pre_blob if file.pre_blob == NO_BLOB else blob_hash(to_bytes(new))
    return replace(file, pre_blob=pre, post_blob=blob_hash(to_bytes(insert(new, tuple(hunks)))), hunks=tuple(hunks))


def to_bytes(text: str) -> bytes:
    """Bytes of a file read with `to_text`, exactly."""
    return text.encode(errors="surrogateescape")


def to_text(data: bytes) -> str:
    """Text of a file in any encoding, such that `to_bytes` restores its bytes."""
    return data.decode(errors="surrogateescape")


def _head(tree: Path) -> str:
    """The commit of the tree."""
    return must_git(tree, "rev-parse", "HEAD").text


def _after(text: str, file: FilePatch) -> str:
    """The file with its insertions, checked against the patch's blob.

    Raises:
        PatchError: if it differs.
    """
    result = insert(text, file.hunks)
    if blob_hash(to_bytes(result)) != file.post_blob:
        what = f"insertions do not yield blob {file.post_blob}"
        raise PatchError(file.path, what, "refresh the earlier patches first")
    return result


def _states(patches: Iterable[Patch], tree: Path, *, at_head: bool = True) -> list[Texts]:
    """Contents of the patched files before the first patch, after it, after the second, and so on.

    Args:
        at_head: require the first content of each file to equal that of the tree's commit.

    Raises:
        PatchError: if the patches do not fit each other or the commit.
    """
    states: list[Texts] = [{}]
    for patch in patches:
        texts = dict(states[-1])
        for file in patch.files:
            if file.path not in texts and file.pre_blob != NO_BLOB:
                texts[file.path] = _original(patch, file, tree, at_head)
                states = [{file.path: texts[file.path], **state} for state in states]
            texts[file.path] = _after(texts.get(file.path, ""), file)
        states.append(texts)
    return states


def _original(patch: Patch, file: FilePatch, tree: Path, at_head: bool) -> str:
    """Content of a file as expected by the first patch that touches it.

    Raises:
        PatchError: if the tree's commit has another, or the content is unavailable.
    """
    found = run_git(tree, "rev-parse", f"HEAD:{file.path}").text if at_head else file.pre_blob
    if found != file.pre_blob:
        what = f"{file.path}: expected blob {file.pre_blob}, found {found} at {_head(tree)}"
        raise PatchError(str(patch.path), what, f"refresh {patch.name} first")
    answer = run_git(tree, "cat-file", "blob", file.pre_blob)
    if answer.status:
        what = f"{file.path}: blob {file.pre_blob} is unavailable"
        raise PatchError(str(patch.path), what, "use a mirror that also has the old pin")
    return to_text(answer.out)


def _present(tree: Path, paths: Iterable[str]) -> Texts:
    """Content of those paths that exist in the tree."""
    return {path: to_text((tree / path).read_bytes()) for path in paths if (tree / path).is_file()}


def _edits(base: Texts, tree: Path) -> tuple[FilePatch, ...]:
    """The changes of a tree since `base`, by file, from Git.

    Raises:
        PatchError: if there are none, or more than insertions.
    """
    listed = must_git(tree, "diff", "--no-ext-diff", "--name-only", "-z", "HEAD").out
    listed += must_git(tree, "ls-files", "--others", "--exclude-standard", "-x", "__pycache__", "-z").out
    paths = {*base, *filter(None, to_text(listed).split("\0"))}
    known = {path: run_git(tree, "cat-file", "blob", f"HEAD:{path}") for path in paths - set(base)}
    before = base | {path: to_text(answer.out) for path, answer in known.items() if not answer.status}
    diff = _difference(before, _present(tree, paths))
    if not diff:
        raise PatchError(str(tree), "nothing was edited", "edit the tree, then repeat the command")
    stripped = re.sub(r"^(@@ -\S+ \+\S+ @@).*$", r"\1", diff, flags=re.MULTILINE)
    stripped = re.sub(r"^diff --git [ab]/(.+) [ab]/\1$", r"diff --git a/\1 b/\1", stripped, flags=re.MULTILINE)
    return _checked(tree, dict.fromkeys(KEYS, f"x {NO_BLOB}"), stripped).files


def _difference(before: Texts, after: Texts) -> str:
    """Git's diff between two sets of files."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for side, texts in (("a", before), ("b", after)):
            (scratch / side).mkdir()
            for path, text in texts.items():
                write_whole(scratch / side / path, to_bytes(text))
        flags = ("--no-index", "--no-ext-diff", "-U0", "--full-index", "--src-prefix=", "--dst-prefix=")
        return to_text(run_git(scratch, "diff", *flags, "a", "b").out)


def _checked(path: Path, header: dict[str, str], body: tuple[FilePatch, ...] | str) -> Patch:
    """The patch that would be written, checked by lint.

    Raises:
        PatchError: with all problems found by lint.
    """
    ordered = {key: header[key] for key in sorted(header, key=[*KEYS, *header].index)}
    text = render(ordered, ()) + body if isinstance(body, str) else render(ordered, body)
    patch = parse(path, to_bytes(text))
    if patch.problems:
        what = "does more than insert lines, or lacks a header:\n  " + "\n  ".join(patch.problems)
        raise PatchError(str(path), what, "only add lines; override or rebind code that must change")
    return patch


def _require_not_applied(later: Iterable[Patch], edits: tuple[FilePatch, ...]) -> None:
    """Refuse a tree with a later patch applied, whose lines would be in two patches.

    Raises:
        PatchError: with that patch.
    """
    held = {edit.path: "\n".join("\n".join(hunk.lines) for hunk in edit.hunks) for edit in edits}
    for patch in later:
        blocks = [(file.path, "\n".join(hunk.lines)) for file in patch.files for hunk in file.hunks]
        if blocks and all(block in held.get(path, "") for path, block in blocks):
            fix = "refresh from a tree with the series only up to the patch in question"
            raise PatchError(str(patch.path), "the edited tree also contains the lines of this later patch", fix)


def _carried(patch: Patch, file: FilePatch, old: Texts, now: Texts) -> FilePatch:
    """A later patch's insertions into the current file.

    Raises:
        PatchError: with patch, file and the line with an ambiguous position.
    """
    if (file.pre_blob == NO_BLOB) == (file.path in now):
        raise PatchError(str(patch.path), f"{file.path} exists, or not, contrary to the patch", "rewrite it")
    try:
        return moved(file, old.get(file.path, ""), now.get(file.path, ""))
    except ValueError as error:
        fix = f"rewrite {patch.name} by hand: nothing has been changed so far"
        raise PatchError(str(patch.path), f"{file.path}: {error}", fix) from error

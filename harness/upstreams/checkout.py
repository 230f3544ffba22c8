"""Upstream code at its pin: one bare clone per upstream, one sparse work tree per use, single files by content.

A clone of a local mirror uses the mirror's objects (like `git clone --shared`, without running anything in
the mirror). A clone of a remote holds trees and fetches file contents when needed. So a mirror that lacks an
upstream's large files is still usable. Refused: writing to a mirror, a pin that is not a full commit hash, the user's
Git configuration if it could change a byte, and an incomplete checkout, regardless of its exit status.
"""

from __future__ import annotations

import hashlib
import os
import re
import string
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from harness.core.errors import CommitGoneError, ConfigError, SourceError, near_misses
from harness.core.files import disk_errors, locked, remove_tree, write_whole
from harness.core.git import Answer, blob_hash, last_line, must_git, run_git

MIRROR_VARIABLE = "HARNESS_GIT_MIRROR"
_REDIRECT = f"to use a mirror, set {MIRROR_VARIABLE}='/srv/mirrors/{{owner}}/{{name}}.git'"
ORIGIN_FILE = "harness-origin"  # inside a clone: the source of its objects
# Overrides an upstream's .gitattributes: a checked out file equals its blob, byte for byte, on every machine.
ATTRIBUTES = "* -text !eol !filter !ident !working-tree-encoding !diff !whitespace\n"


@dataclass(frozen=True)
class Pin:
    """An upstream at one commit: short name, URL, full hash.

    Raises:
        SourceError: if the commit is not 40 hexadecimal digits; branches, tags and short hashes move.
    """

    name: str
    url: str
    commit: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{40}", self.commit):
            raise SourceError(self.name, f"pin {self.commit!r} is not a full commit hash", "give 40 hexadecimal digits")


class _Entry(NamedTuple):
    """A checked out file of the index."""

    mode: str
    blob: str
    path: str


def mirror_url(pin: Pin, template: str) -> str:
    """The URL of an upstream in the template: `{host}`, `{owner}` and `{name}` are taken from its URL.

    Raises:
        ConfigError: for an unknown field or unbalanced braces.
    """
    where = f"{MIRROR_VARIABLE}={template}"
    known = dict(zip(("host", "owner", "name"), _url_parts(pin.url), strict=True))
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(where, f"not a template: {error}", "write fields as {owner}, a brace as {{") from error
    for _, field, format_spec, conversion in parsed:
        if field is not None and (field not in known or format_spec or conversion):
            raise ConfigError(where, f"unknown field {field!r}", near_misses(field, known))
    return template.format(**known)


def clone(pin: Pin, cache: Path, template: str | None) -> Path:
    """The bare clone of an upstream in `cache`, with the pinned commit; created on first use.

    Args:
        template: redirects remote URLs to a mirror, or None. A file:// or plain-path URL is never redirected.

    Raises:
        ConfigError: for an invalid template.
        SourceError: if the mirror or network is unavailable, or lacks the commit.
    """
    redirected = template is not None and not is_local(pin.url)
    source = mirror_url(pin, template) if template is not None and redirected else pin.url
    origin = str(_objects_of(pin, source, template if redirected else None)) if is_local(source) else source
    digest = hashlib.sha256(pin.url.encode()).hexdigest()[:8]
    target = cache / "clones" / f"{pin.name}-{digest}.git"
    with locked(target):
        if _origin(target) != origin:
            _make(target, origin)
        _ensure_commit(target, pin, origin)
    return target


def checkout(clone: Path, pin: Pin, patterns: tuple[str, ...], destination: Path) -> Path:
    """A detached work tree at the pin holding the files that match `patterns`, verified to be complete and unchanged.

    Args:
        patterns: as in a .gitignore, relative to the upstream's root (no-cone sparse patterns).
        destination: replaced if it is already a work tree, even an incomplete one of a killed process.

    Raises:
        SourceError: with each unavailable file, or if nothing matches.
    """
    destination = destination.absolute()
    with locked(clone):
        _clear(destination, clone)
        must_git(clone, "worktree", "prune")
        must_git(clone, "worktree", "add", "--detach", "--no-checkout", str(destination), pin.commit)
        must_git(destination, "sparse-checkout", "set", "--no-cone", *patterns)
        answer = run_git(destination, "checkout", "--quiet", "--detach", pin.commit)
        _require_whole(destination, pin, patterns, answer)
    return destination


def read_blob(clone: Path, pin: Pin, path: str) -> bytes:
    """Content of one file of the pin.

    Raises:
        SourceError: if the pin has no such file, or its content is unavailable; `what` serves as a gap's reason.
    """
    listed = run_git(clone, "ls-tree", "--full-tree", "-z", pin.commit, "--", path)
    match = re.fullmatch(r"\d+ blob ([0-9a-f]{40})\t(.+)\0", listed.out.decode(errors="replace"), re.DOTALL)
    if listed.status or not match or match[2] != path:
        raise SourceError(f"{pin.name}:{path}", f"no such file at pin {pin.commit}", "check the path in the recipe")
    answer = run_git(clone, "cat-file", "blob", match[1])
    if answer.status:
        raise _lacking(pin, clone, [_Entry("", match[1], path)])
    if blob_hash(answer.out) != match[1]:
        what = f"damaged in {_origin(clone)}: not the content of {match[1]}"
        raise SourceError(f"{pin.name}:{path}", what, _suggest_fix(pin))
    return answer.out


def _url_parts(url: str) -> tuple[str, str, str]:
    """Host, owner and name of a URL, an scp-like address or a path."""
    scp = re.fullmatch(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)", url)
    host, path = (scp[1], scp[2]) if scp else (urlsplit(url).hostname or "localhost", urlsplit(url).path)
    owner, _, name = path.strip("/").removesuffix(".git").rpartition("/")
    return host, owner, name


def is_local(url: str) -> bool:
    """Whether the address is a folder of this machine."""
    return url.startswith(("/", "file://", ".", "~")) or not re.match(r"[\w.+-]+(@[^:/]+)?:", url)


def _objects_of(pin: Pin, source: str, template: str | None) -> Path:
    """Object folder of a local repository, bare or not.

    Raises:
        SourceError: if there is no repository.
    """
    plain = unquote(urlsplit(source).path) if source.startswith("file://") else source
    folder = Path(plain).expanduser().absolute()
    for candidate in (folder / "objects", folder / ".git" / "objects"):
        if candidate.is_dir():
            return candidate.resolve()
    if template is None:
        raise SourceError(pin.name, f"no Git repository at {folder}", "check the upstream's url in harness.toml")
    fix = f"mirror it there (git clone --mirror {pin.url} {folder}), or correct or unset {MIRROR_VARIABLE}"
    raise SourceError(f"{MIRROR_VARIABLE}={template}", f"no mirror of {pin.name} at {folder}", fix)


def _origin(clone: Path) -> str:
    """The source of the clone's objects."""
    file = clone / ORIGIN_FILE
    return file.read_text() if file.is_file() else ""


def _make(target: Path, origin: str) -> None:
    """Create the clone in a temporary folder and rename it; remove leftovers of killed attempts."""
    for leftover in target.parent.glob(f".{target.name}.*"):
        remove_tree(leftover)
    with disk_errors(target.parent):
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    fresh = scratch / "new"
    must_git(scratch, "init", "--quiet", "--bare", "--template=", str(fresh))
    write_whole(fresh / "info" / "attributes", ATTRIBUTES)
    if origin.startswith("/"):
        write_whole(fresh / "objects" / "info" / "alternates", origin + "\n")
    else:
        for key, value in (
            ("core.repositoryFormatVersion", "1"), ("extensions.partialClone", "origin"),
            ("remote.origin.url", origin), ("remote.origin.promisor", "true"),
            ("remote.origin.partialCloneFilter", "blob:none"),
        ):  # fmt: skip
            must_git(fresh, "config", key, value)
    write_whole(fresh / ORIGIN_FILE, origin)
    with disk_errors(target):
        if target.exists():
            os.rename(target, scratch / "old")
        os.rename(fresh, target)
    remove_tree(scratch)


def _ensure_commit(target: Path, pin: Pin, origin: str) -> None:
    """Ensure that the clone has the pinned commit and a ref on it.

    Raises:
        SourceError: if the origin lacks the commit or is not reachable.
    """
    ref = f"refs/pins/{pin.commit}"
    if origin.startswith("/"):
        found = run_git(target, "cat-file", "-t", pin.commit)
        if found.text != "commit":
            raise _not_in(pin, origin)
    elif run_git(target, "show-ref", "--verify", "--quiet", ref).status:
        fetch = ("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none", "origin")
        answer = run_git(target, *fetch, f"{pin.commit}:{ref}")
        if any(words in answer.err for words in ("not our ref", "unadvertised object", "not found")):
            raise _not_in(pin, origin)
        if answer.status:
            what = f"cannot fetch from {origin}: {last_line(answer.err)}"
            raise SourceError(pin.name, what, f"check the network; {_REDIRECT}")


def _clear(destination: Path, clone: Path) -> None:
    """Remove an old work tree.

    Raises:
        SourceError: if the folder is not a work tree of this clone; it is not modified.
    """
    if not destination.exists():
        return
    fix = "move it or choose another folder"
    if not destination.is_dir():
        raise SourceError(str(destination), "is a file", fix)
    if any(destination.iterdir()) and not _is_ours(destination, clone):
        raise SourceError(str(destination), "contains files that are not a checkout", fix)
    with disk_errors(destination):
        scratch = tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}.")
        os.rename(destination, Path(scratch) / "old")  # a kill during removal must not leave a tree without .git
    remove_tree(Path(scratch))


def _is_ours(destination: Path, clone: Path) -> bool:
    """Whether the folder is a work tree of this clone."""
    pointer = destination / ".git"
    if not pointer.is_file():
        return False
    text = pointer.read_text(encoding="utf-8", errors="replace").strip().removeprefix("gitdir: ")
    return Path(text).resolve().is_relative_to(clone.resolve())


def _require_whole(tree: Path, pin: Pin, patterns: tuple[str, ...], answer: Answer) -> None:
    """Compare every expected file with its blob; Git's exit status does not suffice.

    Raises:
        SourceError: for missing, wrong or no files, or another commit.
    """
    listed = must_git(tree, "ls-files", "-t", "-s", "-z").out.decode(errors="surrogateescape")
    entries = [_Entry(*m) for m in re.findall(r"H (\d+) ([0-9a-f]{40}) 0\t([^\0]+)", listed) if m[0] != "160000"]
    missing = [entry for entry in entries if not os.path.lexists(tree / entry.path)]
    if missing:
        raise _lacking(pin, tree, missing)
    if answer.status or must_git(tree, "rev-parse", "HEAD").text != pin.commit:
        raise SourceError(f"{pin.name}: {tree}", f"checkout failed: {last_line(answer.err)}", _suggest_fix(pin))
    if not entries:
        what = f"nothing at {pin.commit} matches {' '.join(patterns)}"
        raise SourceError(pin.name, what, "check the sparse patterns")
    wrong = [entry.path for entry in entries if _content_hash(tree / entry.path) != entry.blob]
    if wrong or run_git(tree, "diff", "--quiet", "--no-ext-diff", "HEAD").status:
        raise SourceError(f"{pin.name}: {tree}", f"files differ from the pin: {', '.join(wrong)}", _suggest_fix(pin))


def _content_hash(path: Path) -> str:
    """Blob hash of a checked out file; of a symbolic link, that of its target's path."""
    if path.is_symlink():
        return blob_hash(os.fsencode(os.readlink(path)))
    return blob_hash(path.read_bytes()) if path.is_file() else ""


def _lacking(pin: Pin, folder: Path, entries: list[_Entry]) -> SourceError:
    """The error for contents that the clone's origin lacks."""
    clone = Path(must_git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir").text)
    names = ", ".join(f"{entry.path} (blob {entry.blob})" for entry in entries[:5])
    more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
    if not (origin := _origin(clone)).startswith("/"):
        return SourceError(pin.name, f"cannot fetch {names}{more} from {origin}", f"check the network; {_REDIRECT}")
    fix = f"complete the mirror at {origin} from {pin.url}, or unset {MIRROR_VARIABLE} to fetch from there"
    what = (
        f"the mirror lacks {names}{more}"  # shown in tables as a gap's reason, so it contains no folder of this machine
    )
    return SourceError(pin.name, what, fix)


def _not_in(pin: Pin, origin: str) -> CommitGoneError:
    """The error for a commit that the origin lacks."""
    what = f"pin {pin.commit} is not in {origin}"
    return CommitGoneError(pin.name, what, f"update the mirror (git fetch in it), or check the pin against {pin.url}")


def _suggest_fix(pin: Pin) -> str:
    """The fix for an incomplete or damaged origin."""
    return f"complete the mirror from {pin.url}, or unset {MIRROR_VARIABLE} to fetch from there"

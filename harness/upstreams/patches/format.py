"""The text of a patch: parsed, checked, and written.

A patch only inserts: no deleted line, no context line and no heading after `@@`, because three of
four upstreams have no licence, so none of their code may be in this repository. An unreadable patch raises an error;
a readable but refused one has all its problems collected with their lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.errors import PatchError, near_misses
from harness.core.files import canonical_json, sha256_bytes

NO_BLOB = "0" * 40  # the pre-image of a new file
REQUIRED = ("Upstream", "Version", "What", "Why")
KEYS = (*REQUIRED, "Equation")
DIFF_LINE = re.compile(r"diff --git a/(.+) b/(.+)")
HUNK_LINE = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)")
INDEX_LINE = re.compile(r"index ([0-9a-f]+)\.\.([0-9a-f]+)(?: (\d+))?")
FILE_MODES = ("100644", "100755")


@dataclass(frozen=True)
class Hunk:
    """Lines to insert after line `after` (0: before the first) of the file as it was before the patch."""

    after: int
    start: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class FilePatch:
    """What a patch does to one file: its blobs before and after, its insertions, the number of added lines."""

    path: str
    pre_blob: str
    post_blob: str
    hunks: tuple[Hunk, ...]
    added: int
    mode: str = ""  # of a new file


@dataclass(frozen=True)
class Patch:
    """One patch; `problems` are those found by lint, each as `file:line: what`."""

    name: str
    path: Path
    header: dict[str, str]
    sha256: str
    files: tuple[FilePatch, ...]
    problems: tuple[str, ...] = field(default=(), compare=False)

    @property
    def commit(self) -> str:
        """The pinned commit that the header names, or nothing."""
        return self.header.get("Upstream", "").rpartition(" ")[2]


class _Reader:
    """Lines of a patch with a position, and the problems found so far."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.lines, self.at = path, text.removesuffix("\n").split("\n"), 0
        self.problems: list[str] = []

    @property
    def line(self) -> str | None:
        """The current line; None at the end."""
        return self.lines[self.at] if self.at < len(self.lines) else None

    def here(self, back: int = 0) -> str:
        """File and number of the current line, or of an earlier one."""
        return f"{self.path}:{min(self.at - back, len(self.lines) - 1) + 1}"

    def problem(self, what: str, back: int = 0) -> None:
        """Note a problem for lint."""
        self.problems.append(f"{self.here(back)}: {what}")


def parse(path: Path, data: bytes | None = None) -> Patch:
    """The patch in a file, or in `data`, the future content of this file.

    Raises:
        PatchError: if it is not a patch; refusals by lint are in `problems`.
    """
    try:
        data = path.read_bytes() if data is None else data
        plain = with_plain_line_ends(data)
        reader = _Reader(path, plain.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise PatchError(str(path), f"is not readable: {error}", "patches are UTF-8 text") from error
    if plain != data:
        reader.problem("lines end in CRLF, which Git would insert; check out without conversion of line ends")
    header = _header(reader)
    files: list[FilePatch] = []
    while reader.line is not None:
        files.append(_file(reader))
        if files[-1].path in [file.path for file in files[:-1]]:
            reader.problem(f"{files[-1].path} has two sections; one holds all insertions of a file", back=1)
    if not files:
        raise PatchError(str(path), "no 'diff --git' line: nothing to apply", "write patches with `harness patch new`")
    return Patch(path.name, path, header, sha256_bytes(plain), tuple(files), tuple(reader.problems))


def with_plain_line_ends(data: bytes) -> bytes:
    """A patch with LF line ends; CRLF of a clone with conversion is replaced."""
    return data.replace(b"\r\n", b"\n") if data.count(b"\r\n") == data.count(b"\n") else data


def render(header: dict[str, str], files: tuple[FilePatch, ...]) -> str:
    """The text of a patch: what `parse` reads, as `git diff -U0 --full-index` writes it without headings."""
    lines = [f"{key}: {header[key]}".replace("\n", "\n  ") for key in header] + [""]
    for file in files:
        new = file.pre_blob == NO_BLOB
        lines.append(f"diff --git a/{file.path} b/{file.path}")
        lines += [f"new file mode {file.mode}"] if new else []
        lines.append(f"index {file.pre_blob}..{file.post_blob}" + ("" if new else f" {file.mode or FILE_MODES[0]}"))
        if file.hunks:
            lines += ["--- /dev/null" if new else f"--- a/{file.path}", f"+++ b/{file.path}"]
        for hunk in file.hunks:
            count = f",{len(hunk.lines)}" if len(hunk.lines) != 1 else ""
            lines.append(f"@@ -{hunk.after},0 +{hunk.start}{count} @@")
            lines += [f"+{line}" for line in hunk.lines]
    return "\n".join(lines) + "\n"


def _header(reader: _Reader) -> dict[str, str]:
    """The `Key: value` lines before the first file; further lines of a value are indented."""
    header: dict[str, str] = {}
    key = ""
    while reader.line is not None and not reader.line.startswith("diff --git "):
        match = re.fullmatch(r"([A-Z][A-Za-z-]*):\s*(.*)", reader.line)
        if match:
            key = match[1]
            if key in header:
                reader.problem(f"duplicate header key {key!r}")
            if key not in KEYS:
                reader.problem(f"unknown header key {key!r}; {near_misses(key, KEYS)}")
            header[key] = match[2].strip()
        elif key and reader.line.startswith((" ", "\t")) and reader.line.strip():
            header[key] += "\n" + reader.line.strip()
        elif reader.line.strip():
            reader.problem(f"{reader.line!r} is neither 'Key: value' nor an indented continuation")
        reader.at += 1
    for missing in [key for key in REQUIRED if not header.get(key, "").strip()]:
        reader.problems.append(f"{reader.path}:1: header has no {missing!r}")
    if not re.fullmatch(r"\S+ [0-9a-f]{40}", header.get("Upstream", "x " + NO_BLOB)):
        reader.problems.append(f"{reader.path}:1: header 'Upstream' must be a name and a full commit hash")
    return header


def _file(reader: _Reader) -> FilePatch:
    """One `diff --git` section, headers and hunks."""
    match = DIFF_LINE.fullmatch(reader.line or "")
    if not match or match[1] != match[2]:
        reader.problem("names two files, or one that needs quoting")
    path = match[2] if match else ""
    _judge_path(reader, path)
    reader.at += 1
    pre, post, mode, new = "", "", "", False
    for line in _until_hunks(reader):
        if index := INDEX_LINE.fullmatch(line):
            pre, post, mode = index[1], index[2], index[3] or mode
        elif created := re.fullmatch(r"new file mode (\d+)", line):
            mode, new = created[1], True
        elif line not in (f"--- a/{path}", f"+++ b/{path}") and not (new and line == "--- /dev/null"):
            reader.problem(f"{line!r}: only insertions into text files and new text files are allowed", back=1)
    _judge_blobs(reader, path, pre, post, mode, new)
    hunks = tuple(_hunks(reader, path))
    if not hunks and not new:
        reader.problem(f"{path or 'this section'} has no insertion", back=1)
    return FilePatch(path, pre, post, hunks, sum(len(hunk.lines) for hunk in hunks), mode)


def _until_hunks(reader: _Reader) -> Iterator[str]:
    """The lines between `diff --git` and the first hunk, each consumed."""
    while reader.line is not None and not reader.line.startswith(("@@", "diff --git ")):
        reader.at += 1
        yield reader.lines[reader.at - 1]


def _judge_path(reader: _Reader, path: str) -> None:
    """Refuse paths that leave the tree or are in Git's folder."""
    parts = path.split("/")
    git_folder = any(part.lower().rstrip(". ") in (".git", "git~1") for part in parts)
    if git_folder or {"", ".", ".."} & set(parts) or re.search(r'[\\"\x00-\x1f:]', path):
        reader.problem(f"path {path!r} leaves the tree, is in Git's folder, or is not portable")


def _judge_blobs(reader: _Reader, path: str, pre: str, post: str, mode: str, new: bool) -> None:
    """Refuse short or missing hashes, links, submodules, and a new file with a pre-image."""
    if not (len(pre) == len(post) == 40):
        reader.problem(f"{path}: no index line with two full blob hashes (git diff --full-index)", back=1)
    if mode not in FILE_MODES:
        reader.problem(f"{path}: mode {mode or 'missing'}; only plain files ({', '.join(FILE_MODES)})", back=1)
    if new != (pre == NO_BLOB):
        reader.problem(f"{path}: only a new file has pre-image {NO_BLOB}", back=1)


def _hunks(reader: _Reader, path: str) -> Iterator[Hunk]:
    """The hunks of one file; positions must ascend and match the lines inserted before."""
    last, shift = -1, 0
    while reader.line is not None and not reader.line.startswith("diff --git "):
        match = HUNK_LINE.fullmatch(reader.line)
        if not match:
            raise PatchError(reader.here(), f"{reader.line!r} is not a hunk", "write patches with `harness patch new`")
        after, old, start, new = (int(match[i] or 1) for i in range(1, 5))  # a count of 1 is omitted
        if match[5]:
            reader.problem(f"text after @@: {match[5].strip()!r} is a line of the upstream; strip it")
        if old:
            reader.problem(
                f"{path}: replaces or shows {old} line(s) from line {after} on; only insertions (-N,0) are allowed"
            )
        elif after <= last or start != after + 1 + shift:
            reader.problem(f"position {match[0]} does not follow from the hunks before it")
        reader.at += 1
        lines = tuple(_inserted(reader, after, new))
        last, shift = after, shift + len(lines)
        yield Hunk(after, start, lines)


def _inserted(reader: _Reader, after: int, count: int) -> Iterator[str]:
    """The inserted lines of a hunk whose header has just been consumed."""
    head, found = reader.at, 0
    while reader.line is not None and not reader.line.startswith(("@@", "diff --git ")):
        if reader.line.startswith("+"):
            found += 1
            yield reader.line[1:]
        elif reader.line.startswith("-"):
            reader.problem("deletes a line; a patch only inserts")
        elif reader.line.startswith("\\"):
            reader.problem("a file that ends without a newline: add one, or insert before the last line")
        else:
            reader.problem("a context line: no upstream code is allowed here (git diff -U0)")
        reader.at += 1
    if found != count:
        reader.problems.append(f"{reader.path}:{head}: head says {count} line(s) inserted after {after}, found {found}")


def effect(patch: Patch) -> str:
    """The hash of a patch's effect on the pinned files, without its header and name."""
    return sha256_bytes(canonical_json(sorted((f.path, f.pre_blob, f.post_blob) for f in patch.files)).encode())

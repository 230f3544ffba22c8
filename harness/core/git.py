"""The only way to run Git: isolated from the caller's settings, quiet, without password prompts.

The same command must give the same bytes on every machine, so settings of the user's configuration or environment
for line endings, hooks, diffs or the repository are overridden. Proxies, certificates and
credentials remain the user's. Judging a command's exit status is left to the callers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from harness.core.errors import SourceError

SETTINGS = (
    "core.autocrlf=false", "core.eol=lf", "core.safecrlf=false", "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "core.fsmonitor=false", "core.quotePath=false",
    "safe.directory=*", "safe.bareRepository=all", "gc.auto=0", "maintenance.auto=false", "submodule.recurse=false",
    "advice.detachedHead=false", "color.ui=false", "protocol.version=2", "diff.noprefix=false",
    "diff.mnemonicPrefix=false", "diff.renames=false", "diff.algorithm=myers", "diff.interHunkContext=0",
    "apply.whitespace=nowarn", "apply.ignoreWhitespace=no", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60",
)  # fmt: skip
# Set by Git for hooks and aliases; GitPython passes them on, and our commands would use another repository.
FOREIGN = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_NAMESPACE",
    "GIT_SHALLOW_FILE", "GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_DEFAULT_HASH",
)  # fmt: skip
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GIT_LFS_SKIP_SMUDGE": "1", "GIT_ATTR_NOSYSTEM": "1"}


class Answer(NamedTuple):
    """The result of a Git command: exit status, stdout as bytes, stderr as text."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Stdout without the final newline."""
        return self.out.decode(errors="replace").rstrip("\n")


def run_git(folder: Path, *arguments: str) -> Answer:
    """Run one Git command in `folder`, isolated from the user's settings; the caller judges its exit status.

    Raises:
        SourceError: if git is not installed.
    """
    try:
        from git import Git  # imported here, because the import runs git and fails without it
        from git.exc import GitCommandNotFound
    except ImportError as error:
        raise SourceError("git", "is not available", "install git 2.30 or newer and put it on PATH") from error
    unset = [word for name in FOREIGN for word in ("-u", name)]
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    try:
        status, out, err = Git(folder).execute(
            ["env", *unset, "git", *settings, *arguments],
            with_extended_output=True, with_exceptions=False, stdout_as_string=False,
            strip_newline_in_stdout=False, env=QUIET,
        )  # fmt: skip
    except GitCommandNotFound as error:
        fix = "check that the folder exists and git works"
        raise SourceError(str(folder), "git cannot run there", fix) from error
    return Answer(int(status), bytes(out), str(err))


def must_git(folder: Path, *arguments: str) -> Answer:
    """`run_git` for commands that must succeed.

    Raises:
        SourceError: with the last line of Git's message.
    """
    answer = run_git(folder, *arguments)
    if answer.status:
        words = " ".join(arguments[:2])
        raise SourceError(str(folder), f"git {words} failed: {last_line(answer.err)}", "check disk and permissions")
    return answer


def blob_hash(data: bytes) -> str:
    """Git's blob id of this content, 40 hexadecimal digits."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def last_line(text: str) -> str:
    """The last line of Git's message, which states the cause."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"

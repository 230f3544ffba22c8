"""A small upstream inside the package, so that `harness reproduce demo` needs no network.

The files in `demo/` are data and never imported. `repository` turns them into a Git repository whose commit is the
same everywhere: objects are written from bytes, independent of work tree, index and configuration.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

import git

from harness.core.errors import SourceError
from harness.core.files import disk_errors, remove_tree

COMMIT = "07b6082686d41af1a3c7bd0453ba6d41ddd67bf1"
FILES = ("README.md", "data.py", "evaluate.py", "generate.py", "model.py", "train.py")  # in the order of Git's trees
PLACE = "harness/upstreams/embedded/demo"
BRANCH = "refs/heads/main"
SIGNATURE = "seqrec harness <harness@example.invalid> 1700000000 +0000"
MESSAGE = "A small sequential recommender, for demonstration"


def repository(at: Path) -> Path:
    """The embedded upstream as a bare repository at `at`, whose branch `main` is COMMIT; reused if complete.

    It is created in a temporary folder and renamed, so a repository at `at` is always complete.

    Raises:
        SourceError: if Git fails, or the package's files are not those of COMMIT.
        StoreError: if the folder is not writable.
    """
    at = at.absolute()
    if whole(at):
        return at
    with disk_errors(at):
        at.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=at.parent, prefix=f".{at.name}."))
        try:
            temporary.chmod(0o755)
            build(temporary)
            move(temporary, at)
        finally:
            remove_tree(temporary)
    return at


def whole(at: Path) -> bool:
    """Whether `at` is a repository with COMMIT on its branch and every object readable."""
    if not (at / "HEAD").is_file():
        return False
    try:
        if run(at, "rev_parse", "--verify", BRANCH) != COMMIT:
            return False
        run(at, "fsck", "--full", "--no-dangling")
    except git.CommandError:
        return False
    return True


def build(at: Path) -> None:
    """Write the repository into the empty folder `at`.

    Its skeleton is written directly, since the result of `git init` depends on version, templates and configuration.

    Raises:
        SourceError: if Git fails, or the commit is not COMMIT.
    """
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (at / name).mkdir(parents=True)
    (at / "HEAD").write_text(f"ref: {BRANCH}\n")
    (at / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n")
    try:
        commit = write_commit(at)
    except FileNotFoundError as error:
        raise SourceError(PLACE, f"{error.filename} is missing", "reinstall the harness") from error
    except git.GitCommandNotFound as error:
        raise SourceError(str(at), "git is not installed", "install Git 2.25 or later") from error
    except git.GitCommandError as error:
        raise SourceError(str(at), f"git failed: {error.stderr}", "run `git --version`; try a newer Git") from error
    if commit != COMMIT:
        what = f"its files give commit {commit}, expected {COMMIT}"
        raise SourceError(PLACE, what, "reinstall the harness: a file of the package was changed")
    (at / BRANCH).write_text(f"{commit}\n")


def write_commit(at: Path) -> str:
    """Write files, tree and commit as objects; return the commit's hash."""
    folder = resources.files(__name__) / "demo"
    names = [run(at, "hash_object", "-w", "--stdin", given=(folder / name).read_bytes()) for name in FILES]
    listing = "".join(f"100644 blob {blob}\t{name}\n" for blob, name in zip(names, FILES, strict=True))
    tree = run(at, "mktree", given=listing.encode())
    text = f"tree {tree}\nauthor {SIGNATURE}\ncommitter {SIGNATURE}\n\n{MESSAGE}\n"
    return run(at, "hash_object", "-t", "commit", "-w", "--stdin", given=text.encode())


def run(at: Path, command: str, *arguments: str, given: bytes = b"") -> str:
    """The output of a Git command in the bare repository `at`, isolated from the user's configuration.

    Raises:
        git.GitCommandError: if it fails.
    """
    env = {"GIT_DIR": str(at), "GIT_WORK_TREE": str(at), "GIT_OBJECT_DIRECTORY": str(at / "objects")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(at), "XDG_CONFIG_HOME": str(at)}
    with tempfile.TemporaryFile() as file:  # Git reads from a descriptor, not from memory
        file.write(given)
        file.seek(0)
        return str(getattr(git.Git(at), command)(*arguments, env=env, istream=file))


def move(made: Path, at: Path) -> None:
    """Rename `made` to `at`; a broken repository there is removed, a complete one of another process is kept."""
    if at.exists():
        if whole(at):
            return
        aside = made.with_name(made.name + ".broken")
        at.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        made.rename(at)
    except OSError:
        if not whole(at):
            raise

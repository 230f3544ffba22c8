"""Clones, checkouts and single files of real repositories, complete and damaged, local and served."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import ConfigError, SourceError
from harness.upstreams import checkout as sources
from harness.upstreams.checkout import Pin, checkout, clone, mirror_url, read_blob

URL = "https://example.org/someone/toy"
CODE = b"first = 1\r\nsecond = 2\n"  # mixed line ends: any conversion shows
S3REC = Pin("s3rec", "https://github.com/aHuiWang/CIKM2020-S3Rec", "49a890dcb516c9ed3126564495234ea74d5cd566")


def git(folder: Path, *words: str) -> str:
    """Run plain git, as a person would, and return what it prints."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def drop_blob(repository: Path, name: str) -> str:
    """Lose the content of one file, as a mirror without big files has."""
    blob = git(repository, "rev-parse", f"HEAD:{name}")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    return blob


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder of mirrors with one non-bare repository, someone/toy: code, a package and a data file."""
    repository = tmp_path / "mirrors" / "someone" / "toy"
    (repository / "package").mkdir(parents=True)
    git(repository, "init", "--quiet")
    (repository / "train.py").write_bytes(CODE)
    (repository / "package" / "model.py").write_text("model = 1\n")
    (repository / "data.bin").write_bytes(b"\x00\x01" * 500)
    git(repository, "add", ".")
    (repository / ".gitattributes").write_text("*.py text eol=crlf\n")
    git(repository, "add", ".gitattributes")
    git(repository, "commit", "--quiet", "-m", "toy")
    return tmp_path / "mirrors"


@pytest.fixture
def template(mirror: Path) -> str:
    return f"{mirror}/{{owner}}/{{name}}"


@pytest.fixture
def pin(mirror: Path) -> Pin:
    return Pin("toy", URL, git(mirror / "someone" / "toy", "rev-parse", "HEAD"))


def snapshot(folder: Path) -> dict[str, int]:
    """Every file below a folder with its time of change."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_mirror_url_fills_the_fields() -> None:
    template = "/srv/{host}/{owner}+{name}.git"
    for url in (
        "https://host.org/a/b",
        "https://u@host.org/a/b.git",
        "git@host.org:a/b.git",
        "ssh://git@host.org/a/b/",
    ):
        assert mirror_url(Pin("x", url, "0" * 40), template) == "/srv/host.org/a+b.git"
    assert mirror_url(Pin("x", "https://host.org/group/sub/b", "0" * 40), template) == "/srv/host.org/group/sub+b.git"


@pytest.mark.parametrize("template", ["/srv/{ownr}", "/srv/{}", "/srv/{owner.x}", "/srv/{owner!r}", "/srv/{name:>9}"])
def test_mirror_url_refuses_other_fields(template: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown field.*\n.*known: host, name, owner"):
        mirror_url(S3REC, template)
    with pytest.raises(ConfigError, match="did you mean 'owner'"):
        mirror_url(S3REC, "/srv/{ownr}")


def test_mirror_url_refuses_open_braces() -> None:
    with pytest.raises(ConfigError, match="not a template"):
        mirror_url(S3REC, "/srv/{owner")


@pytest.mark.parametrize("commit", ["main", "49a890d", "49A890DCB516C9ED3126564495234EA74D5CD566", ""])
def test_a_pin_is_a_full_commit_hash(commit: str) -> None:
    with pytest.raises(SourceError, match="not a full commit hash"):
        Pin("toy", URL, commit)


def test_checkout_is_sparse_and_byte_for_byte(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    before = snapshot(mirror)
    bare = clone(pin, tmp_path / "cache", template)
    tree = checkout(bare, pin, ("*.py",), tmp_path / "tree")
    assert {str(path.relative_to(tree)) for path in tree.rglob("*.py")} == {"train.py", "package/model.py"}
    assert (tree / "train.py").read_bytes() == CODE  # in spite of .gitattributes
    assert not (tree / "data.bin").exists()
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD") == pin.commit
    assert snapshot(mirror) == before, "the mirror was written to"


def test_the_clone_is_made_once_and_has_no_copy_of_the_objects(tmp_path: Path, template: str, pin: Pin) -> None:
    bare = clone(pin, tmp_path / "cache", template)
    assert re.fullmatch(r"toy-[0-9a-f]{8}\.git", bare.name)
    made = (bare / "config").stat().st_ino
    assert clone(pin, tmp_path / "cache", template) == bare
    assert (bare / "config").stat().st_ino == made
    assert not [path for path in (bare / "objects").rglob("*") if re.fullmatch("[0-9a-f]{38}", path.name)]


def test_bare_mirror_path_and_file_url(tmp_path: Path, mirror: Path, pin: Pin) -> None:
    bare_mirror = tmp_path / "bare.git"
    git(tmp_path, "clone", "--quiet", "--mirror", str(mirror / "someone" / "toy"), str(bare_mirror))
    for number, url in enumerate([str(bare_mirror), f"file://{bare_mirror}", str(mirror / "someone" / "toy")]):
        local = Pin("toy", url, pin.commit)
        found = clone(local, tmp_path / f"cache{number}", "/nowhere/{owner}")  # a local address is not redirected
        assert read_blob(found, local, "train.py") == CODE


def test_a_mirror_without_the_big_files_serves(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    drop_blob(mirror / "someone" / "toy", "data.bin")
    bare = clone(pin, tmp_path / "cache", template)
    assert (checkout(bare, pin, ("*.py",), tmp_path / "tree") / "train.py").read_bytes() == CODE


def test_missing_files_are_caught_though_git_exits_with_0(
    tmp_path: Path, template: str, pin: Pin, mirror: Path
) -> None:
    """`git checkout` ended with 0 and left 22 files of an upstream out; runs then failed since these were missing."""
    blob = drop_blob(mirror / "someone" / "toy", "data.bin")
    bare = clone(pin, tmp_path / "cache", template)
    with pytest.raises(SourceError, match=f"lacks data.bin \\(blob {blob}\\)") as caught:
        checkout(bare, pin, ("*.py", "*.bin"), tmp_path / "tree")
    assert "HARNESS_GIT_MIRROR" in caught.value.fix


def test_damaged_content_is_caught(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    repository = mirror / "someone" / "toy"
    blob = drop_blob(repository, "train.py")
    other = git(repository, "rev-parse", "HEAD:package/model.py")
    (repository / ".git" / "objects" / blob[:2]).mkdir(exist_ok=True)
    objects = repository / ".git" / "objects"
    shutil.copy(objects / other[:2] / other[2:], objects / blob[:2] / blob[2:])
    bare = clone(pin, tmp_path / "cache", template)
    with pytest.raises(SourceError, match=r"differ from the pin: train.py"):
        checkout(bare, pin, ("*.py",), tmp_path / "tree")
    with pytest.raises(SourceError, match="damaged"):
        read_blob(bare, pin, "train.py")


def test_patterns_that_match_nothing_are_an_error(tmp_path: Path, template: str, pin: Pin) -> None:
    bare = clone(pin, tmp_path / "cache", template)
    with pytest.raises(SourceError, match=r"matches \*.cc"):
        checkout(bare, pin, ("*.cc",), tmp_path / "tree")


def test_a_checkout_killed_half_way_is_made_again(tmp_path: Path, template: str, pin: Pin) -> None:
    bare = clone(pin, tmp_path / "cache", template)
    tree = checkout(bare, pin, ("*.py",), tmp_path / "tree")
    (tree / "train.py").unlink()
    (tree / "package" / "model.py").write_text("half")
    Path(git(tree, "rev-parse", "--absolute-git-dir"), "index.lock").touch()  # what a killed git leaves
    checkout(bare, pin, ("*.py",), tree)
    assert (tree / "train.py").read_bytes() == CODE
    assert (tree / "package" / "model.py").read_text() == "model = 1\n"
    assert [path.name for path in tmp_path.glob(".tree.*")] == []


def test_a_checkout_whose_folder_or_clone_vanished_is_made_again(tmp_path: Path, template: str, pin: Pin) -> None:
    tree = checkout(clone(pin, tmp_path / "cache", template), pin, ("*.py",), tmp_path / "tree")
    shutil.rmtree(tree)
    checkout(clone(pin, tmp_path / "cache", template), pin, ("*.py",), tree)
    shutil.rmtree(tmp_path / "cache")
    checkout(clone(pin, tmp_path / "cache", template), pin, ("*.py",), tree)
    assert (tree / "train.py").read_bytes() == CODE


def test_a_folder_that_is_no_checkout_is_left_alone(tmp_path: Path, template: str, pin: Pin) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    with pytest.raises(SourceError, match="not a checkout"):
        checkout(clone(pin, tmp_path / "cache", template), pin, ("*.py",), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").exists()


def test_a_commit_that_is_not_there(tmp_path: Path, template: str, pin: Pin) -> None:
    with pytest.raises(SourceError, match=f"pin {'a' * 40} is not in") as caught:
        clone(Pin("toy", URL, "a" * 40), tmp_path / "cache", template)
    assert URL in caught.value.fix
    assert clone(pin, tmp_path / "cache", template).is_dir()  # the clone itself is still good


def test_a_commit_that_arrives_in_the_mirror_later(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    clone(pin, tmp_path / "cache", template)
    git(mirror / "someone" / "toy", "commit", "--quiet", "--allow-empty", "-m", "next")
    later = Pin("toy", URL, git(mirror / "someone" / "toy", "rev-parse", "HEAD"))
    assert read_blob(clone(later, tmp_path / "cache", template), later, "train.py") == CODE


def test_a_blob_is_no_pin(tmp_path: Path, template: str, mirror: Path) -> None:
    blob = git(mirror / "someone" / "toy", "rev-parse", "HEAD:train.py")
    with pytest.raises(SourceError, match="is not in"):
        clone(Pin("toy", URL, blob), tmp_path / "cache", template)


def test_a_missing_mirror_names_template_variable_and_path(tmp_path: Path, pin: Pin) -> None:
    template = f"{tmp_path}/none/{{owner}}/{{name}}.git"
    with pytest.raises(SourceError) as caught:
        clone(pin, tmp_path / "cache", template)
    for word in (f"HARNESS_GIT_MIRROR={template}", f"{tmp_path}/none/someone/toy.git", URL):
        assert word in str(caught.value)


def test_without_network_the_mirror_variable_is_named(tmp_path: Path) -> None:
    closed = Pin("toy", "https://127.0.0.1:9/someone/toy", "a" * 40)
    with pytest.raises(SourceError, match=r"cannot fetch from .*\n.*HARNESS_GIT_MIRROR"):
        clone(closed, tmp_path / "cache", None)
    assert not list((tmp_path / "cache").rglob("FETCH_HEAD.lock"))


def test_a_moved_mirror_makes_the_clone_anew(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    clone(pin, tmp_path / "cache", template)
    mirror.rename(tmp_path / "elsewhere")
    bare = clone(pin, tmp_path / "cache", f"{tmp_path}/elsewhere/{{owner}}/{{name}}")
    assert read_blob(bare, pin, "train.py") == CODE


def test_what_a_killed_clone_left_is_removed(tmp_path: Path, template: str, pin: Pin) -> None:
    name = clone(pin, tmp_path / "cache", template).name
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache" / "clones" / f".{name}.dead" / "new").mkdir(parents=True)
    clone(pin, tmp_path / "cache", template)
    assert sorted(path.name for path in (tmp_path / "cache" / "clones").iterdir()) == sorted([name, f"{name}.lock"])


def test_several_processes_clone_and_check_out_at_once(tmp_path: Path, template: str, pin: Pin) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.upstreams.checkout import *\n"
        "pin = Pin(*sys.argv[1:4]); cache = Path(sys.argv[4])\n"
        "print(clone(pin, cache, sys.argv[5])); checkout(cache / 'clones' / clone(pin, cache, sys.argv[5]).name, pin,"
        " ('*.py',), cache / sys.argv[6])"
    )
    words = [sys.executable, "-c", script, pin.name, pin.url, pin.commit, str(tmp_path / "cache"), template]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(sources.__file__).parents[2]), *sys.path])}
    running = [subprocess.Popen([*words, f"tree{i % 2}"], env=env, stdout=subprocess.PIPE) for i in range(6)]
    printed = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0] * 6
    assert len(printed) == 1
    assert (tmp_path / "cache" / "tree0" / "train.py").read_bytes() == CODE


def test_settings_of_the_user_do_not_interfere(
    tmp_path: Path, template: str, pin: Pin, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = tmp_path / "home" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch hooked.py\nexit 1\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "home" / "attributes").write_text("*.py ident eol=crlf\n")
    (tmp_path / "home" / ".gitconfig").write_text(
        f"[core]\nautocrlf = true\nhooksPath = {hooks}\nattributesFile = {tmp_path}/home/attributes\n"
        "[diff]\nnoprefix = true\nexternal = false\n[safe]\nbareRepository = explicit\n[init]\ntemplateDir = /none\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))  # as in a hook or alias of another repository
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other-index"))
    bare = clone(pin, tmp_path / "cache", template)
    tree = checkout(bare, pin, ("*.py",), tmp_path / "tree")
    assert (tree / "train.py").read_bytes() == CODE
    assert sorted(path.name for path in tree.rglob("*.py")) == ["model.py", "train.py"]
    assert not (tmp_path / "other-index").exists()


def test_read_blob_gives_exact_bytes(tmp_path: Path, template: str, pin: Pin) -> None:
    bare = clone(pin, tmp_path / "cache", template)
    assert read_blob(bare, pin, "data.bin") == b"\x00\x01" * 500
    assert read_blob(bare, pin, "package/model.py") == b"model = 1\n"


@pytest.mark.parametrize("path", ["absent.py", "package", "package/", "../x", "", "*.py"])
def test_read_blob_of_no_file(tmp_path: Path, template: str, pin: Pin, path: str) -> None:
    with pytest.raises(SourceError, match="no such file at pin"):
        read_blob(clone(pin, tmp_path / "cache", template), pin, path)


def test_read_blob_that_the_mirror_lacks(tmp_path: Path, template: str, pin: Pin, mirror: Path) -> None:
    blob = drop_blob(mirror / "someone" / "toy", "data.bin")
    with pytest.raises(SourceError, match=f"the mirror lacks data.bin \\(blob {blob}\\)") as caught:
        read_blob(clone(pin, tmp_path / "cache", template), pin, "data.bin")
    assert str(mirror) in caught.value.fix
    assert str(tmp_path) not in str(caught.value).splitlines()[0]


@pytest.fixture
def served(mirror: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The mirror behind git's own server on this machine: the way of a remote upstream."""
    daemon = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip(), "git-daemon")
    if not daemon.exists():
        pytest.skip("git was installed without its server")
    git(mirror / "someone" / "toy", "config", "uploadpack.allowFilter", "true")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--listen=127.0.0.1", f"--port={port}", f"--base-path={mirror}", "--export-all", "--reuseaddr"]
    process = subprocess.Popen([str(daemon), *where], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"git://127.0.0.1:{port}/someone/toy", process
    process.terminate()
    process.wait()


def test_a_remote_is_cloned_without_contents(
    tmp_path: Path, served: tuple[str, subprocess.Popen[bytes]], pin: Pin
) -> None:
    url, server = served
    remote = Pin("toy", url, pin.commit)
    bare = clone(remote, tmp_path / "cache", None)
    assert (checkout(bare, remote, ("*.py",), tmp_path / "tree") / "train.py").read_bytes() == CODE
    with pytest.raises(SourceError, match="is not in"):
        clone(Pin("toy", url, "a" * 40), tmp_path / "cache", None)
    server.terminate()
    server.wait()
    assert clone(remote, tmp_path / "cache", None) == bare  # what is there needs no network
    checkout(bare, remote, ("*.py",), tmp_path / "tree")
    with pytest.raises(SourceError, match=r"cannot fetch data\.bin"):  # so it had not been fetched before
        read_blob(bare, remote, "data.bin")
    with pytest.raises(SourceError, match=r"toy: .*(cannot fetch|checkout failed)"):
        checkout(bare, remote, ("*.bin",), tmp_path / "tree")


@pytest.fixture
def real_template() -> str:
    template = os.environ.get("HARNESS_GIT_MIRROR")
    if not template:
        pytest.skip("HARNESS_GIT_MIRROR is not set: no real upstream available")
    return template


@pytest.mark.upstream
def test_the_real_upstream(tmp_path: Path, real_template: str) -> None:
    bare = clone(S3REC, tmp_path / "cache", real_template)
    tree = checkout(bare, S3REC, ("*.py",), tmp_path / "tree")
    assert len(list(tree.rglob("*.py"))) == 10
    data = read_blob(bare, S3REC, "data/LastFM.txt")
    assert hashlib.sha256(data).hexdigest() == "9ded486adb5b0fe9dc761950afa0a9a05e93ff018992e0c52bf11afec529f802"

"""Series of patches on real repositories: what is applied, what is refused, and how patches are written."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.errors import PatchError
from harness.upstreams.checkout import Pin, checkout, clone, read_blob
from harness.upstreams.patches import series as patches
from harness.upstreams.patches.authoring import moved, new, place, refresh
from harness.upstreams.patches.format import FilePatch, Hunk, parse, render
from harness.upstreams.patches.series import Series, apply, describe, lint, load, verify

TRAIN = "".join(f"line {i}\n" for i in range(1, 11))
TAIL = "first\nlast without newline"  # as seven files of S3Rec end
NO_BLOB = "0" * 40
HEADER = {"What": "adds something", "Why": "because it must be there"}


def git(folder: Path, *words: str, given: str | None = None) -> str:
    """Run plain git, as a person would, and return what it prints."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, input=given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def blob(text: str) -> str:
    """What git calls this content."""
    return git(Path("/"), "hash-object", "--stdin", given=text)


@dataclasses.dataclass
class Toy:
    """An upstream with a train.py and a tail.py, its clone, and an empty folder for patches."""

    pin: Pin
    bare: Path
    folder: Path
    upstream: Path

    def tree(self, name: str = "tree") -> Path:
        return checkout(self.bare, self.pin, ("*.py",), self.folder.parents[1] / name)

    def write(self, name: str, body: str, header: str | None = None) -> Path:
        """Add a patch to the series as text."""
        usual = f"Upstream: toy {self.pin.commit}\nVersion: 1\nWhat: it\nWhy: so\n\n"
        (self.folder / name).write_text((usual if header is None else header) + body)
        with (self.folder / "series").open("a") as listing:
            listing.write(name + "\n")
        return self.folder / name


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    git(upstream, "init", "--quiet")
    (upstream / "train.py").write_text(TRAIN)
    (upstream / "tail.py").write_text(TAIL)
    git(upstream, "add", ".")
    git(upstream, "commit", "--quiet", "-m", "toy")
    pin = Pin("toy", str(upstream), git(upstream, "rev-parse", "HEAD"))
    (tmp_path / "patches" / "toy").mkdir(parents=True)
    return Toy(pin, clone(pin, tmp_path / "cache", None), tmp_path / "patches" / "toy", upstream)


def inserted(text: str, after: int, *lines: str) -> str:
    """The text with lines inserted after a line."""
    old = text.splitlines(keepends=True)
    return "".join([*old[:after], *(line + "\n" for line in lines), *old[after:]])


def section(path: str, pre: str, after: int, *lines: str, post: str | None = None) -> str:
    """The part of a patch that inserts lines after a line of a file with content `pre`."""
    result = inserted(pre, after, *lines) if post is None else post
    head = f"diff --git a/{path} b/{path}\nindex {blob(pre)}..{blob(result)} 100644\n--- a/{path}\n+++ b/{path}\n"
    count = f",{len(lines)}" if len(lines) > 1 else ""
    return head + f"@@ -{after},0 +{after + 1}{count} @@\n" + "".join(f"+{line}\n" for line in lines)


def created(path: str, *lines: str) -> str:
    """The part of a patch that makes a new file."""
    text = "".join(line + "\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex {NO_BLOB}..{blob(text)}\n"
    return head + f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n" + "".join(f"+{line}\n" for line in lines)


@pytest.fixture
def series(toy: Toy) -> Series:
    """Two patches that touch train.py one after the other, and make a file."""
    toy.write("0001-one.patch", section("train.py", TRAIN, 3, "one"))
    once = inserted(TRAIN, 3, "one")
    toy.write(
        "0002-two.patch", section("train.py", once, 7, "two", "more") + created("loss/extra.py", "a = 1", "b = 2")
    )
    return load(toy.folder)


def test_a_series_is_applied_exactly(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    identity = apply(series, tree)
    assert (tree / "train.py").read_text() == inserted(inserted(TRAIN, 3, "one"), 7, "two", "more")
    assert (tree / "loss" / "extra.py").read_text() == "a = 1\nb = 2\n"
    git(tree, "-c", "user.name=t", "commit", "--quiet", "-m", "check")
    assert identity == git(tree, "rev-parse", "HEAD^{tree}")
    assert verify(series, toy.bare, toy.pin, toy.folder.parents[1] / "scratch") == identity


def test_what_load_gives(toy: Toy, series: Series) -> None:
    assert (series.upstream, series.paths) == ("toy", ("loss/extra.py", "train.py"))
    two = series.patches[1]
    assert [(file.path, file.added, len(file.hunks)) for file in two.files] == [
        ("train.py", 2, 1),
        ("loss/extra.py", 2, 1),
    ]
    assert two.header == {"Upstream": f"toy {toy.pin.commit}", "Version": "1", "What": "it", "Why": "so"}
    assert two.files[1].pre_blob == NO_BLOB
    assert render(two.header, two.files) == two.path.read_text()
    assert describe(two).splitlines()[0].startswith("0002-two.patch  sha256 ")
    assert "train.py  +2 in 1 place(s)" in describe(two)


def test_the_identity_of_a_series_is_its_content_and_order(toy: Toy, series: Series) -> None:
    swapped = dataclasses.replace(series, patches=series.patches[::-1])
    (toy.folder / "0001-one.patch").write_text((toy.folder / "0001-one.patch").read_text().replace("so", "just so"))
    assert len({series.sha256, swapped.sha256, load(toy.folder).sha256}) == 3


def test_a_second_application_is_refused(toy: Toy) -> None:
    """Git inserts the lines a second time, with exit status 0."""
    toy.write("0001-one.patch", section("train.py", TRAIN, 3, "one"))
    series, tree = load(toy.folder), toy.tree()
    apply(series, tree)
    git(tree, "apply", "--check", "--unidiff-zero", "--index", str(toy.folder / "0001-one.patch"))
    with pytest.raises(PatchError, match="already applied"):
        apply(series, tree)
    assert (tree / "train.py").read_text().count("one") == 1


def test_a_shifted_file_is_refused_though_git_would_take_it(toy: Toy, series: Series) -> None:
    """Git places by line number alone: on a file one line longer it inserts one line too early, with exit status 0."""
    tree = toy.tree()
    shifted = "new first line\n" + TRAIN
    (tree / "train.py").write_text(shifted)
    git(tree, "add", "train.py")
    git(tree, "apply", "--check", "--unidiff-zero", "--index", str(series.patches[0].path))
    with pytest.raises(PatchError) as caught:
        apply(series, tree)
    for word in ("0001-one.patch", "train.py", blob(TRAIN), blob(shifted), toy.pin.commit, "harness patch refresh toy"):
        assert word in str(caught.value)
    assert (tree / "train.py").read_text() == shifted


@pytest.mark.parametrize("side", ["pre", "post"])
def test_a_wrong_index_line_is_refused_though_git_ignores_it(toy: Toy, side: str) -> None:
    text = section("train.py", TRAIN, 3, "one")
    right = blob(TRAIN) if side == "pre" else blob(inserted(TRAIN, 3, "one"))
    path = toy.write("0001-one.patch", text.replace(right, "a" * 40))
    tree = toy.tree()
    git(tree, "apply", "--check", "--unidiff-zero", "--index", str(path))
    with pytest.raises(PatchError, match=f"expected blob {'a' * 40}, found {right}"):
        apply(load(toy.folder), tree)


def test_lines_glued_to_a_last_line_without_newline_are_refused(toy: Toy) -> None:
    """Git glues them to it with exit status 0, and `git apply --numstat` shows no deletion."""
    path = toy.write("0001-glue.patch", section("tail.py", TAIL, 2, "glued", post=TAIL + "glued\n"))
    tree = toy.tree()
    git(tree, "apply", "--check", "--unidiff-zero", "--index", str(path))
    with pytest.raises(PatchError, match=r"appended to a last line without a newline, in tail\.py"):
        apply(load(toy.folder), tree)


def test_insertion_before_a_last_line_without_newline(toy: Toy) -> None:
    toy.write("0001-fine.patch", section("tail.py", TAIL, 1, "fine"))
    tree = toy.tree()
    apply(load(toy.folder), tree)
    assert (tree / "tail.py").read_text() == "first\nfine\nlast without newline"


def test_another_commit_is_refused(toy: Toy, series: Series) -> None:
    git(toy.upstream, "commit", "--quiet", "--allow-empty", "-m", "next")
    later = Pin("toy", toy.pin.url, git(toy.upstream, "rev-parse", "HEAD"))
    with pytest.raises(PatchError, match=f"at {toy.pin.commit}, but the tree is at {later.commit}"):
        verify(series, clone(later, toy.folder.parents[1] / "cache", None), later, toy.folder.parents[1] / "scratch")


@pytest.mark.parametrize("way", ["edited", "staged", "staged and taken back"])
def test_other_changes_in_the_tree_are_refused(toy: Toy, series: Series, way: str) -> None:
    tree = toy.tree()
    (tree / "tail.py").write_text("something\n" + TAIL)
    if way != "edited":
        git(tree, "add", "tail.py")
    if way == "staged and taken back":
        (tree / "tail.py").write_text(TAIL)
    with pytest.raises(PatchError, match="the tree has other changes"):
        apply(series, tree)


def test_settings_of_the_user_do_not_interfere(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write("0001-blanks.patch", section("train.py", TRAIN, 3, "one  ", "\t", ""))
    series = load(toy.folder)
    expected = apply(series, toy.tree())
    (tmp_path / ".gitconfig").write_text(
        "[core]\nautocrlf = true\n[apply]\nwhitespace = fix\n[diff]\nnoprefix = true\nexternal = false\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    assert apply(series, toy.tree("another")) == expected


LINT = {
    "deletion": (lambda text: text.replace("+one\n", "+one\n-line 4\n"), "deletes a line"),
    "context": (lambda text: text.replace("+one\n", "+one\n line 4\n"), "a context line"),
    "old lines": (lambda text: text.replace("-3,0 +4", "-3 +4"), "replaces or shows 1 line"),
    "heading": (lambda text: text.replace("+4 @@", "+4 @@ def train():"), r"text after @@: 'def train\(\):'"),
    "short hash": (lambda text: text.replace(blob(TRAIN), blob(TRAIN)[:7]), "two full blob hashes"),
    "no index": (lambda text: text.replace("index ", "indices "), "two full blob hashes"),
    "no newline": (lambda text: text + "\\ No newline at end of file\n", "ends without a newline"),
    "count": (lambda text: text.replace("+4 @@", "+4,2 @@"), r"head says 2 line\(s\) inserted after 3, found 1"),
    "position": (lambda text: text.replace("+4 @@", "+9 @@"), "does not follow"),
    "same place": (lambda text: text + "@@ -3,0 +5 @@\n+two\n", "does not follow"),
    "two files": (lambda text: text.replace("b/train.py\nindex", "b/other.py\nindex"), "names two files"),
    "up": (lambda text: text.replace("train.py", "../train.py"), "path '../train.py' leaves the tree"),
    "up inside": (lambda text: text.replace("train.py", "a/../../x"), "leaves the tree"),
    "absolute": (lambda text: text.replace("train.py", "/etc/x"), "path '/etc/x' leaves the tree"),
    "git's own": (lambda text: text.replace("train.py", ".git/hooks/x"), r"path '\.git/hooks/x'"),
    "git's own, in the middle": (lambda text: text.replace("train.py", "a/.GIT/config"), r"path 'a/\.GIT/config'"),
    "backslash": (lambda text: text.replace("train.py", "a\\\\b"), "leaves the tree"),
    "submodule": (lambda text: text.replace(" 100644", " 160000"), "mode 160000"),
    "symlink": (lambda text: text.replace(" 100644", " 120000"), "mode 120000"),
    "new link": (
        lambda _: created("link", "/etc/passwd").replace("mode 100644", "mode 120000"), "mode 120000"
    ),
    "binary": (lambda text: text.partition("---")[0] + "GIT binary patch\nliteral 3\nKcmZQz\n", "GIT binary patch"),
    "deleted file": (lambda text: text.replace("index ", "deleted file mode 100644\nindex "), "deleted file mode"),
    "mode change": (lambda text: text.replace("index ", "old mode 100644\nnew mode 100755\nindex "), "old mode"),
    "rename": (lambda text: text.replace("index ", "rename from a\nrename to b\nindex "), "rename from"),
    "new without mode": (lambda text: text.replace(blob(TRAIN), NO_BLOB), "only a new file"),
    "nothing": (lambda text: text.partition("---")[0], "has no insertion"),
    "one file twice": (lambda text: text + text, "two sections"),
    "other target": (lambda text: text.replace("+++ b/train.py", "+++ b/tail.py"), r"'\+\+\+ b/tail\.py'"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "what"), LINT.values(), ids=LINT.keys())
def test_lint_refuses_and_apply_with_it(toy: Toy, spoil: Callable[[str], str], what: str) -> None:
    toy.write("0001-one.patch", spoil(section("train.py", TRAIN, 3, "one")))
    with pytest.raises(PatchError, match=what):
        apply(load(toy.folder), toy.tree())


def test_lint_tells_all_problems_with_their_lines(toy: Toy) -> None:
    body = section("train.py", TRAIN, 3, "one").replace("+one\n", "-line 4\n line 5\n").replace("+4 @@", "+4 @@ x")
    path = toy.write("0001-one.patch", body, f"Upstream: toy {toy.pin.commit}\nVersoin: 1\nWhy: so\n\n")
    twice = f"Upstream: toy {toy.pin.commit}\nVersion: 1\nWhat: it\nWhy: a\nWhy: b\n\n"
    toy.write("0002-b.patch", section("tail.py", TAIL, 1, "x"), twice)
    (toy.folder / "0009-stray.patch").touch()
    with (toy.folder / "series").open("a") as listing:
        listing.write("# a comment\n\n0007-absent.patch # and another\n")
    found = "\n".join(lint(load(toy.folder)))
    for word in (
        f"{path}:2: unknown header key 'Versoin'; did you mean 'Version'?",
        f"{path}:1: header has no 'Version'",
        f"{path}:1: header has no 'What'",
        f"{path}:9: text after @@",
        f"{path}:10: deletes a line",
        f"{path}:11: a context line",
        f"{path}:9: head says 1 line(s) inserted after 3, found 0",
        "0002-b.patch:5: duplicate header key 'Why'",
        "0009-stray.patch: not in",
        "series:5: no patch '0007-absent.patch'",
    ):
        assert word in found
    assert len(lint(load(toy.folder))) == 10


def test_lint_of_names_order_and_chain(toy: Toy) -> None:
    toy.write("0002-two.patch", section("train.py", TRAIN, 3, "one"))
    toy.write("0001-one.patch", section("train.py", TRAIN, 7, "two"))
    toy.write(
        "third.patch", section("tail.py", TAIL, 1, "x"), f"Upstream: other {'a' * 40}\nVersion: 1\nWhat: i\nWhy: s\n"
    )
    found = "\n".join(lint(load(toy.folder)))
    assert "numbers do not ascend" in found
    assert f"train.py starts from {blob(TRAIN)}, the series is at {blob(inserted(TRAIN, 3, 'one'))}" in found
    assert "third.patch: name must be" in found
    assert f"third.patch: is for 'other {'a' * 40}'" in found


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "nothing to apply"),
        (section("train.py", TRAIN, 3, "x").replace("@@ -3,0", "@@ -3;0"), "0001-x.patch:10: .*is not a hunk"),
    ],
)
def test_load_refuses_what_is_no_patch(toy: Toy, body: str, what: str) -> None:
    toy.write("0001-x.patch", body)
    with pytest.raises(PatchError, match=what):
        load(toy.folder)


def test_load_without_a_series_and_with_bytes(toy: Toy) -> None:
    with pytest.raises(PatchError, match="series: is not readable"):
        load(toy.folder)
    toy.write("0001-x.patch", "")
    (toy.folder / "0001-x.patch").write_bytes(b"\xff")
    with pytest.raises(PatchError, match=r"0001-x\.patch: is not readable"):
        load(toy.folder)


def test_a_series_cannot_name_files_elsewhere(toy: Toy) -> None:
    (toy.folder.parent / "0001-out.patch").write_text("x")
    (toy.folder / "series").write_text("../0001-out.patch\n")
    assert lint(load(toy.folder)) == [f"{toy.folder}/series:1: no patch '../0001-out.patch' in {toy.folder}"]


def linked(toy: Toy, link: str, target: Path) -> Toy:
    """The upstream with a link in it, at a commit of its own."""
    (toy.upstream / link).unlink(missing_ok=True)
    (toy.upstream / link).symlink_to(target)
    git(toy.upstream, "add", ".")
    git(toy.upstream, "commit", "--quiet", "-m", "link")
    pin = Pin("toy", str(toy.upstream), git(toy.upstream, "rev-parse", "HEAD"))
    return dataclasses.replace(toy, pin=pin, bare=clone(pin, toy.folder.parents[1] / "linked", None))


@pytest.mark.parametrize("patterns", [("/*",), ("*.py",)], ids=["link there", "link left out"])
def test_a_new_file_behind_a_link_of_the_upstream_is_refused(toy: Toy, tmp_path: Path, patterns: tuple[str]) -> None:
    """It would be written wherever the link leads."""
    (tmp_path / "outside").mkdir()
    toy = linked(toy, "out", tmp_path / "outside")
    toy.write("0001-out.patch", created("out/escape.py", "a = 1"))
    with pytest.raises(PatchError, match=r"0001-out\.patch"):
        apply(load(toy.folder), checkout(toy.bare, toy.pin, patterns, tmp_path / "tree"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_file_that_is_a_link_in_the_upstream_is_not_patched(toy: Toy, tmp_path: Path) -> None:
    """Its target has exactly the content that the patch is made for."""
    (tmp_path / "outside.py").write_text(TRAIN)
    toy = linked(toy, "train.py", tmp_path / "outside.py")
    toy.write("0001-one.patch", section("train.py", TRAIN, 3, "one"))
    with pytest.raises(PatchError, match=r"train\.py"):
        apply(load(toy.folder), toy.tree())
    assert (tmp_path / "outside.py").read_text() == TRAIN


def edit(tree: Path, path: str, after: int, *lines: str) -> None:
    """Insert lines by hand."""
    (tree / path).write_text(inserted((tree / path).read_text(), after, *lines))


def test_new_patches_apply_again(toy: Toy) -> None:
    tree = toy.tree()
    edit(tree, "train.py", 5, "by hand")
    edit(tree, "train.py", 9, "", "def more():")
    (tree / "loss").mkdir()
    (tree / "loss" / "mine.py").write_text("x = 1\n")
    (tree / "__pycache__").mkdir()
    (tree / "__pycache__" / "junk.pyc").write_bytes(b"\0")
    first = new(toy.folder, tree, "by-hand", HEADER)
    assert first.name == "0001-by-hand.patch"
    edit(tree, "train.py", 1, "second")
    git(tree, "add", "train.py", "loss")  # staged or not is all the same
    second = new(toy.folder, tree, "second", {**HEADER, "Equation": "eq. 4\nof the paper"})
    series = load(toy.folder)
    assert [patch.path for patch in series.patches] == [first, second]
    assert lint(series) == []
    assert series.patches[0].files[0].path == "loss/mine.py"
    assert series.patches[1].header["Equation"] == "eq. 4\nof the paper"
    assert "line " not in first.read_text() + second.read_text(), "a line of the upstream is in a patch"
    fresh = toy.tree("fresh")
    apply(series, fresh)
    for name in ("train.py", "loss/mine.py"):
        assert (fresh / name).read_bytes() == (tree / name).read_bytes()


@pytest.mark.parametrize(
    ("old", "edited", "what"),
    [
        ("train.py", TRAIN.replace("line 4", "line four"), r"train\.py: replaces or shows 1 line\(s\) from line 4"),
        ("train.py", TRAIN.replace("line 4\n", ""), "train.py: replaces or shows 1"),
        ("train.py", TRAIN, "nothing was edited"),
        ("train.py", None, "deleted file mode"),
        ("tail.py", TAIL + "\nmore\n", r"tail\.py: replaces or shows 1 line"),
        ("bin.py", "\0\1", "Binary files"),
        ("bare.py", "no newline", "ends without a newline"),
    ],
)
def test_new_refuses_more_than_insertions(toy: Toy, old: str, edited: str | None, what: str) -> None:
    tree = toy.tree()
    if edited is None:
        (tree / old).unlink()
    else:
        (tree / old).write_text(edited)
    with pytest.raises(PatchError, match=what):
        new(toy.folder, tree, "bad", HEADER)
    assert list(toy.folder.iterdir()) == []


def test_new_refuses_bad_names_headers_and_trees(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    edit(tree, "train.py", 5, "by hand")
    with pytest.raises(PatchError, match=r"0002-two|train\.py: replaces"):
        new(toy.folder, tree, "without-the-series", HEADER)
    tree = toy.tree()
    apply(series, tree)
    edit(tree, "train.py", 5, "by hand")
    with pytest.raises(PatchError, match="is not a valid name"):
        new(toy.folder, tree, "../Bad", HEADER)
    with pytest.raises(PatchError, match="header has no 'Why'"):
        new(toy.folder, tree, "fine", {"What": "it"})
    (toy.folder / "0009-stray.patch").touch()
    with pytest.raises(PatchError, match=r"refused by lint:\n.*0009-stray"):
        new(toy.folder, tree, "fine", HEADER)
    (toy.folder / "0009-stray.patch").unlink()
    assert new(toy.folder, tree, "fine", HEADER).name == "0003-fine.patch"


def test_refresh_carries_later_patches_over(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    apply(series.upto("0001-one.patch"), tree)
    (tree / "train.py").write_text(inserted(TRAIN, 3, "one, better", "and longer"))
    written = refresh(series, tree, "0001-one.patch")
    assert [path.name for path in written] == ["0001-one.patch", "0002-two.patch"]
    fresh = toy.tree("fresh")
    apply(load(toy.folder), fresh)
    expected = inserted(inserted(TRAIN, 3, "one, better", "and longer"), 8, "two", "more")
    assert (fresh / "train.py").read_text() == expected
    assert (fresh / "loss" / "extra.py").exists()


def test_refresh_without_an_edit_changes_nothing(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    apply(series.upto("0001-one.patch"), tree)
    assert refresh(series, tree, "0001-one.patch") == []


def test_refresh_after_the_pin_has_moved(toy: Toy, series: Series) -> None:
    moved_text = inserted(TRAIN, 0, "new first", "new second")
    move_pin(toy, "train.py", moved_text)
    tree = toy.tree()
    edit(tree, "train.py", 5, "one")
    refresh(series, tree, "0001-one.patch")
    again = load(toy.folder)
    assert {patch.commit for patch in again.patches} == {toy.pin.commit}
    apply(again, tree := toy.tree())
    assert (tree / "train.py").read_text() == inserted(inserted(moved_text, 5, "one"), 9, "two", "more")


def move_pin(toy: Toy, path: str, text: str) -> None:
    """Give the upstream a new commit and the harness a pin on it."""
    (toy.upstream / path).parent.mkdir(exist_ok=True)
    (toy.upstream / path).write_text(text)
    git(toy.upstream, "add", path)
    git(toy.upstream, "commit", "--quiet", "-m", "moved")
    toy.pin = Pin("toy", toy.pin.url, git(toy.upstream, "rev-parse", "HEAD"))
    toy.bare = clone(toy.pin, toy.folder.parents[1] / "cache", None)


def test_refresh_goes_in_order(toy: Toy, series: Series) -> None:
    move_pin(toy, "train.py", inserted(TRAIN, 0, "new first"))
    with pytest.raises(PatchError, match=r"refresh 0001-one\.patch first"):
        refresh(series, toy.tree(), "0002-two.patch")


def test_refresh_refuses_to_create_what_the_upstream_has_now(toy: Toy, series: Series) -> None:
    move_pin(toy, "loss/extra.py", "theirs\n")
    tree = toy.tree()
    edit(tree, "train.py", 3, "one")
    with pytest.raises(PatchError, match=r"loss/extra\.py exists, or not, contrary to the patch"):
        refresh(series, tree, "0001-one.patch")


def test_refresh_refuses_patches_that_do_not_yield_their_blobs(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    edit(tree, "train.py", 3, "one, better")
    series.patches[1].path.write_text(series.patches[1].path.read_text().replace("+two", "+tow"))
    with pytest.raises(PatchError, match=r"train\.py: insertions do not yield blob"):
        refresh(load(toy.folder), tree, "0001-one.patch")


def test_insertions_whose_places_changed_order_are_not_carried_over() -> None:
    one, two = ("".join(f"{name} {i}\n" for i in range(8)) for name in "ab")
    file = FilePatch("x.py", "", "", (Hunk(4, 5, ("first",)), Hunk(12, 14, ("second",))), 2)
    with pytest.raises(ValueError, match="changed their order"):
        moved(file, one + two, two + one)


def test_refresh_refuses_a_lost_place_and_writes_nothing(toy: Toy, series: Series) -> None:
    before = {path: path.read_text() for path in toy.folder.iterdir()}
    tree = toy.tree()
    (tree / "train.py").write_text(inserted(TRAIN, 6, "one"))  # now where 0002 inserts
    with pytest.raises(PatchError, match=r"0002-two.patch: train.py: the lines around line 7 have changed"):
        refresh(series, tree, "0001-one.patch")
    assert {path: path.read_text() for path in toy.folder.iterdir()} == before


def test_refresh_refuses_a_tree_with_the_whole_series(toy: Toy, series: Series) -> None:
    tree = toy.tree()
    apply(series, tree)
    with pytest.raises(
        PatchError, match=r"0002-two.patch: the edited tree also contains the lines of this later patch"
    ):
        refresh(series, tree, "0001-one.patch")


def test_refresh_of_an_unknown_patch(toy: Toy, series: Series) -> None:
    with pytest.raises(PatchError, match=r"did you mean '0001-one\.patch'"):
        refresh(series, toy.tree(), "0001-on.patch")


def test_a_place_is_found_only_where_it_is_one_place() -> None:
    assert place(TRAIN, 5, "x\n" + TRAIN) == 6
    assert place(TRAIN, 0, TRAIN + "x\n") == 0
    assert place(TRAIN, 10, "x\n" + TRAIN) == 11
    block = "a\nb\nc\nd\n"
    assert place(f"1\n{block}2\n{block}3\n", 8, f"0\n1\n{block}2\n{block}3\n") == 9  # a wider look tells them apart
    with pytest.raises(ValueError, match="in several places"):
        place(f"1\n{block * 2}2\n", 5, block * 4)
    with pytest.raises(ValueError, match="have changed"):
        place(TRAIN, 5, TRAIN.replace("line 4", "line four"))


def test_parse_and_render_agree_on_text_of_any_kind(toy: Toy) -> None:
    body = section("train.py", TRAIN, 3, "@@ -1 +1 @@", "diff --git a/x b/x", "+plus", "-minus", " ü\t\x0c", "")
    path = toy.write("0001-invalid.patch", body)
    patch = parse(path)
    assert patch.problems == ()
    assert render(patch.header, patch.files) == path.read_text()
    assert (apply(load(toy.folder), tree := toy.tree()), (tree / "train.py").read_text())[1] == inserted(
        TRAIN, 3, "@@ -1 +1 @@", "diff --git a/x b/x", "+plus", "-minus", " ü\t\x0c", ""
    )


@pytest.mark.upstream
def test_the_series_of_the_real_upstream(tmp_path: Path) -> None:
    template = os.environ.get("HARNESS_GIT_MIRROR")
    if not template:
        pytest.skip("HARNESS_GIT_MIRROR is not set: no real upstream available")
    series = load(Path(patches.__file__).parents[3] / "patches" / "s3rec")
    assert lint(series) == []
    pin = Pin("s3rec", "https://github.com/aHuiWang/CIKM2020-S3Rec", series.patches[0].commit)
    bare = clone(pin, tmp_path / "cache", template)
    identity = verify(series, bare, pin, tmp_path / "few")
    assert identity == apply(series, checkout(bare, pin, ("*.py",), tmp_path / "all"))
    ours = {line[1:].strip() for patch in series.patches for line in patch.path.read_text().splitlines()}
    theirs = {line.strip() for path in series.paths for line in read_blob(bare, pin, path).decode().splitlines()}
    shared = {line for line in ours & theirs if len(line) > 30 and not line.startswith("def ")}
    assert shared == set(), "lines of the upstream are in our patches"  # except the head of an overriding method

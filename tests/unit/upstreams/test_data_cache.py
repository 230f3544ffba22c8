"""Data files by hash, and the counts of their users, items and interactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import DatasetError, SourceError
from harness.core.files import sha256_bytes
from harness.upstreams.data_cache import Counts, PinnedFile, compare, count_sequences, materialise

CONTENT = {"data/a.txt": b"1 5 6\n", "data/b.json": b"{}"}
FILES = tuple(PinnedFile(path, sha256_bytes(data), Path(path).name) for path, data in CONTENT.items())


def never(path: str) -> bytes:
    raise AssertionError(f"{path} was read again")


def test_files_lie_under_their_names(tmp_path: Path) -> None:
    folder = materialise(FILES, CONTENT.__getitem__, tmp_path)
    assert folder.parent == tmp_path / "data"
    assert (folder / "a.txt").read_bytes() == CONTENT["data/a.txt"]
    assert (folder / "b.json").read_bytes() == CONTENT["data/b.json"]


def test_the_folder_is_reused_whatever_the_order_and_the_path_upstream(tmp_path: Path) -> None:
    folder = materialise(FILES, CONTENT.__getitem__, tmp_path)
    assert materialise(tuple(reversed(FILES)), never, tmp_path) == folder
    moved = tuple(PinnedFile("elsewhere", file.content, file.name) for file in FILES)
    assert materialise(moved, never, tmp_path, recheck=True) == folder


def test_another_content_or_name_is_another_folder(tmp_path: Path) -> None:
    one = materialise(FILES[:1], CONTENT.__getitem__, tmp_path)
    renamed = PinnedFile(FILES[0].path, FILES[0].content, "c.txt")
    assert len({one, materialise(FILES, CONTENT.__getitem__, tmp_path)}) == 2
    assert materialise([renamed], CONTENT.__getitem__, tmp_path) != one


def test_a_wrong_file_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        materialise(FILES, lambda path: CONTENT[path] if "a" in path[5:] else b"[]", tmp_path)
    for word in ("data/b.json", FILES[1].content, sha256_bytes(b"[]"), "fix:"):
        assert word in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_file_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    def lacking(path: str) -> bytes:
        raise SourceError("toy", f"the mirror lacks {path}")

    with pytest.raises(SourceError, match=r"lacks data/a\.txt"):
        materialise(FILES, lacking, tmp_path)
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "no marker"])
def test_a_damaged_folder_is_made_again(tmp_path: Path, damage: str) -> None:
    folder = materialise(FILES, CONTENT.__getitem__, tmp_path)
    if damage == "truncate":
        (folder / "a.txt").write_bytes(b"1 5")
    else:
        (folder / ("a.txt" if damage == "remove" else ".sizes")).unlink()
    assert materialise(FILES, CONTENT.__getitem__, tmp_path) == folder
    assert (folder / "a.txt").read_bytes() == CONTENT["data/a.txt"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == [folder.name]


def test_recheck_finds_a_change_of_equal_size(tmp_path: Path) -> None:
    folder = materialise(FILES, CONTENT.__getitem__, tmp_path)
    (folder / "a.txt").write_bytes(b"1 5 7\n")
    materialise(FILES, never, tmp_path)  # sizes alone do not tell
    materialise(FILES, CONTENT.__getitem__, tmp_path, recheck=True)
    assert (folder / "a.txt").read_bytes() == CONTENT["data/a.txt"]


@pytest.mark.parametrize("name", ["../a", "/a", "", ".sizes", "x/../../a"])
def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="leaves the data folder"):
        materialise([PinnedFile("data/a.txt", FILES[0].content, name)], CONTENT.__getitem__, tmp_path)


def test_counts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "toy.txt").write_text("1 5 6 5\n2 6\n7 9 10 11\n")  # user 1 has item 5 twice
    assert count_sequences(tmp_path / "toy.txt") == Counts(users=3, items=5, interactions=7)


@pytest.mark.parametrize(
    ("line", "what"), [("2 x", "not a line of ids"), ("", "not a line of ids"), ("2", "no items"), ("1 6", "two lines")]
)
def test_a_line_that_cannot_be_meant_is_named(tmp_path: Path, line: str, what: str) -> None:
    (tmp_path / "toy.txt").write_text(f"1 5\n{line}\n3 5\n")
    with pytest.raises(DatasetError, match=f"toy.txt:2: .*{what}"):
        count_sequences(tmp_path / "toy.txt")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"toy\.txt: is not readable"):
        count_sequences(tmp_path / "toy.txt")


def test_compare_names_each_difference_with_its_sign() -> None:
    found = compare(Counts(30431, 20033, 316354), Counts(30431, 20034, 316454), "li2023/table1")
    assert found == [
        "items: 20,033 in the file, 20,034 in li2023/table1 (-1)",
        "interactions: 316,354 in the file, 316,454 in li2023/table1 (-100)",
    ]
    assert compare(Counts(1, 2, 3), Counts(1, 2, 3), "here") == []

"""What a program may leave in a folder, and what is taken away before anybody reads it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core import untrusted_files
from harness.core.files import remove_tree

MOST = {"events.jsonl": 100, "ranks-*.npz": 100}


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


INVALID: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (lambda path: path.symlink_to("/etc/passwd"), "a link"),
    "dangling link": (lambda path: path.symlink_to("../../../nowhere"), "a link"),
    "link to a folder": (lambda path: path.symlink_to("/etc"), "a link"),
    "pipe": (os.mkfifo, "a pipe"),
    "socket": (a_socket, "a socket"),
}


@pytest.mark.parametrize(("make", "what"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("inner", ["", "out/deep"])
def test_what_is_no_plain_file_is_removed_and_told(
    tmp_path: Path, make: Callable[[Path], object], what: str, inner: str
) -> None:
    folder = tmp_path / "run"
    place = folder / inner
    place.mkdir(parents=True)
    (place / "good").write_text("good")
    make(place / "invalid")
    found = untrusted_files.clear(folder, MOST)
    assert f"'{inner}{'/' if inner else ''}invalid', {what}" in found
    assert not os.path.lexists(place / "invalid")
    assert (place / "good").read_text() == "good"
    assert Path("/etc/passwd").read_text()
    assert untrusted_files.clear(folder, MOST) == []


def test_a_file_with_a_second_name_is_removed(tmp_path: Path) -> None:
    """The other one may lie anywhere on this disk."""
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "outside").write_text("x")
    os.link(tmp_path / "outside", folder / "invalid")
    assert untrusted_files.clear(folder, MOST) == ["'invalid', a file with a second name"]
    assert (tmp_path / "outside").read_text() == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_removed(tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    assert untrusted_files.clear(tmp_path, MOST) == ["'null', a device"]


def test_files_that_somebody_reads_whole_are_of_a_size(tmp_path: Path) -> None:
    """All of one kind together: a record with a thousand large ones would fill the store."""
    for name, size in (("events.jsonl", 101), ("ranks-a.npz", 60), ("ranks-b.npz", 60), ("other", 1000)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "events.jsonl").write_bytes(b"x" * 1000)
    found = untrusted_files.clear(tmp_path, MOST)
    assert "'events.jsonl', larger than a record may be" in found
    assert len(found) == 2
    assert len(list(tmp_path.glob("ranks-*.npz"))) == 1
    assert (tmp_path / "out" / "events.jsonl").is_file()


def test_a_folder_in_the_place_of_a_file_is_removed(tmp_path: Path) -> None:
    (tmp_path / "ranks-test.npz").mkdir()
    (tmp_path / "ranks-test.npz" / "x").touch()
    assert untrusted_files.clear(tmp_path, MOST) == ["'ranks-test.npz', a folder"]
    assert not (tmp_path / "ranks-test.npz").exists()


def nest(folder: Path, depth: int) -> None:
    """Folders in folders, with a file in the last, by descriptors, since no path is that long."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)


def test_folders_nested_too_deep_are_removed_without_exhausting_anybody(tmp_path: Path) -> None:
    """shutil.rmtree of Python 3.11 ends with a RecursionError on these, or has no descriptors left."""
    nest(tmp_path, 3000)
    (found,) = untrusted_files.clear(tmp_path, MOST)
    assert found.endswith("folders nested too deep")
    assert untrusted_files.excess(tmp_path, 1 << 30) == ""
    remove_tree(tmp_path / "d")
    (tmp_path / "run").mkdir()
    nest(tmp_path / "run", 3000)
    assert untrusted_files.excess(tmp_path / "run", 1 << 30) == "made folders nested too deep"
    remove_tree(tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_what_is_too_much(tmp_path: Path) -> None:
    assert untrusted_files.excess(tmp_path, 1 << 20) == ""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"x" * (600 << 10))
    assert untrusted_files.excess(tmp_path, 1 << 20) == ""
    (tmp_path / "y").write_bytes(b"x" * (600 << 10))
    assert untrusted_files.excess(tmp_path, 1 << 20) == "wrote more than 1 MB"


def test_a_file_that_claims_to_be_large_counts(tmp_path: Path) -> None:
    """It takes no room where it lies, and all of it where it is copied to."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 20)
    assert untrusted_files.excess(tmp_path, 1 << 20) == "wrote more than 1 MB"


def test_too_many_files_are_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted_files, "MOST_ENTRIES", 3)
    for n in range(4):
        (tmp_path / str(n)).touch()
    assert untrusted_files.excess(tmp_path, 1 << 20) == "made more than 3 files"


def test_a_link_is_never_followed_while_looking(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    for path in (folder, outside):
        path.mkdir()
    (outside / "large").write_bytes(b"x" * (2 << 20))
    (folder / "link").symlink_to(outside)
    assert untrusted_files.excess(folder, 1 << 20) == ""
    assert untrusted_files.clear(folder, MOST) == ["'link', a link"]
    assert (outside / "large").is_file()


def test_a_folder_that_was_closed_is_opened_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "shut" / "inner").mkdir(parents=True)
    (folder / "shut" / "inner" / "invalid").symlink_to("/")
    (folder / "shut").chmod(0)
    assert untrusted_files.clear(folder, MOST) == ["'shut/inner/invalid', a link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_giving_changes_no_file_that_a_link_names(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.touch()
    (folder / "link").symlink_to(outside)
    (folder / "file").touch()
    untrusted_files.chown_tree(folder, 4321, 4321)
    assert (folder / "file").stat().st_uid == (folder / "link").lstat().st_uid == folder.stat().st_uid == 4321
    assert outside.stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("file", []),
        ("../file", []),
        ("{folder}/file", []),
        ("/inside/file", []),
        ("{folder}", ["'out/invalid', a link"]),
        ("{folder}-other/file", ["'out/invalid', a link"]),
        ("../../file", ["'out/invalid', a link"]),
        ("{folder}/../file", ["'out/invalid', a link"]),
        ("/inside/../file", ["'out/invalid', a link"]),
        ("/file", ["'out/invalid', a link"]),
    ],
)
def test_a_link_within_the_folder_is_removed_and_not_told(tmp_path: Path, target: str, message: list[str]) -> None:
    folder = tmp_path / "run"
    (folder / "out").mkdir(parents=True)
    (folder / "out" / "invalid").symlink_to(target.format(folder=folder))
    assert untrusted_files.clear(folder, MOST, "/inside") == message
    assert not os.path.lexists(folder / "out" / "invalid")

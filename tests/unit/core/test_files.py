"""Atomic writing, with real readers, a real full disk and a real kill."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.errors import StoreError
from harness.core.files import (
    canonical_json,
    disk_errors,
    remove_tree,
    sha256_bytes,
    sha256_file,
    write_json,
    write_whole,
)

LARGE = 400_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root on Linux")
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip(f"no tmpfs here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_hashes_are_those_of_hashlib(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some bytes\r\n" * 9)
    assert sha256_file(path) == sha256_bytes(path.read_bytes()) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_canonical_json_depends_on_values_alone() -> None:
    assert canonical_json({"b": [1, {"y": 2, "x": 3}], "a": "é"}) == '{"a":"é","b":[1,{"x":3,"y":2}]}'


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


def test_a_file_is_written_with_its_folders_and_can_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_whole(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    """A thread reads as fast as it can while the file is replaced by ever other contents of one letter each."""
    path = tmp_path / "file"
    write_whole(path, "a" * LARGE)
    seen: set[tuple[int, str]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            text = path.read_text()
            seen.add((len(text), "".join(sorted(set(text)))))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for i in range(150):
        write_whole(path, "abcdefghij"[i % 10] * LARGE)
    done.set()
    reader.join()
    assert len(seen) > 1, "the reader was too slow to tell anything"
    assert {length for length, _ in seen} == {LARGE}
    assert {len(letters) for _, letters in seen} == {1}


def test_a_killed_writer_leaves_the_old_content_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "file"
    code = (
        "import sys; from pathlib import Path; from harness.core.files import write_whole\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        f"    [write_whole(Path(sys.argv[1]), letter * {LARGE}) for letter in 'ab']\n"
    )
    for delay in (0.01, 0.023, 0.037):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(delay)
            writer.kill()
        text = path.read_text() if path.exists() else "a" * LARGE
        assert len(text) == LARGE
        assert len(set(text)) == 1


def test_a_full_disk_is_told_with_a_way_out_and_leaves_the_old_file(small_disk: Path) -> None:
    path = small_disk / "record.json"
    write_whole(path, "old")
    with pytest.raises(StoreError) as caught:
        write_whole(path, "x" * LARGE)
    assert caught.value.where == str(path)
    assert os.strerror(errno.ENOSPC) in caught.value.what
    assert "free some space" in caught.value.fix
    assert path.read_text() == "old"
    assert os.listdir(small_disk) == ["record.json"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write: File exists"):
        write_whole(tmp_path / "file" / "below", "text")


@pytest.mark.parametrize(
    ("number", "fix"), [(errno.EACCES, "writable"), (errno.EROFS, "writable"), (errno.EIO, "check the disk")]
)
def test_every_failing_disk_has_a_fix(number: int, fix: str) -> None:
    with pytest.raises(StoreError, match=fix) as caught, disk_errors(Path("/place")):
        raise OSError(number, "from the system")
    assert os.strerror(number) in str(caught.value)


def test_other_errors_pass_through_disk_errors() -> None:
    with pytest.raises(KeyError), disk_errors(Path("/place")):
        raise KeyError("not the disk's")


def test_json_is_for_people_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": "é"})
    assert path.read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("inf")})
    assert json.loads(path.read_text()) == {"b": 1, "a": "é"}


def test_a_tree_is_removed_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "file").touch()
    remove_tree(folder)
    remove_tree(folder)
    assert not folder.exists()

"""The content of locks: order, comments and line ends change nothing, every pin and hash does."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import ConfigError
from harness.environments.locks import content_hash

ROOT = Path(__file__).resolve().parents[3]
LOCK = """# a comment
--index-url https://example.org/simple
Some_Package[extra]==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
other==2.0+cpu \\
    --hash=sha256:cc
"""


def hashed(folder: Path, text: str) -> str:
    path = folder / "a.lock"
    path.write_bytes(text.encode())
    return content_hash(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("# a comment\n", ""),
        ("aa \\\n    --hash=sha256:bb", "bb \\\n    --hash=sha256:aa"),
        ("Some_Package", "some-package"),
        ("'win32'", '"win32"'),
        ("other==2.0+cpu", "# why\n\nother == 2.0+cpu"),
        (" \\\n    ", " "),
    ],
)
def test_how_a_lock_is_written_changes_nothing(tmp_path: Path, old: str, new: str) -> None:
    assert old in LOCK
    assert hashed(tmp_path, LOCK.replace(old, new)) == hashed(tmp_path, LOCK)


def test_the_order_of_packages_changes_nothing(tmp_path: Path) -> None:
    first, second = LOCK.split("other")
    assert hashed(tmp_path, f"other{second}{first}") == hashed(tmp_path, LOCK)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1.0", "1.1"), ("cpu", "cu"), ("sha256:cc", "sha256:cd"), ("    --hash=sha256:bb\n", "\n"),
        ("win32", "linux"), ("[extra]", ""), ("other", "another"), ("example.org", "example.com"),
        ("other==2.0+cpu", "other==2.0+cpu ; python_version < '3.9'"), ("# a comment", "not a requirement"),
    ],
)  # fmt: skip
def test_what_a_lock_pins_changes_its_hash(tmp_path: Path, old: str, new: str) -> None:
    assert old in LOCK
    assert hashed(tmp_path, LOCK.replace(old, new)) != hashed(tmp_path, LOCK)


def test_a_lock_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not readable"):
        content_hash(tmp_path / "gone.lock")


def test_the_project_s_locks_differ() -> None:
    paths = list((ROOT / "dockerfiles").glob("*.lock"))
    assert len({content_hash(path) for path in paths}) == len(paths) > 4

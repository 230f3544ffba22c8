"""Environments from locks, with real pip on a wheel made here, so that no network is needed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from made_wheels import wheel

from harness.core.errors import ConfigError, SetupError
from harness.core.process import capture
from harness.core.project_file import Environment
from harness.environments.locks import content_hash
from harness.environments.venv import PYTHON, Request, child_env, identity, packages, realise, resolved

ENV = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": "/must/not/matter"}
SYSTEM, MACHINE, PY = platform.system().lower(), platform.machine().lower(), f"py{PYTHON.replace('.', '')}"


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A request for an environment whose lock has `tiny`, found in a folder of wheels."""
    (tmp_path / "tiny.lock").write_text(wheel(tmp_path / "wheels"))
    args = ("--no-index", "--find-links", (tmp_path / "wheels").as_uri(), "--no-cache-dir")
    environment = Environment(kind="venv", locks={"cpu": "tiny.lock"}, packages=("tiny",))
    return Request("small", environment, "cpu", tmp_path, tmp_path / "cache", args, ENV)


def inheriting(request: Request, *names: str, python: str = sys.executable) -> Request:
    environment = Environment(kind="inherit", packages=names)
    return dataclasses.replace(request, environment=environment, python=python)


@pytest.mark.long
def test_a_lock_becomes_an_environment_once(request_: Request, tmp_path: Path) -> None:
    python = realise(request_)
    assert python.is_relative_to(tmp_path / "cache" / "environments")
    assert capture([str(python), "-c", "import tiny; print(tiny.VERSION)"], {}) == "1.0\n"
    found = resolved(python, ENV)
    assert (found["tiny"], found["python"]) == ("1.0", platform.python_version())
    shutil.rmtree(tmp_path / "wheels")  # nothing is left to install from
    before = (python.parent.parent / "packages.json").stat().st_mtime_ns
    assert realise(request_) == python
    assert (python.parent.parent / "packages.json").stat().st_mtime_ns == before


@pytest.mark.long
def test_a_half_made_environment_is_made_again(request_: Request) -> None:
    python = realise(request_)
    folder = python.parent.parent
    (folder / "packages.json").unlink()  # as after a kill during the installation
    python.unlink()
    (folder / "left-behind").touch()
    assert realise(request_) == python
    assert resolved(python, ENV)["tiny"] == "1.0"
    assert not (folder / "left-behind").exists()


def test_a_link_to_a_removed_environment_is_replaced(request_: Request, tmp_path: Path) -> None:
    folder = realise(request_).parent.parent
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "gone")
    assert realise(request_) == folder / "bin" / "python"
    assert not folder.is_symlink()
    assert resolved(folder / "bin" / "python", ENV)["tiny"] == "1.0"


@pytest.mark.long
def test_another_lock_is_another_environment(request_: Request, tmp_path: Path) -> None:
    first, was = realise(request_), identity(request_)
    (tmp_path / "tiny.lock").write_text(wheel(tmp_path / "wheels", "2.0"))
    second = realise(request_)
    assert identity(request_) != was
    assert [resolved(python, ENV)["tiny"] for python in (first, second)] == ["1.0", "2.0"]


@pytest.mark.long
def test_a_wheel_with_another_hash_is_refused_with_pip_s_words_and_nothing_is_left(
    request_: Request, tmp_path: Path
) -> None:
    expected = hashlib.sha256(b"another file").hexdigest()
    (tmp_path / "tiny.lock").write_text(f"tiny==1.0 --hash=sha256:{expected}\n")
    with pytest.raises(SetupError) as caught:
        realise(request_)
    assert caught.value.where == "environment small"
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in caught.value.what
    assert expected in caught.value.what
    assert "HARNESS_PIP_ARGS" in caught.value.fix
    left = [p for p in (tmp_path / "cache" / "environments").iterdir() if p.suffix != ".lock"]
    assert left == []


@pytest.mark.long
def test_a_package_without_a_hash_is_refused(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "tiny.lock").write_text("tiny==1.0\n")
    with pytest.raises(SetupError, match="hash"):
        realise(request_)


@pytest.mark.long
def test_a_package_that_no_index_has_is_told(request_: Request, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "wheels")
    (tmp_path / "wheels").mkdir()
    with pytest.raises(SetupError, match=r"No matching distribution found for tiny==1\.0"):
        realise(request_)


def test_identity_of_a_locked_environment_is_its_lock(request_: Request, tmp_path: Path) -> None:
    assert identity(request_) == {"lock": content_hash(tmp_path / "tiny.lock"), "python": PYTHON}
    assert not (tmp_path / "cache").exists()


def test_the_most_specific_lock_is_taken(request_: Request) -> None:
    names = ["cpu", f"cpu-{SYSTEM}", f"cpu-{SYSTEM}-{MACHINE}", f"cpu-{SYSTEM}-{MACHINE}-{PY}"]
    for n in range(1, len(names) + 1):
        locks = {name: f"{name}.lock" for name in [*names[:n], "cuda", "cpu-plan9"]}
        environment = Environment(kind="venv", locks=locks)
        assert dataclasses.replace(request_, environment=environment).lock.name == f"{names[n - 1]}.lock"


def test_no_lock_for_a_device_is_told_with_those_there_are(request_: Request) -> None:
    with pytest.raises(ConfigError, match=rf"environments.small.locks: no lock for cuda-{SYSTEM}.*\n  fix: known: cpu"):
        identity(dataclasses.replace(request_, device="cuda"))


def test_a_lock_that_is_not_there_is_told(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "tiny.lock").unlink()
    with pytest.raises(ConfigError, match=r"tiny\.lock: no such lock"):
        identity(request_)


def test_an_inherited_interpreter_stands_by_the_versions_of_what_is_needed(request_: Request) -> None:
    have = packages(sys.executable, ENV)
    request = inheriting(request_, "numpy", "scipy")
    assert identity(request) == {"numpy": have["numpy"], "scipy": have["scipy"], "python": PYTHON}
    assert realise(request) == Path(sys.executable).absolute()
    assert resolved(realise(request), ENV)["numpy"] == have["numpy"]


def test_the_kind_asked_for_wins_over_the_environment_s_own(request_: Request) -> None:
    assert dataclasses.replace(request_, kind="inherit").inherits
    assert not dataclasses.replace(inheriting(request_), kind="venv").inherits


def test_what_an_inherited_interpreter_lacks_is_told_at_once(request_: Request) -> None:
    with pytest.raises(SetupError, match=r"lacks nosuch, nothing\n  fix: install them there"):
        identity(inheriting(request_, "nosuch", "numpy", "nothing"))


def test_an_interpreter_is_found_on_the_path_and_becomes_absolute(request_: Request, tmp_path: Path) -> None:
    """`--python python3` used to be looked for in the run's folder, and every dot of a stored log was replaced."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mypython").symlink_to(sys.executable)
    request = dataclasses.replace(inheriting(request_, python="mypython"), base_env={"PATH": str(tmp_path / "bin")})
    assert realise(request) == tmp_path / "bin" / "mypython"


def test_an_interpreter_that_is_not_there_is_told(request_: Request) -> None:
    with pytest.raises(SetupError, match="nosuchpython: no such interpreter"):
        identity(inheriting(request_, python="nosuchpython"))


def test_locks_and_identity_follow_the_interpreter_that_is_named(request_: Request, tmp_path: Path) -> None:
    """Regression: they followed the harness's own version, not --python."""
    fake = tmp_path / "python3.9"
    fake.write_text("#!/bin/sh\necho 3.9\n")
    fake.chmod(0o755)
    locks = {"cpu": "tiny.lock", f"cpu-{SYSTEM}-{MACHINE}-{PY}": "ours.lock"}
    request = dataclasses.replace(request_, environment=Environment(kind="venv", locks=locks), python=str(fake))
    assert identity(request) == {"lock": content_hash(tmp_path / "tiny.lock"), "python": "3.9"}


def test_of_a_package_that_is_there_twice_the_imported_one_counts(tmp_path: Path) -> None:
    for name, version in (("first", "1.0"), ("second", "2.0")):
        wheel(tmp_path / name, version)
        with zipfile.ZipFile(tmp_path / name / f"tiny-{version}-py3-none-any.whl") as file:
            file.extractall(tmp_path / name)
    env = {**ENV, "PYTHONPATH": f"{tmp_path / 'first'}{os.pathsep}{tmp_path / 'second'}"}
    assert capture([sys.executable, "-c", "import tiny; print(tiny.VERSION)"], env) == "1.0\n"
    assert packages(sys.executable, env)["tiny"] == "1.0"


def test_a_package_without_a_name_does_not_end_everything(tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nVersion: 1.0\n")
    assert "numpy" in packages(sys.executable, {**ENV, "PYTHONPATH": str(tmp_path)})


def test_children_get_a_fixed_number_of_threads_and_no_gpu_unless_asked() -> None:
    python = Path("/env/bin/python")
    env = child_env({"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1", "TZ": "Asia/Tokyo"}, python, 3, "cpu")
    assert {env[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {"3"}
    assert (env["CUDA_VISIBLE_DEVICES"], env["PYTHONHASHSEED"], env["TZ"]) == ("", "0", "UTC")
    assert env["PATH"] == f"/env/bin{os.pathsep}/bin"
    assert child_env({"CUDA_VISIBLE_DEVICES": "1"}, python, 1, "cuda")["CUDA_VISIBLE_DEVICES"] == "1"


def test_packages_are_json_with_names_in_lower_case() -> None:
    found = packages(sys.executable, ENV)
    assert json.loads(json.dumps(found)) == found
    assert all(name == name.lower() for name in found)

"""Images on a real engine: built once, complete, without build settings, and pruned safely."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from base_image import python_version
from made_wheels import wheel
from small_images import Built, Small, remove_all

from harness.core.errors import SetupError
from harness.core.files import sha256_bytes
from harness.environments.images.build import build
from harness.environments.images.image import INTERPRETER, ImageRequest, ensure_image, find, identity, tag
from harness.environments.images.request import cache_label, content, label, labels

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.docker
MARKER = "never-in-an-image"


def run_inside(engine: docker.DockerClient, image: str, code: str) -> str:
    """What Python code prints inside an image, as the user that the image has."""
    message = engine.containers.run(image, [INTERPRETER, "-c", code], remove=True, network_mode="none")
    return bytes(message).decode().strip()


def left(engine: docker.DockerClient, small: Small) -> list[str]:
    """Images of this content that have no name, intermediate ones not counted."""
    filters = {"dangling": True, "label": f"{label('content')}={content(small.request)}"}
    return [str(image.id) for image in engine.images.list(filters=filters)]


def test_an_environment_becomes_an_image(built: Built) -> None:
    image, request = built.image, built.small.request
    assert image.tag == tag(request)
    assert image.packages.keys() == {"tiny", "python"}
    assert (image.packages["tiny"], image.packages["python"].rpartition(".")[0]) == (
        built.small.version,
        python_version(),
    )
    assert image.id.startswith("sha256:")
    assert built.messages[0] == f"image tiny: building {image.tag} on {request.base}"
    assert any(line.endswith(": install the packages of the lock") for line in built.messages)


def test_what_is_there_is_known_at_once(engine: docker.DockerClient, built: Built) -> None:
    message: list[str] = []
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        assert ensure_image(engine, built.small.request, message.append) == built.image
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1
    assert message == []


def test_inside_there_are_the_lock_s_packages_and_a_user_without_rights(
    engine: docker.DockerClient, built: Built
) -> None:
    code = (
        "import getpass, importlib.metadata as m, json, os, sys, tiny, importlib.util as u;"
        "print(json.dumps([tiny.VERSION, os.getuid(), getpass.getuser(), sys.prefix, sys.executable,"
        " sorted(d.name for d in m.distributions()), u.find_spec('pip') is None, os.environ['PATH']]))"
    )
    version, user, name, prefix, program, packages, no_pip, path = json.loads(run_inside(engine, built.image.tag, code))
    assert (version, user, name, prefix) == (built.small.version, 1000, "harness", "/opt/environment")
    assert (program, packages, no_pip) == (INTERPRETER, ["Tiny"], True)
    assert path.startswith("/opt/environment/bin:/")


def test_an_image_says_what_it_was_made_from(engine: docker.DockerClient, built: Built, base_image: str) -> None:
    labels = engine.images.get(built.image.tag).labels
    for key, value in identity(built.small.request).items():
        assert labels[label(key)] == value
    assert labels[label("environment")] == "tiny"
    assert labels[label("version")] == version("seqrec-harness")
    assert labels[label("base-id")] == engine.images.get(base_image).id


def test_check_and_list_tell_of_what_is_there(built: Built) -> None:
    assert built.small.run("check")[:2] == (0, f"{built.image.tag}: complete: its packages are those of the lock\n")
    listed = built.small.run("list")[1]
    row = next(line for line in listed.splitlines() if built.image.tag.rpartition("/")[2] in line)
    assert row.split()[1] == python_version()
    assert row.endswith(" cpu")
    assert "together" in listed


def saved(engine: docker.DockerClient, image: str) -> bytes:
    """Everything that the engine would export: configuration, history, all layers."""
    return b"".join(engine.images.get(image).save(chunk_size=None))


@pytest.fixture
def fresh_base(engine: docker.DockerClient, base_image: str, tmp_path: Path) -> Iterator[str]:
    """The base under another id, so that the engine's cache knows no step of a build on it."""
    name = f"harness-test-base:fresh-{sha256_bytes(str(tmp_path).encode())[:12]}"
    file = io.BytesIO(f"FROM {base_image}\n".encode())
    engine.images.build(fileobj=file, labels={"made-at": str(time.time_ns())}, tag=name, rm=True)
    yield name
    engine.images.remove(name, force=True)


def test_nothing_that_a_build_needs_is_in_the_image(
    engine: docker.DockerClient, small: Small, fresh_base: str, tmp_path: Path
) -> None:
    certificates = tmp_path / "bundle.pem"
    certificates.write_text(f"# {MARKER}\n")
    (small.folder / "wheels" / "tiny-0.1-py3-none-any.whl").write_bytes(MARKER.encode())
    request = dataclasses.replace(
        small.request,
        base=fresh_base,
        certificates=certificates,
        proxy=f"http://{MARKER}:3128",
        pip_args=("--no-index", "--find-links", f"https://{MARKER}.example"),
    )
    image = ensure_image(engine, request)
    assert MARKER not in json.dumps(engine.api.history(image.tag))
    assert MARKER not in json.dumps(engine.api.inspect_image(image.tag))
    everything = saved(engine, image.tag)
    assert (
        f"VERSION = '{small.version}'".encode() in everything
    )  # layers are not compressed: what is looked for would be seen
    assert MARKER.encode() not in everything
    assert b"-py3-none-any.whl --hash" not in everything
    assert left(engine, small) == []


def archived(engine: docker.DockerClient, image: str) -> str:
    """A hash of all files of the environment: names, modes, times, content."""
    container = engine.containers.create(image)
    found = hashlib.sha256()
    try:
        with tempfile.TemporaryFile() as file:
            for chunk in container.get_archive("/opt/environment")[0]:
                file.write(chunk)
            file.seek(0)
            with tarfile.open(fileobj=file) as tar:
                for entry in sorted(tar.getmembers()[1:], key=lambda member: member.name):
                    data = tar.extractfile(entry) if entry.isfile() else None
                    found.update(f"{entry.name} {entry.mode:o} {entry.mtime} {entry.linkname}\n".encode())
                    found.update(data.read() if data else b"")
    finally:
        container.remove()
    return found.hexdigest()


def test_two_builds_of_one_lock_give_the_same_files(engine: docker.DockerClient, built: Built, tmp_path: Path) -> None:
    """Another cache gives the build other labels, so nothing of the first one is taken."""
    request = dataclasses.replace(built.small.request, cache=tmp_path)
    try:
        image = build(engine, request, lambda _: None)
        assert archived(engine, image) == archived(engine, built.image.tag)
    finally:
        remove_all(engine, tmp_path)


def refused(engine: docker.DockerClient, small: Small, **changes: str) -> SetupError:
    """The error of a build that must fail and leave no image; its complete log is kept."""
    request = dataclasses.replace(small.request, **changes)  # type: ignore[arg-type]
    with pytest.raises(SetupError) as caught:
        ensure_image(engine, request)
    assert caught.value.where == "image tiny"
    assert find(engine, request) is None
    log = Path(caught.value.what.rpartition("log: ")[2])
    assert log.is_relative_to(request.cache)
    assert log.read_text().startswith("Step 1/")
    return caught.value


def test_a_wheel_with_another_hash_is_refused(engine: docker.DockerClient, small: Small) -> None:
    line = wheel(small.folder / "wheels")
    other = hashlib.sha256(b"another file").hexdigest()
    (small.folder / "tiny.lock").write_text(f"tiny==1.0 --hash=sha256:{other}\n{line.replace('tiny', 'named')}")
    error = refused(engine, small)
    assert "DO NOT MATCH THE HASHES" in error.what
    assert "another file than the lock names" in error.fix


def test_a_package_that_cannot_be_had_is_told(engine: docker.DockerClient, small: Small) -> None:
    next((small.folder / "wheels").glob("*.whl")).unlink()
    error = refused(engine, small)
    assert f"No matching distribution found for tiny=={small.version}" in error.what
    assert "[images] wheels" in error.fix


def test_a_base_with_another_python_is_refused(engine: docker.DockerClient, small: Small) -> None:
    error = refused(engine, small, python="3.9")
    assert f"the base has Python {python_version()}, and Python 3.9 was declared for it" in error.what
    assert "HARNESS_BASE_PYTHON" in error.fix


def test_a_base_that_cannot_be_had_is_told(engine: docker.DockerClient, small: Small) -> None:
    error = refused(engine, small, base="localhost:1/nothing:none")
    assert "localhost:1" in error.what
    assert "load the image into it" in error.fix


def test_two_processes_build_one_image_once(small: Small) -> None:
    both = [small.start("build", "tiny") for _ in range(2)]
    ended = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert sorted("step" in err for _, err in ended) == [False, True]
    assert len({out for out, _ in ended}) == 1
    assert ended[0][0].startswith(tag(small.request))


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_build_counts_for_nothing(engine: docker.DockerClient, small: Small) -> None:
    process = small.start("build", "tiny")
    assert process.stderr is not None
    wait_for(lambda: "install the packages" in (process.stderr.readline() if process.stderr else ""))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert find(engine, small.request) is None
    assert small.run("check")[0] == 1
    status, out, err = small.run("build")
    assert (status, tag(small.request) in out) == (0, True), err
    wait_for(lambda: not left(engine, small))
    assert small.run("check")[0] == 0


def labelled(engine: docker.DockerClient, request: ImageRequest) -> str:
    """The name of an image that has the labels of a request, and nothing but its base inside."""
    ours = {**labels(request), label("packages"): json.dumps({"tiny": "1.0", "python": "3.11.2"})}
    file = io.BytesIO(f"FROM {request.base}\n".encode())
    engine.images.build(fileobj=file, labels=ours, tag=tag(request), rm=True)
    return tag(request)


def test_another_image_under_our_name_does_not_count(
    engine: docker.DockerClient, small: Small, base_image: str
) -> None:
    other = labelled(engine, small.request)
    small.lock("2.0")
    for image, expected in (
        (base_image, "would be built"),
        (other, "would be rebuilt: its name belongs to another image"),
    ):
        engine.images.get(image).tag(tag(small.request))  # without our labels; with those of another lock
        assert find(engine, small.request) is None
        status, out, _ = small.run("check")
        assert (status, expected in out) == (1, True)
    engine.images.remove(tag(small.request))


def test_check_tells_why_an_image_would_be_built_again_or_is_not_whole(
    engine: docker.DockerClient, small: Small
) -> None:
    old = labelled(engine, small.request)
    assert "tiny is 1.0, not " in small.run("check")[1]
    small.lock("2.0")
    status, out, _ = small.run("check")
    assert status == 1
    assert f"would be built: the lock changed since {old.rpartition('/')[2]}" in out


def test_prune_removes_what_no_environment_needs_and_no_more(
    engine: docker.DockerClient, small: Small, tmp_path: Path, base_image: str
) -> None:
    old = labelled(engine, small.request)
    small.lock("3.0")
    foreign = dataclasses.replace(small.request, cache=tmp_path / "other")
    other = labelled(engine, foreign)
    small.lock("2.0")
    new = labelled(engine, small.request)
    try:
        status, dry, _ = small.run("prune", "--dry-run")
        assert (status, f"would remove {old.rpartition('/')[2]}" in dry) == (0, True)
        assert there(engine, old)
        status, done, _ = small.run("prune")
        assert (status, f"removed {old.rpartition('/')[2]}" in done) == (0, True)
        assert [there(engine, name) for name in (old, new, other, base_image)] == [False, True, True, True]
        assert "0 images, 0.0 MB freed" in small.run("prune")[1]
    finally:
        remove_all(engine, foreign.cache)


def test_prune_removes_what_a_killed_build_left(engine: docker.DockerClient, small: Small) -> None:
    text = f"FROM {small.request.base}\nLABEL {label('stage')}=builder"
    ours = {label("content"): "0" * 64, label("cache"): cache_label(small.request.cache)}
    unnamed, _ = engine.images.build(fileobj=io.BytesIO(text.encode()), labels=ours, rm=True)
    engine.containers.create(small.request.base, ["true"], labels={label("reads"): "packages"})
    assert "removed left by a build" in small.run("prune")[1]
    assert unnamed.id not in [image.id for image in engine.images.list()]
    assert not engine.containers.list(all=True, filters={"label": label("reads"), "status": "created"})


def test_prune_leaves_what_is_used(engine: docker.DockerClient, small: Small) -> None:
    old = labelled(engine, small.request)
    small.lock("2.0")
    container = engine.containers.create(old, ["true"])
    try:
        assert f"left {old.rpartition('/')[2]} in use" in small.run("prune")[1]
        assert there(engine, old)
    finally:
        container.remove()


def there(engine: docker.DockerClient, name: str) -> bool:
    """Whether the engine has an image of this name."""
    return bool(engine.images.list(name=name))

"""What images are named after, what goes into a build, what a failed one means; no engine is asked."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import pytest
from made_wheels import wheel

from harness.core.config import Config, load
from harness.core.errors import ConfigError
from harness.core.files import sha256_bytes
from harness.environments.images.build import BuildFailed, explained, in_words, last_id, locked_wheels, write_context
from harness.environments.images.build_errors import OTHERWISE, suggest_fix
from harness.environments.images.image import ImageRequest, identity, tag
from harness.environments.images.inventory import (
    Held,
    against_lock,
    differences,
    on_disk,
    ours,
    pins,
    state,
    unique,
    unneeded,
    wanted,
)
from harness.environments.images.request import cache_label, content, image_request, labels
from harness.environments.locks import content_hash
from harness.environments.venv import LIST_PACKAGES

ROOT = Path(__file__).resolve().parents[3]
TOML = """
[images]
base = "base:1"
python = "3.12"
certificates = "bundle.pem"
[environments.tiny]
kind = "inherit"
locks = { cpu = "tiny.lock", cpu-linux-x86_64-py311 = "older.lock", cuda = "gpu.lock" }
[environments.bare]
kind = "inherit"
[upstreams]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "harness.toml").write_text(TOML)
    for name in ("tiny.lock", "older.lock", "gpu.lock"):
        only = f"only-in-{name.partition('.')[0]}==1.0\n" if name != "tiny.lock" else ""
        (tmp_path / name).write_text(wheel(tmp_path / "wheels", "1.0") + only)
    (tmp_path / "bundle.pem").write_text("certificate")
    (tmp_path / "dockerfiles").mkdir()
    (tmp_path / "dockerfiles" / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def settings(project: Path, **variables: str) -> Config:
    return load(project, variables)


@pytest.fixture
def tiny(project: Path) -> ImageRequest:
    return image_request(settings(project), "tiny")


def test_a_request_follows_harness_toml(project: Path, tiny: ImageRequest) -> None:
    assert (tiny.base, tiny.python, tiny.lock.name) == ("base:1", "3.12", "tiny.lock")
    assert (tiny.certificates, tiny.wheels, tiny.proxy) == (project / "bundle.pem", None, "")
    assert image_request(settings(project), "tiny", "cuda").lock.name == "gpu.lock"


def test_variables_win_and_the_declared_python_chooses_the_lock(project: Path) -> None:
    config = settings(
        project, HARNESS_BASE_IMAGE="base:2", HARNESS_BASE_PYTHON="3.11", HARNESS_CERTIFICATES="",
        HARNESS_BUILD_PROXY="http://p:1", HARNESS_WHEELS="wheels", HARNESS_PIP_ARGS="--no-index",
    )  # fmt: skip
    found = image_request(config, "tiny")
    assert (found.base, found.python, found.lock.name) == ("base:2", "3.11", "older.lock")
    assert (found.certificates, found.proxy, found.wheels) == (None, "http://p:1", project / "wheels")
    assert found.pip_args == ("--no-index",)


def test_an_empty_variable_turns_a_setting_off_but_base_and_python_are_needed(project: Path) -> None:
    names = ("HARNESS_BASE_IMAGE", "HARNESS_BASE_PYTHON", "HARNESS_CERTIFICATES")
    found = settings(project, **dict.fromkeys(names, "")).images
    assert (found.base, found.python, found.certificates) == ("base:1", "3.12", "")


def test_a_python_that_is_no_version_is_told(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"python: .*got '3\.12\.1'"):
        settings(project, HARNESS_BASE_PYTHON="3.12.1")


def test_what_is_not_there_is_told(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"images\.certificates: no such file or folder: .*nowhere\.pem"):
        image_request(settings(project, HARNESS_CERTIFICATES="nowhere.pem"), "tiny")
    with pytest.raises(ConfigError, match=r"environments\.bare\.locks: no lock for cpu-linux-"):
        image_request(settings(project), "bare")
    (project / "harness.toml").write_text(TOML.replace('"base:1"', '""'))
    with pytest.raises(ConfigError, match="HARNESS_BASE_IMAGE"):
        image_request(settings(project), "tiny")


def test_a_tag_is_the_environment_and_its_content(tiny: ImageRequest) -> None:
    name, _, digits = tag(tiny).partition(":")
    assert (name, len(digits), set(digits) <= set("0123456789abcdef")) == ("seqrec-harness/tiny", 12, True)
    dockerfile = sha256_bytes(b"FROM scratch")
    assert identity(tiny) == {
        "lock": content_hash(tiny.lock), "dockerfile": dockerfile, "base": "base:1", "python": "3.12",
    }  # fmt: skip
    assert tag(tiny) == tag(dataclasses.replace(tiny))


@pytest.mark.parametrize("change", ["lock", "dockerfile", "base", "python"])
def test_what_can_change_an_image_changes_its_tag(tiny: ImageRequest, change: str) -> None:
    before = tag(tiny)
    if change in ("base", "python"):
        tiny = dataclasses.replace(tiny, **{change: "another"})
    else:
        path: Path = getattr(tiny, change)
        path.write_text(path.read_text() + "RUN more\n")
    assert tag(tiny) != before


def test_a_comment_in_the_dockerfile_changes_no_tag(tiny: ImageRequest) -> None:
    before = tag(tiny)
    tiny.dockerfile.write_text("# why\n\nFROM scratch  \n   # more\n")
    assert tag(tiny) == before


def test_what_a_build_needs_to_reach_packages_changes_no_tag(tiny: ImageRequest, tmp_path: Path) -> None:
    other = dataclasses.replace(
        tiny, certificates=None, proxy="http://p", wheels=tmp_path, pip_args=("--no-index",), cache=tmp_path / "other"
    )
    assert (tag(other), identity(other)) == (tag(tiny), identity(tiny))


def context(request: ImageRequest) -> tuple[bytes, dict[str, bytes]]:
    """What goes to the engine: the tar, and its files."""
    file = io.BytesIO()
    write_context(request, file)
    with tarfile.open(fileobj=io.BytesIO(file.getvalue())) as tar:
        files = {entry.name: data.read() for entry in tar.getmembers() if (data := tar.extractfile(entry))}
    return file.getvalue(), files


def test_the_context_has_what_the_dockerfile_copies_and_no_more(tiny: ImageRequest, project: Path) -> None:
    asked = dataclasses.replace(tiny, pip_args=("--index-url", "https://index.example"), wheels=project / "wheels")
    (project / "wheels" / "other-1.0-py3-none-any.whl").write_bytes(b"not in the lock")
    data, files = context(asked)
    assert files == {
        "Dockerfile": b"FROM scratch\n",
        "lock.txt": tiny.lock.read_bytes(),
        "list_packages.py": LIST_PACKAGES.encode(),
        "arguments": b"--index-url\nhttps://index.example",
        "certificates.pem": b"certificate",
        "wheels/.keep": b"",
        "wheels/tiny-1.0-py3-none-any.whl": (project / "wheels" / "tiny-1.0-py3-none-any.whl").read_bytes(),
    }
    (project / "wheels" / "tiny-1.0-py3-none-any.whl").touch()
    assert context(asked)[0] == data, "the same bytes, so that the engine's cache knows it again"


def test_only_wheels_whose_hashes_the_lock_names_go_into_a_build(tiny: ImageRequest, project: Path) -> None:
    wheel(project / "wheels", "2.0")
    asked = dataclasses.replace(tiny, wheels=project / "wheels")
    assert [path.name for path in locked_wheels(asked)] == ["tiny-1.0-py3-none-any.whl"]
    tiny.lock.write_text("Tiny==1.0 \\\n    --hash=sha256:" + "0" * 64)
    assert locked_wheels(asked) == []
    assert locked_wheels(tiny) == []


def test_steps_are_told_in_words() -> None:
    message: list[str] = []
    lines: list[str] = []
    answers = [
        {"stream": "Step 1/4 : FROM base:1"}, {"stream": " ---> abc\n"}, {"stream": "Step 2/4 : ARG A"},
        {"stream": 'Step 3/4 : RUN : "install the packages"; set -eu;    pip'}, {"stream": "a line\nand another"},
        {"stream": "Step 4/4 : COPY --from=builder " + "x" * 80}, {"aux": {"ID": "sha256:1"}},
        {"stream": "Successfully built 123456"},
    ]  # fmt: skip
    assert last_id(answers, lines, message.append) == "sha256:1"
    assert message[:2] == ["step 1 of 4: FROM base:1", "step 3 of 4: install the packages"]
    assert message[2].endswith("…")
    assert lines[-3:] == ["and another", answers[5]["stream"], "Successfully built 123456"]


def test_podman_s_steps_and_names_are_understood() -> None:
    message: list[str] = []
    last_id([{"stream": "[2/3] STEP 4/6: COPY . /build/\n"}, {"stream": "Successfully built 1"}], [], message.append)
    assert message == ["step 4 of 6: COPY . /build/"]
    for host in ("", "localhost/", "docker.io/"):
        assert ours(f"{host}seqrec-harness/tiny:1") == "seqrec-harness/tiny:1"
    assert ours("") == ""


def test_an_engine_without_ids_is_understood_and_one_without_an_image_is_not() -> None:
    assert last_id([{"stream": "Successfully built 0123ab\n"}], [], print) == "0123ab"
    with pytest.raises(BuildFailed, match="without an image"):
        last_id([{"stream": "Step 1/1 : FROM x"}], [], print)
    lines: list[str] = []
    answers = [
        {"stream": "\x1b[91mTraceback\n\x1b[0m"},
        {"error": "The command '/bin/sh -c a\nb' returned a non-zero code: 1"},
    ]
    with pytest.raises(BuildFailed, match=r"^the step returned a non-zero code: 1$"):
        last_id(answers, lines, print)
    assert lines == ["Traceback"]


def test_long_instructions_are_cut() -> None:
    assert in_words("COPY  a \t b") == "COPY a b"
    assert len(in_words("ENV " + "x" * 100)) == 60


def test_a_failure_is_told_with_its_last_lines_and_the_whole_log_is_kept(tiny: ImageRequest) -> None:
    lines = [
        "Step 1/9 : FROM base:1",
        *(f"line {n}" for n in range(50)),
        "---> Running in 1",
        "SSLError(...)",
        "code 2",
    ]
    error = explained(tiny, lines)
    log = tiny.cache / "images" / f"{content(tiny)[:12]}.log"
    assert error.where == "image tiny"
    assert error.what.startswith("build on base:1 failed:\n    line 40\n")
    assert error.what.endswith(f"    SSLError(...)\n    code 2\n  log: {log}")
    assert log.read_text().splitlines() == lines
    assert "HARNESS_CERTIFICATES" in error.fix


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("harness: the base has Python 3.11, and Python 3.12 was declared for it", "HARNESS_BASE_PYTHON"),
        ("harness: the base has no python3 with venv, and no apt-get to install it", "HARNESS_BASE_IMAGE"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "recreate the lock"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer", "[images] certific"),
        ("OSError: [Errno 28] No space left on device", "harness images prune"),
        ("pull access denied for nothing, repository does not exist or may require 'docker login'", "load that image"),
        ("manifest for nvidia/cuda:0 not found: manifest unknown: manifest unknown", "HARNESS_BASE_IMAGE"),
        ("Get https://registry/v2/: dial tcp: lookup registry: no such host", "load the image into it"),
        ("ProxyError('Cannot connect to proxy.', timeout('timed out'))", "HARNESS_BUILD_PROXY"),
        ("E: Unable to fetch some archives, maybe run apt-get update", "[images] proxy"),
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "[images] wheels"),
        ("something nobody has seen", OTHERWISE),
    ],
)
def test_a_log_tells_what_to_do(said: str, fix: str) -> None:
    assert fix in suggest_fix(f"Step 1/17 : ARG BASE_IMAGE\n{said}\nThe command returned a non-zero code: 1")


def test_the_committed_dockerfile_keeps_to_the_classic_builder_and_to_its_stages() -> None:
    text = (ROOT / "dockerfiles" / "Dockerfile").read_text()
    assert "<<" not in text
    assert "--mount" not in text
    assert not text.startswith("# syntax")
    stages = text.split("\nFROM ")
    assert [stage.splitlines()[0] for stage in stages[1:]] == ["${BASE_IMAGE} AS python", "python AS builder", "python"]
    assert [("/build" in stage) for stage in stages] == [False, False, True, False]


def test_committed_environments_have_images_for_both_devices() -> None:
    config = load(ROOT, {"HARNESS_BASE_PYTHON": "3.11"})
    for name, environment in config.file.environments.items():
        if environment.locks:
            assert {image_request(config, name, device).name for device in ("cpu", "cuda")} == {name}
    assert image_request(config, "torch").lock.name in ("torch-cpu.lock", "torch-pypi.lock")


LOCK = """\
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
networkx==3.6.1 ; python_full_version < '3.12' \\
    --hash=sha256:00
networkx==3.7 ; python_full_version >= '3.12' \\
    --hash=sha256:00
# a comment==1
torch==2.13.0+cpu \\
    --hash=sha256:00
typing-extensions==4.16.0 --hash=sha256:00
"""


def test_a_lock_s_pins_depend_on_python_and_linux() -> None:
    common = {"torch": "2.13.0+cpu", "typing-extensions": "4.16.0"}
    assert dict(pins(LOCK, "3.11.2")) == {**common, "networkx": "3.6.1"}
    assert dict(pins(LOCK, "3.12.0")) == {**common, "networkx": "3.7"}


def test_packages_are_held_against_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    lock.write_text(LOCK)
    have = {"python": "3.11.2", "networkx": "3.6.1", "torch": "2.13.0+cpu", "typing_extensions": "4.16.0"}
    assert against_lock(have, lock) == []
    del have["torch"]
    assert against_lock({**have, "networkx": "3.7", "pip": "23"}, lock) == [
        "torch 2.13.0+cpu is missing", "pip 23 is not in the lock", "networkx is 3.7, not 3.6.1",
    ]  # fmt: skip


def image(name: str, layers: dict[str, int], **labels: str) -> Held:
    return Held(name, f"sha256:{name}", layers, {"content": name, **labels}, "2026-01-01")


def test_bytes_of_shared_layers_count_once() -> None:
    base = image("base", {"b": 100})
    small, large = image("small", {"b": 100, "s": 20}), image("large", {"b": 100, "l": 1000})
    every = [base, small, large]
    assert (small.size, unique(small, every), unique(large, every), unique(base, every)) == (120, 20, 1000, 0)
    assert on_disk(every) == 1120
    twice = dataclasses.replace(small, tag="another name")
    assert unique(small, [*every, twice]) == 20, "two names of one image share nothing with others"


def test_only_what_nobody_needs_goes_and_only_our_own(project: Path, tiny: ImageRequest) -> None:
    config = settings(project)
    mine = cache_label(config.cache)
    images = [
        image(tag(tiny), {}, cache=mine),
        image(tag(image_request(config, "tiny", "cuda")), {}, cache=mine),
        image("seqrec-harness/tiny:0123456789ab", {}, cache=mine),
        image("seqrec-harness/tiny:ffffffffffff", {}, cache="another"),
        image("", {}, cache=mine, stage="builder"),
        image("", {}, cache="another", stage="builder"),
    ]
    assert wanted(config) == {images[0].tag: ["cpu"], images[1].tag: ["cuda"]}
    assert unneeded(config, images, everywhere=False) == [images[2], images[4]]
    assert unneeded(config, images, everywhere=True) == images[2:]


def test_a_state_says_why(tiny: ImageRequest) -> None:
    ours = {key.partition(".")[2]: value for key, value in labels(tiny).items()}
    packages = '{"python": "3.12.1", "tiny": "1.0"}'
    good = Held(tag(tiny), "1", {}, {**ours, "packages": packages, "base-id": "old"}, "2026-01-02")
    assert state(tiny, [good], {"base:1": "old"}) == (True, ["complete: its packages are those of the lock"])
    assert state(tiny, [good], {}) == (True, ["complete: its packages are those of the lock"])
    whole, said = state(tiny, [good], {"base:1": "new"})
    assert (whole, len(said), "has changed" in said[0]) == (True, 1, True)
    assert state(tiny, [], {}) == (False, ["would be built: never built here"])
    broken = dataclasses.replace(good, labels={**good.labels, "packages": '{"python": "3.12.1"}'})
    assert state(tiny, [broken], {}) == (False, ["tiny 1.0 is missing"])
    older = dataclasses.replace(good, tag="seqrec-harness/tiny:older", labels={**good.labels, "base": "x", "lock": "y"})
    assert differences(tiny, older) == ["the lock changed since tiny:older", "the base changed since tiny:older"]
    assert state(tiny, [older], {})[1][0].startswith("would be built: the lock changed")

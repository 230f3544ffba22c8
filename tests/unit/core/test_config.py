"""harness.toml and the environment: every mistake at once, and which setting wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.config import FILE, find_root, load
from harness.core.errors import ConfigError

COMMIT = "0123456789" * 4
GOOD = f"""
results = "out"
[aliases]
t = "paper/table"
[mirrors]
git = "/mirrors/{{owner}}/{{name}}.git"
pip = ["--index-url", "https://index.example"]
[environments.numpy]
kind = "inherit"
packages = ["numpy"]
[upstreams.toy]
url = "https://example.org/a/toy"
commit = "{COMMIT}"
code = ["/*.py"]
framework = "torch"
"""
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_text(GOOD)
    return tmp_path


def refused(project: Path, text: str) -> str:
    (project / FILE).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(project, {})
    assert caught.value.where == str(project / FILE)
    assert caught.value.exit_code == 2
    return caught.value.what


def test_the_committed_file_loads() -> None:
    config = load(ROOT, {})
    assert config.root == ROOT
    assert config.file.aliases["table2"] == "li2023/table2"
    for environment in config.file.environments.values():
        for lock in environment.locks.values():
            assert (ROOT / lock).is_file()


def test_values_of_the_file(project: Path) -> None:
    config = load(project, {})
    assert (config.results, config.cache) == (project / "out", project / ".cache")
    assert config.git_mirror == "/mirrors/{owner}/{name}.git"
    assert config.pip_args == ("--index-url", "https://index.example")
    assert config.upstream("toy").commit == COMMIT
    assert (config.environment("numpy").packages, config.file.local.jobs) == (("numpy",), 1)


def test_every_mistake_is_told_at_once_with_its_key_path_and_value(project: Path) -> None:
    text = refused(
        project,
        """
        resuls = "out"
        [local]
        jobs = 0
        timeout = 3
        [environments.numpy]
        kind = "conda"
        packges = ["numpy"]
        [upstreams.toy]
        url = "u"
        commit = "main"
        code = ["/*.py"]
        overlay = ["losses.py"]
        """,
    )
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "7 problem(s)"
    assert (
        "resuls: unknown key (did you mean 'results'? known: aliases, cache, check, data, docker, environments, "
        in text
    )
    assert "local.jobs: Input should be greater than or equal to 1, got 0" in lines
    assert "local.timeout: unknown key (did you mean 'timeout_s'? known: jobs, threads, timeout_s)" in lines
    assert "environments.numpy.kind: Input should be 'venv' or 'inherit', got 'conda'" in lines
    assert "environments.numpy.packges: unknown key (did you mean 'packages'? " in text
    assert any(line.startswith("upstreams.toy.commit: ") and line.endswith("got 'main'") for line in lines)
    known = "beside, code, commit, framework, losses, own_data, own_loss, url"
    assert f"upstreams.toy.overlay: unknown key (known: {known})" in text


def test_an_index_in_a_key_path_is_in_brackets(project: Path) -> None:
    text = refused(project, GOOD.replace('"/*.py"', '"/*.py", 3'))
    assert "upstreams.toy.code[1]: Input should be a valid string, got 3" in text


def test_what_is_no_toml_is_told_with_its_line(project: Path) -> None:
    assert "line 3" in refused(project, "a = 1\nb = 2\nc = = 3\n")


def test_what_is_no_text_is_told(project: Path) -> None:
    (project / FILE).write_bytes(b'results = "\xff"')
    with pytest.raises(ConfigError, match="is not readable"):
        load(project, {})


def test_an_unknown_upstream_or_environment_gets_near_misses(project: Path) -> None:
    config = load(project, {})
    with pytest.raises(ConfigError, match="unknown upstream 'toys'\n  fix: did you mean 'toy'"):
        config.upstream("toys")
    with pytest.raises(ConfigError, match="unknown environment 'torch'\n  fix: known: numpy"):
        config.environment("torch")


def test_the_environment_wins_over_the_file(project: Path) -> None:
    env = {
        "HARNESS_GIT_MIRROR": "/other", "HARNESS_PIP_ARGS": "--no-index  --find-links /w", "HARNESS_RESULTS": "/r",
        "HARNESS_CACHE": "below",
    }  # fmt: skip
    config = load(project, env)
    assert (config.git_mirror, config.pip_args) == ("/other", ("--no-index", "--find-links", "/w"))
    assert (config.results, config.cache) == (Path("/r"), project / "below")


def test_an_empty_variable_turns_mirrors_off_and_moves_no_folder(project: Path) -> None:
    """HARNESS_RESULTS= used to mean the project folder itself."""
    env = dict.fromkeys(("HARNESS_GIT_MIRROR", "HARNESS_PIP_ARGS", "HARNESS_RESULTS", "HARNESS_CACHE"), "")
    config = load(project, env)
    assert (config.git_mirror, config.pip_args) == (None, ())
    assert (config.results, config.cache) == (project / "out", project / ".cache")


def test_children_inherit_nothing_that_would_change_python_or_the_harness(project: Path) -> None:
    env = {"PATH": "/bin", "HTTPS_PROXY": "p", "PYTHONPATH": "x", "PYTHONHASHSEED": "1", "VIRTUAL_ENV": "v"}
    assert load(project, {**env, "HARNESS_CACHE": "c"}).base_env == {"PATH": "/bin", "HTTPS_PROXY": "p"}


def test_the_process_environment_is_the_default(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_GIT_MIRROR", "/from/the/process")
    assert load(project).git_mirror == "/from/the/process"


def test_the_root_is_searched_upwards(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    assert find_root(below, {}) == project
    monkeypatch.chdir(below)
    assert find_root(None, {}) == project
    (project / "a" / FILE).write_text(GOOD)
    assert find_root(None, {}) == project / "a"


def test_a_variable_names_the_project_and_an_argument_wins(project: Path, tmp_path: Path) -> None:
    """The variable used to win over --project."""
    other = tmp_path / "other"
    other.mkdir()
    (other / FILE).write_text(GOOD)
    assert find_root(None, {"HARNESS_PROJECT": str(other)}) == other
    assert find_root(project, {"HARNESS_PROJECT": str(other)}) == project


def test_without_any_project_the_package_s_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_root(None, {}) == ROOT


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_a_named_project_is_never_replaced_by_another(tmp_path: Path, how: str) -> None:
    """A mistyped HARNESS_PROJECT used to end in the package's own project, without a word."""
    gone = tmp_path / "gone"
    with pytest.raises(ConfigError, match=rf"{gone}: no {FILE} here or above"):
        find_root(gone if how == "argument" else None, {"HARNESS_PROJECT": str(gone)} if how == "variable" else {})


def test_a_loss_of_one_s_own_needs_what_differentiates(project: Path) -> None:
    for framework in ('framework = "numpy"', ""):
        text = refused(project, GOOD.replace('framework = "torch"', f"{framework}\nown_loss = true"))
        assert "upstreams.toy.own_loss: a custom loss needs a framework with automatic differentiation" in text
    text = refused(project, GOOD.replace('framework = "torch"', 'framework = "jax"'))
    assert "framework: Input should be 'torch', 'tensorflow', 'numpy' or '', got 'jax'" in text


def test_limits_of_containers_come_from_the_file_and_from_variables(project: Path) -> None:
    (project / FILE).write_text(f'executor = "docker"\n{GOOD}\n[docker]\nmemory_mb = 100\nprocesses = 9\n')
    config = load(project, {"HARNESS_DOCKER_MEMORY_MB": "200", "HARNESS_DOCKER_DISK_MB": "", "DOCKER_HOST": "unix://x"})
    assert (config.docker.memory_mb, config.docker.processes, config.docker.disk_mb) == (200, 9, 20_480)
    assert config.executor == "docker"
    assert load(project, {"HARNESS_EXECUTOR": "local"}).executor == "local"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("HARNESS_DOCKER_MEMORY_MB", "much", "memory_mb: Input should be a valid integer"),
        ("HARNESS_DOCKER_PROCESSES", "0", "processes: Input should be greater than or equal to 4"),
        ("HARNESS_EXECUTOR", "dokcer", "did you mean 'docker'"),
    ],
)
def test_a_variable_that_says_nothing_sensible_is_told(project: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(project, {variable: value})

"""The content of harness.toml as typed values; `config` reads it. Unknown keys are errors; values are immutable."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from harness.core.schema import Strict

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Companion(Strict):
    """A further repository at one commit, which an upstream imports under the companion's name.

    Attributes:
        code: sparse patterns of the files that runs need.
    """

    url: str
    commit: Commit
    code: tuple[str, ...]


class OwnData(Strict):
    """The data format of an upstream for added datasets, written by `harness dataset add`.

    Attributes:
        layout: one line per user, or one line per interaction; ids go from 1 without gaps, oldest items first.
        attributes: name of a JSON file with item attributes that it also reads, with {name} for the dataset's;
            "" for none. In the written file every item has attribute 1.
    """

    layout: Literal["users", "pairs"]
    attributes: str = ""


class Upstream(Strict):
    """A third party's repository at one commit.

    Attributes:
        commit: full SHA-1; branches and tags move.
        code: sparse patterns of the files that runs need.
        framework: of its losses, "" if irrelevant.
        losses: names of patches/losses.yaml that its patches support.
        own_loss: whether its patches support a custom loss, which needs automatic differentiation.
        beside: repositories in its source tree under their names; they are not patched.
        own_data: its format for added datasets, None if it supports none.
    """

    url: str
    commit: Commit
    code: tuple[str, ...]
    beside: dict[Annotated[str, Field(pattern=r"^[a-z]\w*$")], Companion] = {}
    framework: Literal["torch", "tensorflow", "numpy", ""] = ""
    losses: tuple[str, ...] = ()
    own_loss: bool = False
    own_data: OwnData | None = None

    @field_validator("own_loss")
    @classmethod
    def own_loss_has_gradients(cls, own_loss: bool, info: ValidationInfo) -> bool:
        """Refuse custom losses without automatic differentiation."""
        if own_loss and info.data.get("framework") in ("numpy", ""):
            raise ValueError("a custom loss needs a framework with automatic differentiation: torch or tensorflow")
        return own_loss


class Release(Strict):
    """Files that authors released at one commit; each is read by its hash, none is executed."""

    url: str
    commit: Commit


class Environment(Strict):
    """A locked set of packages.

    Attributes:
        kind: `venv` makes a virtual environment from the lock, `inherit` uses the current interpreter.
        locks: lock file by `device-system-machine-python`, or a prefix of that, down to `device`.
        packages: packages whose versions identify an inherited interpreter.
        size_mb: approximate disk space, for `harness plan`.
    """

    kind: Literal["venv", "inherit"]
    locks: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    size_mb: int = 0


class Local(Strict):
    """Settings of the local executor."""

    jobs: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    timeout_s: float = Field(default=172_800, gt=0)


class Mirrors(Strict):
    """Mirrors of sources and packages; empty for the original addresses.

    Attributes:
        git: template such as /srv/mirrors/{owner}/{name}.git; HARNESS_GIT_MIRROR overrides it.
        data: template such as /srv/data/{name}, with {host} and {path} besides, for files by URL; HARNESS_DATA_MIRROR
            overrides it.
        pip: further arguments of pip, such as an index; HARNESS_PIP_ARGS overrides it.
    """

    git: str = ""
    data: str = ""
    pip: tuple[str, ...] = ()


class Images(Strict):
    """Base and build settings of container images; an environment variable overrides each.

    Attributes:
        base: base image of all images; HARNESS_BASE_IMAGE.
        python: its Python, such as 3.12, which selects the lock and is checked by the build; HARNESS_BASE_PYTHON.
        certificates: PEM bundle that pip trusts in a build, "" for pip's own; HARNESS_CERTIFICATES.
        proxy: of a build, "" for none; HARNESS_BUILD_PROXY.
        wheels: folder of wheels; a build uses those whose hashes are in its lock; HARNESS_WHEELS.
    """

    base: str = ""
    python: Annotated[str, Field(pattern=r"^3\.\d+$")] = "3.12"
    certificates: str = ""
    proxy: str = ""
    wheels: str = ""


IMAGE_VARIABLES = {
    "base": "HARNESS_BASE_IMAGE",
    "python": "HARNESS_BASE_PYTHON",
    "certificates": "HARNESS_CERTIFICATES",
    "proxy": "HARNESS_BUILD_PROXY",
    "wheels": "HARNESS_WHEELS",
}


class Docker(Strict):
    """Settings of the docker executor: resource limits of a run in a container.

    Each is overridden by a variable: HARNESS_DOCKER_MEMORY_MB for `memory_mb`, and so on.

    Attributes:
        address: of the engine, such as unix:///run/podman/podman.sock; "" for DOCKER_HOST or Docker's default.
        memory_mb: of all its processes, /tmp and /dev/shm included.
        processes: number of processes and threads.
        disk_mb: of all its output.
        shm_mb, tmp_mb: of /dev/shm and /tmp, which are in memory.
        reserve_mb: free disk space below which a run is stopped.
        cpus: processors; 0 for as many as the run has threads.
    """

    address: str = ""
    memory_mb: int = Field(default=16_384, ge=16)
    processes: int = Field(default=1_024, ge=4)
    disk_mb: int = Field(default=20_480, ge=1)
    shm_mb: int = Field(default=1_024, ge=1)
    tmp_mb: int = Field(default=1_024, ge=1)
    reserve_mb: int = Field(default=2_048, ge=0)
    cpus: float = Field(default=0, ge=0)


class Check(Strict):
    """Settings of `harness check`.

    Attributes:
        artifacts: whose tables are checked and whose runs are repeated; none for every stored table.
        prose: documents whose numbers must state their source.
        speed: seconds of this machine per recorded second, until the history gives an estimate.
        prefix_epochs: epochs of a partial rerun.
        near_users: share of users whose rank may change on an unknown machine class.
        near_places: largest change of such a rank.
        near_metric: allowed difference of printed metrics there.
        prefix_loss: allowed relative difference of epoch losses there.
        quiet_nights: minimum mean number of nights between false alarms of all detectors together.
        oldest_days: days after which the summary reports that a system was not rerun.
    """

    artifacts: tuple[str, ...] = ()
    prose: tuple[str, ...] = ("README.md",)
    speed: float = Field(default=1.0, gt=0)
    prefix_epochs: int = Field(default=3, ge=1)
    near_users: float = Field(default=0.01, ge=0, le=1)
    near_places: float = Field(default=2, ge=0)
    near_metric: float = Field(default=1e-4, ge=0)
    prefix_loss: float = Field(default=1e-5, ge=0)
    quiet_nights: float = Field(default=1000, gt=1)
    oldest_days: int = Field(default=14, ge=1)


DOCKER_VARIABLES = {name: f"HARNESS_DOCKER_{name.upper()}" for name in Docker.model_fields}
OPTIONAL = ("certificates", "proxy", "wheels", "address")  # an empty variable clears the value


class File(Strict):
    """harness.toml as a whole.

    Attributes:
        extends: "shipped" for a project that has all of the shipped one beside its own; see `core.project_folders`.
        data: folder for data files that cannot be fetched, and for custom data; HARNESS_DATA overrides it.
        executor: default without --executor; HARNESS_EXECUTOR overrides it.
    """

    extends: Literal["", "shipped"] = ""
    results: str = "results"
    cache: str = ".cache"
    data: str = "data"
    aliases: dict[str, str] = {}
    executor: Literal["local", "docker"] = "local"
    local: Local = Local()
    docker: Docker = Docker()
    mirrors: Mirrors = Mirrors()
    images: Images = Images()
    check: Check = Check()
    environments: dict[str, Environment]
    upstreams: dict[str, Upstream]
    releases: dict[str, Release] = {}

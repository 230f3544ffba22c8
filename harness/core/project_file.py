"""What harness.toml may say, as typed values; `config` reads it. Unknown keys are errors, values never change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from harness.core.schema import Strict

Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Companion(Strict):
    """A repository that an upstream imports under the companion's name, at one commit.

    Attributes:
        code: sparse patterns of the files that runs need.
    """

    url: str
    commit: Commit
    code: tuple[str, ...]


class OwnData(Strict):
    """What an upstream reads of a dataset that it did not come with; `harness dataset add` writes that.

    Attributes:
        layout: one line per user, or one line per interaction; ids go from 1 without gaps, oldest items first.
        attributes: name of a JSON file with attributes of items that it opens besides, with {name} for the dataset's;
            "" for none. In the file that is written every item has attribute 1.
    """

    layout: Literal["users", "pairs"]
    attributes: str = ""


class Upstream(Strict):
    """Somebody else's repository at one commit.

    Attributes:
        commit: full SHA-1; branches and tags move.
        code: sparse patterns of the files that runs need.
        framework: what computes its losses, "" where nobody needs to know.
        losses: names of patches/losses.yaml that its patches offer.
        own_loss: whether its patches take a loss of one's own, which needs a framework that differentiates.
        beside: repositories that lie in its source tree under their names; nothing of them is patched.
        own_data: what it reads of datasets of one's own, None where it takes none.
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
        """Refuse a loss of one's own where nothing differentiates it."""
        if own_loss and info.data.get("framework") in ("numpy", ""):
            raise ValueError("a loss of one's own needs a framework that differentiates: torch or tensorflow")
        return own_loss


class Release(Strict):
    """Files that authors released at one commit; they are read, each by its hash, and none of them is run."""

    url: str
    commit: Commit


class Environment(Strict):
    """A locked set of packages.

    Attributes:
        kind: `venv` makes a virtual environment from the lock, `inherit` takes the interpreter at hand.
        locks: lock file by `device-system-machine-python`, or a shorter beginning of that, down to `device`.
        packages: packages whose versions stand for an inherited interpreter.
        size_mb: about how much disk it takes, for `harness plan`.
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
    """Where sources and packages come from; empty means their own addresses.

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
    """What container images are made from and what their builds need; a variable of the environment overrides each.

    Attributes:
        base: image that all of them start from; HARNESS_BASE_IMAGE.
        python: its Python, such as 3.12: it chooses the lock and is checked by the build; HARNESS_BASE_PYTHON.
        certificates: PEM bundle that pip trusts in a build, "" for pip's own; HARNESS_CERTIFICATES.
        proxy: of a build, "" for none; HARNESS_BUILD_PROXY.
        wheels: folder, of which those files go into a build whose hashes its lock names; HARNESS_WHEELS.
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
    """Settings of the docker executor: the most that a run in a container may use.

    Each is overridden by a variable: HARNESS_DOCKER_MEMORY_MB for `memory_mb`, and so on.

    Attributes:
        address: of the engine, such as unix:///run/podman/podman.sock; "" for DOCKER_HOST or Docker's own place.
        memory_mb: of all its processes, /tmp and /dev/shm included.
        processes: and threads, at a time.
        disk_mb: of all that it writes.
        shm_mb, tmp_mb: of /dev/shm and /tmp, which lie in memory.
        reserve_mb: free space on the disk below which a run is ended.
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
        artifacts: whose tables are looked at and whose runs are run again; none for every stored table.
        prose: documents whose numbers must name their source.
        speed: seconds of this machine for each recorded second, until the history knows better.
        prefix_epochs: epochs of a rerun that does not go to the end.
        near_users: share of users whose rank may move on a machine class not met before.
        near_places: by how many places at most.
        near_metric: difference that printed metrics may have there.
        prefix_loss: relative difference that losses of epochs may have there.
        quiet_nights: least mean number of nights between false alarms of all detectors together.
        oldest_days: days after which the summary says that a system was not looked at.
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
OPTIONAL = ("certificates", "proxy", "wheels", "address")  # an empty variable means none of it


class File(Strict):
    """harness.toml as a whole.

    Attributes:
        data: folder for data files that cannot be fetched; HARNESS_DATA overrides it.
        executor: what carries runs out where the command line does not say; HARNESS_EXECUTOR overrides it.
    """

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

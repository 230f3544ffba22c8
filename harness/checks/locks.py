"""Part `locks`: each lock pins every package with hashes, and the index still lists each of these files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.checks import package_index
from harness.checks.outcome import Item, broken, held, left_out, unreachable
from harness.checks.package_index import Listed, Places
from harness.core.config import Config
from harness.core.errors import ConfigError, HarnessError, SourceError
from harness.core.project_folders import find
from harness.environments import venv
from harness.environments.locks import entries

FIX = "`make locks` recreates the locks; their runs then get new keys"
ALGORITHM = "sha256:"


def check(config: Config, offline: bool, fresh: bool) -> Iterator[Item]:
    """Every lock of harness.toml.

    Args:
        fresh: also install the environments of this machine into an empty folder.
    """
    names = sorted({lock for environment in config.file.environments.values() for lock in environment.locks.values()})
    where = None if offline else package_index.places(config.pip_args, config.base_env)
    for name in names:
        yield from of_lock(find(config.root, name), name, where)
    if fresh and not offline:
        yield from (installed(config, name) for name in sorted(config.file.environments))


def of_lock(path: Path, name: str, where: Places | None) -> Iterator[Item]:
    """One lock, then each of its packages that changed.

    Args:
        where: indexes; None for offline.
    """
    try:
        pins = sorted(entries(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        yield broken(name, f"is not readable: {error}", "restore it from the repository")
        return
    if malformed := [fault for pin in pins if (fault := malformation(pin))]:
        yield broken(name, "; ".join(malformed[:3]), FIX)
        return
    if where is None:
        yield left_out(name, f"{len(pins)} packages with hashes; no index was queried")
        return
    found = []
    try:
        for pin in pins:
            found += list(of_pin(name, pin, where))
    except SourceError as error:
        yield unreachable(name, error)
        return
    yield from found
    if not any(item.code for item in found):
        yield held(name, f"{len(pins) - len(found)} packages are listed with their hashes")


def malformation(pin: Sequence[str]) -> str:
    """The fault of a lock's entry, "" if it has one version with hashes."""
    if pin[0] == "as written":
        return "" if pin[1].startswith("-") else f"{pin[1]!r} is not a requirement"
    package, specifier, *_ = pin
    hashes = pin[5:]
    if not specifier.startswith("==") or "*" in specifier:
        return f"{package} is not pinned to one version"
    return "" if hashes and all(h.startswith(ALGORITHM) for h in hashes) else f"{package} has no sha256"


def of_pin(lock: str, pin: Sequence[str], where: Places) -> Iterator[Item]:
    """No item for a package whose files are all listed, else one."""
    if pin[0] == "as written":
        return
    package, version = pin[0], pin[1].removeprefix("==")
    files = [file for file in where.files(package) if is_of_version(file.name, version)]
    name = f"{lock}: {package} {version}"
    if not files and "+" in version:
        fix = "set the index of such builds by --extra-index-url or --find-links in HARNESS_PIP_ARGS"
        yield left_out(name, "no configured index lists builds of this kind", fix)
        return
    by_hash = {file.sha256: file for file in files}
    wanted = [h.removeprefix(ALGORITHM) for h in pin[5:]]
    gone = [h for h in wanted if h not in by_hash]
    yanked = [by_hash[h] for h in wanted if h in by_hash and by_hash[h].yanked is not None]
    if gone:
        yield broken(name, lost(files, gone, len(wanted)), FIX, "broken" if files else "gone")
    elif yanked:
        yield broken(name, f"{len(yanked)} files are yanked: {yanked[0].yanked}", FIX, "gone")


def lost(files: Sequence[Listed], gone: Sequence[str], wanted: int) -> str:
    """The hashes of a lock that no listed file has."""
    first = f"{len(gone)} of {wanted} hashes match no listed file, such as {gone[0]}"
    if not files:
        return f"the index lists no file of this version; {first}"
    others = sorted(file.sha256 for file in files if file.sha256)
    return f"{first}; the index lists {len(files)} files" + (f", such as {others[0]}" if others else "")


def is_of_version(file: str, version: str) -> bool:
    """Whether a file's name contains this version; local versions are written with `_` or `+`."""
    stem = file.lower().replace("%2b", "+")
    wanted = version.lower()
    forms = {wanted, wanted.replace("+", "_"), wanted.replace("-", "_")}
    return any(f"-{form}-" in stem or f"-{form}.tar" in stem or f"-{form}.zip" in stem for form in forms)


def installed(config: Config, name: str) -> Item:
    """One environment, installed into an empty temporary folder."""
    environment = config.environment(name)
    label = f"{name}: installation"
    with tempfile.TemporaryDirectory(prefix="harness-check-") as folder:
        request = venv.Request(
            name=name, environment=environment, device="cpu", root=config.root, cache=Path(folder),
            pip_args=config.pip_args, base_env=config.base_env, kind="venv",
        )  # fmt: skip
        try:
            python = venv.realise(request)
            packages = venv.resolved(python, config.base_env)
        except ConfigError as error:
            return left_out(label, error.what)
        except HarnessError as error:
            return unreachable(label, error)
    return held(label, f"{len(packages) - 1} packages from {request.lock.name}")

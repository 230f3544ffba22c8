"""Fetches files of datasets: from the run's upstream, another one or a release, a URL, or the user's folder.

An error for an unavailable file says where to put it. Refused: a file without pinned content.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from harness.core.config import Config
from harness.core.errors import ConfigError, DatasetError, SourceError, near_misses
from harness.recipes.datasets import UNPINNED, DataFile, Dataset
from harness.upstreams import checkout, data_cache

DATA_VARIABLE = "HARNESS_DATA_MIRROR"
TIMEOUT_S = 60.0
Clone = Callable[[], tuple[Path, checkout.Pin]]


def read(config: Config, file: DataFile, own: Clone) -> bytes:
    """The bytes of a file, not yet verified; a copy in the user's folder has priority.

    Args:
        own: clone and pin of the run's upstream, called only if the file is there.
    Raises:
        SourceError: it is unavailable; the message says where to put it. DatasetError: it is not pinned.
    """
    place = config.data / file.name
    if file.content == UNPINNED:
        what = f"no hash of this file is known; put it at {place} and write its SHA-256 to recipes/data"
        raise DatasetError(file.url, what, "`sha256sum FILE` prints it")
    if file.local:
        place = config.data / file.local
        if not place.is_file():
            raise not_there(place)
        return place.read_bytes()
    if (file.url or file.source) and place.is_file():
        return place.read_bytes()
    if file.url:
        return download(file.url, place, config.data_mirror)
    if not file.source:
        return checkout.read_blob(*own(), file.path)
    try:
        return checkout.read_blob(*clone_of_source(config, file.source), file.path)
    except SourceError as error:
        raise SourceError(error.where, f"{error.what}; or put the file at {place}", error.fix) from error


def not_there(place: Path) -> SourceError:
    """The error of a missing file of an added dataset."""
    fix = "copy it there, or add it again by `harness dataset add`; HARNESS_DATA sets the folder"
    return SourceError(str(place), "does not exist", fix)


def clone_of_source(config: Config, name: str) -> tuple[Path, checkout.Pin]:
    """Clone and pin of another upstream, or of a release.

    Raises:
        ConfigError: harness.toml has neither. SourceError: it is unavailable.
    """
    upstreams, releases = config.file.upstreams, config.file.releases
    known = upstreams.get(name) or releases.get(name)
    if known is None:
        names = [*upstreams, *releases]
        raise ConfigError("recipes/data: from", f"unknown upstream or release {name!r}", near_misses(name, names))
    return cloned(config, checkout.Pin(name, known.url, known.commit))


def cloned(config: Config, pin: checkout.Pin) -> tuple[Path, checkout.Pin]:
    """The clone of a pinned repository, with its pin.

    Raises:
        SourceError: it is unavailable.
    """
    return checkout.clone(pin, config.cache, config.git_mirror), pin


def redirected(url: str, template: str) -> str:
    """The URL of a file in the template: {host}, {path} and {name} are taken from its URL.

    Raises:
        ConfigError: unknown field, or unbalanced braces.
    """
    parts = urlsplit(url)
    known = {"host": parts.hostname or "", "path": parts.path.lstrip("/"), "name": parts.path.rpartition("/")[2]}
    try:
        return template.format(**known)
    except (KeyError, ValueError, IndexError) as error:
        where = f"{DATA_VARIABLE}={template}"
        raise ConfigError(where, f"not a template: {error}", "its fields are {host}, {path} and {name}") from error


def download(url: str, place: Path, template: str | None) -> bytes:
    """The content of a URL, or of its mirror.

    Raises:
        SourceError: nothing there, or no network.
    """
    address = redirected(url, template) if template else url
    try:
        if "://" not in address:
            return Path(address).expanduser().read_bytes()
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
            return content
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        what = f"is unavailable ({getattr(error, 'reason', error)}); put the file at {place}"
        fix = f"download {url} by other means, or redirect it: {DATA_VARIABLE}='/srv/data/{{name}}'"
        raise SourceError(address, what, fix) from error


def materialise(config: Config, dataset: Dataset, read_file: Callable[[str], bytes]) -> Path:
    """The folder with a dataset's files, each verified by content, counts verified by recipes/data.

    Args:
        read_file: returns the bytes of a file by name.
    Raises:
        SourceError, DatasetError: a file is unavailable, has other content, or cannot be split and ranked.
    """
    folder = data_cache.materialise(pinned(dataset), read_file, config.cache, recheck=True)
    if dataset.layout == "other":
        return folder
    expected = data_cache.Counts(dataset.users, dataset.items, dataset.interactions)
    if differences := data_cache.compare(counted(dataset, folder), expected, dataset.name):
        raise DatasetError(dataset.name, "; ".join(differences), f"correct recipes/data/{dataset.upstream}.yaml")
    if dataset.interactions_sha256 or dataset.first_user is not None:
        check_interactions(dataset, folder)
    check = data_cache.check_pairs if dataset.layout == "pairs" else data_cache.check_sequences
    check(folder / dataset.sequences, dataset.sequences)
    return folder


def pinned(dataset: Dataset) -> list[data_cache.PinnedFile]:
    """The files of a dataset, as in the cache."""
    return [data_cache.PinnedFile(path=f.name, content=f.content, name=f.name) for f in dataset.files]


def check_interactions(dataset: Dataset, folder: Path) -> None:
    """Check that interactions and users are those of recipes/data.

    Raises:
        DatasetError: with the actual ones.
    """
    rows, fix = (
        data_cache.read_interactions(folder / dataset.sequences),
        f"correct recipes/data/{dataset.upstream}.yaml",
    )
    digest, first = data_cache.hash_interactions(rows), dataset.first_user
    if dataset.interactions_sha256 and digest != dataset.interactions_sha256:
        what = f"its interactions have the hash {digest}, expected {dataset.interactions_sha256}"
        raise DatasetError(dataset.name, what, fix)
    if first is not None and not data_cache.has_users_from(rows, first):
        raise DatasetError(dataset.name, f"its users are not {first}, {first + 1}, ... in this order", fix)


def counted(dataset: Dataset, folder: Path) -> data_cache.Counts:
    """Counts of a dataset's file of sequences in this folder, in a readable layout."""
    count = data_cache.count_pairs if dataset.layout == "pairs" else data_cache.count_sequences
    return count(folder / dataset.sequences)

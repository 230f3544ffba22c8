"""Arguments of the Python interface as a request for a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.commands.table_request import TableRequest
from harness.core.config import load
from harness.core.name_values import name_values
from harness.recipes.selection import Settings, parse_seeds


def python_request(
    artifact: str, where: str | Mapping[str, str | Iterable[str]], seeds: str | Iterable[int], profile: str,
    options: Mapping[str, object], results: Path | str, project: Path | str,
) -> TableRequest:  # fmt: skip
    """The request of the arguments of `load`.

    Raises:
        ArgumentError: invalid filters or seeds. RecipeError: unknown artifact. ConfigError: no project.
    """
    config = load(Path(project) if project else None)
    if results:
        config = config.model_copy(update={"results": Path(results).resolve()})
    written = seeds if isinstance(seeds, str) else ",".join(map(str, seeds))
    settings = Settings(
        where=filters(where),
        seeds=parse_seeds(written) if written else None,
        profile=profile,
        options={name: str(value) for name, value in options.items()},
        threads=config.file.local.threads,
    )
    return TableRequest(config, artifact, settings).with_known_spelling()


def filters(where: str | Mapping[str, str | Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Allowed values by filter key, from a text as on the command line or from a mapping."""
    if isinstance(where, str):
        fix = "write where='dataset=lastfm,model=sasrec'"
        found = name_values(where, "where", fix, "write alternatives as name=a|b")
        return {name: tuple(value.split("|")) for name, value in found.items()}
    return {name: tuple(value.split("|")) if isinstance(value, str) else tuple(value) for name, value in where.items()}

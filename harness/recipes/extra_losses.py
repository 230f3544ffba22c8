"""Losses that the command line adds to a table: each becomes a further system for every host that the recipe allows.

Everything except the loss is the host's: model, arguments, checkpoint. Everything that can be checked without
executing code is checked here, before anything is fetched or created.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.errors import ArgumentError, near_misses
from harness.core.name_values import as_number, name_values
from harness.core.project_file import Upstream
from harness.core.results import Claim
from harness.recipes import loss_file, selection
from harness.recipes.loss_catalogue import Catalogue
from harness.recipes.loss_file import FLAG
from harness.recipes.recipe import Recipe
from harness.recipes.selection import Where
from harness.recipes.systems import AddedSystem, LossFile, Scalar, System, titled, written

FILE = re.compile(r"(?P<path>.*?\.py)(?::(?P<function>[^:]*))?(?::(?P<options>.*))?", re.DOTALL)
WRITTEN = f"write {FLAG} mine.py:my_loss, {FLAG} mine.py:my_loss:gamma=3 or {FLAG} gbce:k=256,t=0.75"


@dataclass(frozen=True)
class Addition:
    """One --loss.

    Attributes:
        name: of the loss, or of the function in `file`.
        about: its source, for a footnote of the table.
    """

    name: str
    options: Mapping[str, Scalar]
    about: str
    file: LossFile | None = None

    @property
    def title(self) -> str:
        """Loss and options as in keys of systems, filters and folders."""
        return titled(self.name, self.options)

    @property
    def label(self) -> str:
        """Loss and options as a table prints them."""
        return self.name + (f" ({written(self.options, ', ')})" if self.options else "")


def with_extra_losses(
    recipe: Recipe, upstream: Upstream, catalogue: Catalogue, asked: Sequence[str], where: selection.Where
) -> Recipe:
    """The recipe with a further system for each requested loss and each host that the filter selects.

    Raises:
        ArgumentError: a loss that is invalid, or not possible in this table.
    """
    additions = [addition(text, recipe, upstream, catalogue) for text in asked]
    candidates = [system for one in additions for system in systems(recipe, one)]
    offered = recipe.model_copy(update={"systems": {**keyed(candidates), **recipe.systems}})
    selection.check_where(offered, where)
    wanted = [s for s in candidates if is_wanted_addition(key_of(s), s, candidates, recipe, where)]
    if not wanted:
        places = ", ".join(recipe.own_loss)
        raise ArgumentError(FLAG, "the filter selects no system that accepts a loss", f"these do: {places}")
    refuse_doubles(recipe, wanted)
    return recipe.model_copy(update={"systems": insert_after_model(recipe.systems, wanted)})


def key_of(system: AddedSystem) -> str:
    """The key of an added system."""
    return f"{system.model}/{system.title}"


def keyed(systems: Sequence[AddedSystem]) -> dict[str, System]:
    """Added systems by key."""
    return {key_of(system): system for system in systems}


def addition(text: str, recipe: Recipe, upstream: Upstream, catalogue: Catalogue) -> Addition:
    """One --loss, validated.

    Raises:
        ArgumentError: not possible with this recipe and its upstream.
    """
    found = FILE.fullmatch(text)
    name, _, rest = text.partition(":")
    if not found and name not in catalogue.losses:
        what = f"{name!r} is neither a known loss nor a Python file"
        raise ArgumentError(FLAG, what, f"{WRITTEN}; {near_misses(name, catalogue.losses)}")
    refuse_place(name, bool(found), recipe, upstream)
    if not found:
        return of_catalogue(name, rest, catalogue)
    file, signature = loss_file.read(found["path"], found["function"] or "")
    texts = option_texts(text, found["options"] or "")
    about = f"{file.path}, SHA-256 {file.sha256[:12]}"
    return Addition(file.function, loss_file.options(file, signature, texts), about, file)


def refuse_place(name: str, is_file: bool, recipe: Recipe, upstream: Upstream) -> None:
    """Refuse a loss that this recipe or its upstream does not support."""
    if is_file and not upstream.own_loss:
        why = "computes its losses in NumPy, which has no automatic differentiation"
        why = why if upstream.framework == "numpy" else "has no patch for it"
        what = f"upstream {recipe.upstream} supports no custom loss: it {why}"
        raise ArgumentError(FLAG, what, "`harness losses` shows which upstreams do")
    if not is_file and name not in upstream.losses:
        what = f"upstream {recipe.upstream} does not support {name}"
        raise ArgumentError(FLAG, what, f"it supports {', '.join(upstream.losses) or 'none'}")
    if not recipe.own_loss:
        what = f"{recipe.artifact} has no system that accepts another loss"
        raise ArgumentError(FLAG, what, "list some under own_loss in its recipe")


def of_catalogue(name: str, rest: str, catalogue: Catalogue) -> Addition:
    """A loss of the catalogue with its options in the catalogue's order."""
    loss, texts = catalogue.losses[name], option_texts(name, rest)
    values = {option: as_number(text) for option, text in texts.items()}
    if faults := list(catalogue.faults(name, values)):
        raise ArgumentError(FLAG, "; ".join(faults), f"`harness losses {name}` explains its options")
    loss = catalogue.losses[name]
    options = {option: type(default)(values[option]) for option, default in loss.options.items() if option in values}
    return Addition(name, options, f"{loss.title}, {loss.source}")


def option_texts(where: str, text: str) -> dict[str, str]:
    """`k=256,t=0.75` of the loss `where` as a mapping.

    Raises:
        ArgumentError: a part that is not name=value, or a duplicate name.
    """
    return name_values(text, FLAG, WRITTEN, "remove one", of=where)


def systems(recipe: Recipe, one: Addition) -> list[AddedSystem]:
    """The systems of one added loss, one for each host of the recipe.

    A model is named by its shortest label: the paper's name of it without a loss.
    """
    made = []
    for key in recipe.own_loss:
        host = recipe.systems[key]
        model = min((s.label for s in recipe.systems.values() if s.model == host.model), key=len)
        kept = {name: getattr(host, name) for name in ("model", "seeded", "checkpoint", "arguments", "command")}
        kept |= {"host": key, "label": f"{model}, {one.label}", "proof": one.file.short if one.file else None}
        put_in = {"loss": one.name, "loss_options": dict(one.options), "title": one.title, "file": one.file}
        made.append(AddedSystem(**kept, **put_in, about=one.about))
    return made


def refuse_doubles(recipe: Recipe, wanted: Sequence[AddedSystem]) -> None:
    """Refuse systems that the recipe has, and duplicates.

    Raises:
        ArgumentError: naming them.
    """
    keys = [key_of(system) for system in wanted]
    if there := [key for key in keys if key in recipe.systems]:
        one = next(system for system in wanted if key_of(system) in there)
        fix = f"rename {one.loss} in {one.file.path}" if one.file else "select it by --where, or exclude its model"
        raise ArgumentError(FLAG, f"{', '.join(there)}: the recipe already has this system", fix)
    if twice := sorted({system.title for system in wanted if keys.count(key_of(system)) > 1}):
        contents = {system.file.sha256 if system.file else "" for system in wanted if system.title in twice}
        fix = "remove one" if len(contents) == 1 else "rename the function in one of the files"
        raise ArgumentError(FLAG, f"{', '.join(twice)} is a duplicate", fix)


def insert_after_model(systems: Mapping[str, System], added: Sequence[AddedSystem]) -> dict[str, System]:
    """Systems with each added one after the last of its model."""
    last = {system.model: key for key, system in systems.items()}
    found: dict[str, System] = {}
    for key, system in systems.items():
        found[key] = system
        found |= keyed([a for a in added if last[a.model] == key])
    return found


def names(recipe: Recipe, digits: int, between: str) -> list[str]:
    """The added losses, each once, with options and, for one from a file, this many digits of the file's hash."""
    found = []
    for system in recipe.systems.values():
        if isinstance(system, AddedSystem):
            content = f"@{system.file.sha256[:digits]}" if system.file else ""
            options = f":{written(system.loss_options, between)}" if system.loss_options else ""
            found.append(system.loss + content + options)
    return list(dict.fromkeys(found))


def comparisons(systems: Mapping[str, System], metrics: Sequence[str]) -> list[Claim]:
    """Each added system against every other one of its model, on each metric; each pair of added ones once."""
    added = {key: system for key, system in systems.items() if isinstance(system, AddedSystem)}
    pairs: list[tuple[str, str]] = []
    for key, system in added.items():
        others = [other for other, s in systems.items() if s.model == system.model and other != key]
        pairs += [(key, other) for other in others if (other, key) not in pairs]
    return [Claim(better, worse, metric, own=True) for better, worse in pairs for metric in metrics]


def footnotes(recipe: Recipe) -> tuple[str, ...]:
    """Source of each added loss and the system whose loss it replaces, for footnotes."""
    hosts_of: dict[str, list[str]] = {}
    for system in recipe.systems.values():
        if isinstance(system, AddedSystem):
            options = f" ({written(system.loss_options, ', ')})" if system.loss_options else ""
            hosts_of.setdefault(f"{system.loss}{options}: {system.about}", []).append(recipe.systems[system.host].label)
    return tuple(f"{text}; added in place of the loss of {', '.join(hosts)}" for text, hosts in hosts_of.items())


def is_wanted_addition(
    name: str, system: AddedSystem, added: Sequence[AddedSystem], recipe: Recipe, where: Where
) -> bool:
    """Whether a filter keeps a system that --loss added.

    A loss of --loss is shown beside the systems that a filter selects: a filter by loss or system excludes it only
    if the filter names other added systems, or no system of its model.
    """
    keys, losses = {f"{a.model}/{a.title}" for a in added}, {a.loss for a in added}
    named = [key for key in where.get("system", ()) if key in keys]
    models = {recipe.systems[key].model for key in where.get("system", ()) if key in recipe.systems}
    by_system = (name in named if named else system.model in models) if "system" in where else True
    of_losses = [loss for loss in where.get("loss", ()) if loss in losses and loss not in own_losses(recipe)]
    by_loss = system.loss in where["loss"] if of_losses else True
    return by_system and by_loss and system.model in where.get("model", (system.model,))


def own_losses(recipe: Recipe) -> set[str]:
    """Losses of the recipe's own systems."""
    return {system.loss for system in recipe.systems.values()}

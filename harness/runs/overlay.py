"""The overlay's modules: imports of each, and the modules that a run can load.

A key contains the modules that its run can load (its import closure), each by the hash of its normal form. Roots are
the modules that the command names and, if upstream code is run, those that the inserted lines of the patch series
import. Imports are read from the syntax tree, those inside functions too; a module named in a string counts as
imported. Names built at run time are missed here; the probe detects them, since it reports every
loaded module: a run that loaded one outside its closure has failed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from harness.core.errors import PatchError, RecipeError, near_misses
from harness.core.files import sha256_bytes
from harness.core.project_folders import layers
from harness.runs.normal_form import WITH_DOCSTRING, decoded, normal_form, parsed
from harness.upstreams.patches.format import Patch

PACKAGE = "harness_overlay"
FOLDER = "patches/overlay"
NAMED = re.compile(rf"\b{PACKAGE}((?:[./]\w+)+)")  # harness_overlay.losses.sampled, harness_overlay/own.py
DYNAMIC = re.compile(rf"{PACKAGE}[./]?")  # the beginning of a name built at run time
# Modules that run no other code. A module that imports anything else may run the upstream, which imports the modules of
# the patch series. A fixed list: the standard library differs between Python versions, keys must not.
PLAIN = frozenset({
    "__future__", "argparse", "ast", "atexit", "bisect", "collections", "copy", "csv", "dataclasses", "datetime",
    "decimal", "enum", "functools", "hashlib", "heapq", "io", "itertools", "json", "math", "numpy", "operator", "os",
    "pathlib", "random", "re", "resource", "statistics", "string", "struct", "sys", "tempfile", "textwrap", "time",
    "types", "typing", "warnings", "zlib",
})  # fmt: skip
STARTERS = frozenset({"exec", "eval", "compile", "__import__"})


@dataclass(frozen=True)
class Module:
    """One module of the overlay.

    Attributes:
        name: path below the overlay's folder, with slashes: gsasrec/run.py.
        content: its bytes, with `\\n` as line ends.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def where(self) -> str:
        """The path for messages."""
        return f"{FOLDER}/{self.name}"

    @property
    def package(self) -> tuple[str, ...]:
        """The names of its package, below the overlay."""
        return tuple(self.name.split("/")[:-1])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its content."""
        return sha256_bytes(self.content)

    @cached_property
    def text(self) -> str:
        """Its text. Raises PatchError if it cannot be decoded."""
        return decoded(self.content, self.where)

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree. Raises PatchError if it is not valid Python."""
        return parsed(self.text, self.where)

    @cached_property
    def form(self) -> str:
        """SHA-256 of its normal form, "" if that is empty, as for a file with only a docstring."""
        text = normal_form(self.text, self.tree)
        return sha256_bytes(text.encode()) if text else ""

    @cached_property
    def imports(self) -> tuple[tuple[str, ...], ...]:
        """Dotted names below the overlay that it may import; a last part `*` means everything below."""
        return tuple(named_by(self.tree, self.package))

    @cached_property
    def starts_other_code(self) -> bool:
        """Whether it imports more than plain libraries, or runs code by name."""
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return bool(STARTERS & used) or any(name not in PLAIN for name in other_imports(self.tree))


@dataclass(frozen=True)
class Overlay:
    """The modules of the overlay, and those that the patch series of an upstream imports.

    Attributes:
        modules: by name.
        entries: dotted names below the overlay that the inserted lines of the series import.
    """

    modules: Mapping[str, Module]
    entries: tuple[tuple[str, ...], ...] = ()

    def closure(self, command: Iterable[str], where: str, code: str = "") -> list[str]:
        """Names of the modules that a run can load, sorted.

        Args:
            command: its words.
            where: the place of the command, for messages.
            code: text of a custom loss, which may import the overlay too.
        Raises:
            RecipeError: a word names a missing module. PatchError: a module cannot be parsed.
        """
        words = list(command)
        loaded = self.reached([name for word in words for name in self.in_word(word, where)])
        if code:
            loaded |= self.reached(self.found(named_by(parsed(code, where), ())))
        starts_ours = words[1:2] == ["-m"] and words[2].startswith(f"{PACKAGE}.")
        if code or not starts_ours or any(self.modules[name].starts_other_code for name in loaded):
            loaded |= self.loaded_by_series
        return sorted(loaded)

    @cached_property
    def loaded_by_series(self) -> set[str]:
        """The modules that the inserted lines of the series load."""
        return self.reached(self.found(self.entries))

    @cached_property
    def _direct(self) -> dict[str, list[str]]:
        return {}

    def imported_by(self, name: str) -> list[str]:
        """The direct imports of a module; cached, since every run of a plan needs them."""
        if name not in self._direct:
            self._direct[name] = self.found(self.modules[name].imports)
        return self._direct[name]

    def forms(self, names: Iterable[str]) -> dict[str, str]:
        """The hash of each module's normal form, without empty ones."""
        return {name: form for name in names if (form := self.modules[name].form)}

    def reached(self, names: Iterable[str]) -> set[str]:
        """These modules and everything that they import."""
        waiting, seen = list(names), set[str]()
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen.add(name)
                waiting += self.imported_by(name)
        return seen

    def in_word(self, word: str, where: str) -> list[str]:
        """The modules that a word of a command names, as `harness_overlay.x` or as `harness_overlay/x.py`.

        Raises:
            RecipeError: a missing module.
        """
        found: list[str] = []
        for match in NAMED.finditer(word):
            parts = parts_of(match[1])
            here = self.at(parts) + self.at((*parts, "__main__"), only_itself=True)
            if not any(name in here for name in own_files(parts)):
                what = f"{word!r} names {'/'.join(parts)}.py, which is not in {FOLDER}"
                raise RecipeError(where, what, near_misses("/".join(parts) + ".py", self.modules))
            found += here
        return found

    def found(self, names: Iterable[tuple[str, ...]]) -> list[str]:
        """The modules that imports of these dotted names load."""
        loaded: list[str] = []
        for parts in names:
            loaded += self.below(parts[:-1]) if parts[-1:] == ("*",) else self.at(parts)
        return loaded

    def at(self, parts: tuple[str, ...], only_itself: bool = False) -> list[str]:
        """The module or package of a dotted name, if it exists, with all its parent packages."""
        ways = [parts] if only_itself else [parts[:n] for n in range(len(parts) + 1)]
        return [name for way in ways for name in own_files(way) if name in self.modules]

    def below(self, parts: tuple[str, ...]) -> list[str]:
        """All modules of a package, with all its parent packages."""
        folder = "".join(f"{part}/" for part in parts)
        return self.at(parts) + [name for name in self.modules if name.startswith(folder)]


def own_files(parts: tuple[str, ...]) -> list[str]:
    """Possible paths of a dotted name's module or package; the overlay itself is a package."""
    return [f"{'/'.join(parts)}.py"] * bool(parts) + ["/".join((*parts, "__init__.py"))]


def parts_of(dotted: str) -> tuple[str, ...]:
    """The parts of `.losses.sampled` or of `/losses/sampled.py`."""
    return tuple(re.sub(r"\.py$", "", dotted[1:]).replace("/", ".").split("."))


def named_by(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Dotted names below the overlay that a module may import, in statements and in strings.

    Args:
        package: the module's package, below the overlay.
    """
    skipped = {id(node.body[0].value) for node in ast.walk(tree) if has_docstring(node)}  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top, *parts = alias.name.split(".")
                yield from [tuple(parts)] if top == PACKAGE else ()
        elif isinstance(node, ast.ImportFrom):
            yield from from_import(node, package)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            if DYNAMIC.fullmatch(node.value):
                yield ("*",)
            for named in (parts_of(match[1]) for match in NAMED.finditer(node.value)):
                yield from (named, (*named, "*"))  # a package's name may be the beginning of a longer one


def has_docstring(node: ast.AST) -> bool:
    """Whether a node begins with a docstring."""
    return isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None


def from_import(node: ast.ImportFrom, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Dotted names below the overlay of `from A import b`: A, and A.b if it is a module."""
    parts = tuple(node.module.split(".")) if node.module else ()
    if node.level:
        parts = (*package[: len(package) + 1 - node.level], *parts)
    elif parts[0] != PACKAGE:
        return
    else:
        parts = parts[1:]
    yield parts
    yield from ((*parts, alias.name) for alias in node.names)


def other_imports(tree: ast.Module) -> Iterator[str]:
    """Top names of the libraries that a module imports from outside the overlay."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names if alias.name.split(".")[0] != PACKAGE)
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] != PACKAGE:
            yield (node.module or "").split(".")[0]


def inserted_imports(patches: Iterable[Patch]) -> tuple[tuple[str, ...], ...]:
    """Dotted names below the overlay that the inserted lines of a patch series import, or name after a dot."""
    found: set[tuple[str, ...]] = set()
    for hunk in (hunk for patch in patches for file in patch.files for hunk in file.hunks):
        text = "\n".join(hunk.lines)
        found |= {parts_of(match[1]) for match in NAMED.finditer(text)}
        for match in re.finditer(rf"^[ \t]*(from {PACKAGE}\b[^\n(]* import (?:\([^)]*\)|[^\n]*))", text, re.MULTILINE):
            found |= set(named_by(parsed(match[1], "patch"), ()))
    return tuple(sorted(found))


def read(folder: Path, entries: tuple[tuple[str, ...], ...] = ()) -> Overlay:
    """The overlay in a folder, with its packages; converted line ends of a clone are restored.

    Raises:
        PatchError: the folder is not readable.
    """
    try:
        paths = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    except OSError as error:
        raise PatchError(str(folder), f"is not readable: {error}", "restore it from the repository") from error
    return Overlay({name: module(name, data.replace(b"\r\n", b"\n")) for name, data in found.items()}, entries)


def of_project(root: Path, entries: tuple[tuple[str, ...], ...] = ()) -> Overlay:
    """The overlay of a project, with the modules of the project that it extends.

    Raises:
        PatchError: a folder is not readable.
    """
    modules: dict[str, Module] = {}
    for folder in reversed(layers(root)):
        modules |= read(folder / FOLDER).modules
    return Overlay(modules, entries)


@lru_cache(maxsize=512)
def module(name: str, content: bytes) -> Module:
    """A module, the same object for the same content, so that each text is parsed once for all recipes."""
    return Module(name, content)

"""Static check of a custom loss before anything is created: the file is parsed, never executed.

It refuses errors that would otherwise appear during training: an unreadable file, a missing function, or one that
the overlay cannot call. What the function computes is verified by the overlay on the first batch.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.core.errors import ArgumentError, near_misses
from harness.core.files import sha256_bytes
from harness.core.name_values import as_number
from harness.recipes.systems import LossFile, Scalar

FLAG = "--loss"
GIVEN = ("hidden", "item_embeddings", "targets", "mask")
OURS = ("negatives", "seen", "excluded_rows")  # arguments of the catalogue's losses only, not of custom losses
CALL = f"my_loss({', '.join(GIVEN)}, *, generator, **options)"
Function = ast.FunctionDef | ast.AsyncFunctionDef


#: Options of a function, each with the source text of its default, or None.
Signature = Mapping[str, str | None]


def read(path: str, function: str) -> tuple[LossFile, Signature]:
    """A user's file and the signature of one of its functions.

    Args:
        path: as given, relative to the current folder.
    Raises:
        ArgumentError: unreadable, not Python, no such function, or one that cannot be called with the four tensors.
    """
    content = content_of(path)
    module = parsed(path, content)
    known = functions(module)
    if not function:
        raise ArgumentError(FLAG, f"{path} has no function name", f"write {path}:{next(iter(known), 'my_loss')}")
    if function not in known:
        raise ArgumentError(FLAG, f"{path} {absence(module, function)}", near_misses(function, known))
    refuse_neighbours(path, module)
    found = LossFile(path=path, function=function, sha256=sha256_bytes(content), content=content)
    return found, signature(f"{path}:{function}", known[function])


def content_of(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        ArgumentError: it is not readable.
    """
    fix = f"give the path of a Python file, as in {FLAG} examples/mine.py:my_loss"
    if Path(path).is_dir():
        raise ArgumentError(FLAG, f"{path} is a folder", fix)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ArgumentError(FLAG, f"no such file: {path}", fix) from error
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise ArgumentError(FLAG, f"{path} is not readable: {why}", fix) from error


def parsed(path: str, content: bytes) -> ast.Module:
    """The syntax tree of a file.

    Raises:
        ArgumentError: not UTF-8, or not Python.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ArgumentError(FLAG, f"{path}, line {line}: is not UTF-8", "save it as UTF-8") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they appear when the file is imported
            return ast.parse(text, path)
    except SyntaxError as error:
        quoted = f"\n    {error.text.strip()}" if error.text and error.text.strip() else ""
        raise ArgumentError(FLAG, f"{path}, line {error.lineno}: {error.msg}{quoted}", "correct the file") from error
    except (ValueError, RecursionError) as error:
        raise ArgumentError(FLAG, f"{path} is not valid Python: {error}", "correct the file") from error


def functions(module: ast.Module) -> dict[str, Function]:
    """The top-level functions of a module, also inside `if` and `try`; private ones last."""
    found = {node.name: node for node in defined(module.body)}
    return dict(sorted(found.items(), key=lambda item: item[0].startswith("_")))


def refuse_neighbours(path: str, module: ast.Module) -> None:
    """Refuse imports of neighbouring files: only this file is copied and hashed.

    Raises:
        ArgumentError: with the import.
    """
    for node in (n for n in ast.walk(module) if isinstance(n, ast.Import | ast.ImportFrom)):
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        source = f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""
        for name in [source] if source else [alias.name for alias in node.names]:
            beside = Path(path).parent / name.partition(".")[0]
            if relative or beside.with_suffix(".py").is_file() or (beside / "__init__.py").is_file():
                what = f"{path}, line {node.lineno}: imports {name} from the same folder"
                raise ArgumentError(
                    FLAG, what, "put everything that the loss needs into one file: only this file is hashed and stored"
                )


def absence(module: ast.Module, name: str) -> str:
    """Why a name is not a function of a module."""
    stored = {n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {n.asname or n.name for n in ast.walk(module) if isinstance(n, ast.alias)}
    return f"does not define {name!r} with def" if name in stored else f"has no function {name!r}"


def defined(body: Sequence[ast.stmt]) -> Iterator[Function]:
    """Function definitions among a module's top-level statements."""
    for node in body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.If | ast.Try):
            handled = [part for handler in getattr(node, "handlers", []) for part in handler.body]
            yield from defined([*node.body, *handled, *node.orelse, *getattr(node, "finalbody", [])])


def signature(where: str, function: Function) -> Signature:
    """The options of a function: parameters beyond the four tensors and the generator.

    Raises:
        ArgumentError: it cannot be called with them.
    """
    arguments = function.args
    declared = f"{function.name}({ast.unparse(arguments)})"
    fix = f"write it as def {CALL}"
    if isinstance(function, ast.AsyncFunctionDef):
        raise ArgumentError(FLAG, f"{where} is async: a loss returns a scalar, not a coroutine", fix)
    positional = [*arguments.posonlyargs, *arguments.args]
    if len(positional) < len(GIVEN) and not arguments.vararg:
        what = f"{where} takes {len(positional)} positional arguments, expected the {len(GIVEN)} tensors"
        raise ArgumentError(FLAG, f"{what}: {declared}", fix)
    swapped = [a.arg for a in positional[: len(GIVEN)]]
    if swapped != list(GIVEN) and set(swapped) == set(GIVEN):
        raise ArgumentError(FLAG, f"{where} has the tensors in the wrong order: {declared}", fix)
    named = {a.arg: None for a in positional[len(GIVEN) :]} | {a.arg: None for a in arguments.kwonlyargs}
    if "generator" not in named and not arguments.kwarg:
        raise ArgumentError(FLAG, f"{where} takes no generator, the only source of random numbers: {declared}", fix)
    found = defaults(arguments, named)
    if lost := [name for name in OURS if name in found and found[name] is None]:
        what = f"{where} needs {', '.join(lost)}, which a custom loss does not receive: {declared}"
        raise ArgumentError(FLAG, what, "give it a default, and use generator for random numbers")
    return {name: default for name, default in found.items() if name not in ("generator", *OURS)}


def defaults(arguments: ast.arguments, named: Mapping[str, None]) -> dict[str, str | None]:
    """Source text of the defaults of these arguments, None for those without one."""
    positional = [*arguments.posonlyargs, *arguments.args]
    last = positional[len(positional) - len(arguments.defaults) :]
    given = dict(zip((a.arg for a in last), arguments.defaults, strict=True))
    given |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    return {name: ast.unparse(given[name]) if name in given else None for name in named}


def options(file: LossFile, known: Signature, texts: Mapping[str, str]) -> dict[str, Scalar]:
    """The given options of a function in its order; those with a numeric default as numbers.

    Raises:
        ArgumentError: an unknown option, a value of another type, or a missing required option.
    """
    where = f"{file.path}:{file.function}"
    for name in texts:
        if name in (*GIVEN, "generator", *OURS):
            raise ArgumentError(FLAG, f"{where}: {name} is not an option", "remove it")
        if name not in known:
            raise ArgumentError(FLAG, f"{where} has no option {name!r}", near_misses(name, known))
    if missing := [name for name, default in known.items() if default is None and name not in texts]:
        shown = ",".join(f"{name}=..." for name in missing)
        fix = f"write {FLAG} {where}:{shown}, or give them defaults"
        raise ArgumentError(FLAG, f"{where} needs a value of {', '.join(missing)}", fix)
    return {name: value(where, name, texts[name], known[name]) for name in known if name in texts}


def value(where: str, name: str, text: str, default: str | None) -> Scalar:
    """The value of an option; if the default is a number or a Boolean, it must be one too.

    Raises:
        ArgumentError: it is not.
    """
    try:
        example = None if default is None else ast.literal_eval(default)
    except (ValueError, SyntaxError):  # an expression, such as a constant of the file
        example = None
    if isinstance(example, bool):
        if text not in ("True", "False"):
            raise ArgumentError(FLAG, f"{where}: {name}={text!r} is not a Boolean", "write True or False")
        return int(text == "True")  # the text "False" would be true
    found = as_number(text)
    finite = isinstance(example, str | None) if isinstance(found, str) else math.isfinite(found)
    if not finite:
        raise ArgumentError(FLAG, f"{where}: {name}={text!r} is not a finite number", f"its default is {default}")
    return found

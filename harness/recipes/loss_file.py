"""A loss of one's own, looked over before anything is made: the file is parsed, never executed.

Only what an hour of training would otherwise tell is refused: a file that cannot be read, a function that is not there
or cannot be called as the overlay calls it. What the function computes is the overlay's to judge, on the first batch.
"""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.core.errors import ArgumentError, near_misses
from harness.core.files import sha256_bytes
from harness.recipes.systems import LossFile, Scalar, as_number

FLAG = "--loss"
GIVEN = ("hidden", "item_embeddings", "targets", "mask")
OURS = ("negatives", "seen", "excluded_rows")  # the catalogue's losses are given these, nobody's own
CALL = f"my_loss({', '.join(GIVEN)}, *, generator, **options)"
Function = ast.FunctionDef | ast.AsyncFunctionDef


#: What can be set of a function, with the source text of its default, None for none.
Signature = Mapping[str, str | None]


def read(path: str, function: str) -> tuple[LossFile, Signature]:
    """A user's file and the signature of one of its functions.

    Args:
        path: as it was written, from the current folder.
    Raises:
        ArgumentError: not to be read, no Python, no such function, or one that cannot be called with the four tensors.
    """
    content = content_of(path)
    module = parsed(path, content)
    known = functions(module)
    if not function:
        raise ArgumentError(FLAG, f"{path} names no function", f"write {path}:{next(iter(known), 'my_loss')}")
    if function not in known:
        raise ArgumentError(FLAG, f"{path} {absence(module, function)}", near_misses(function, known))
    refuse_neighbours(path, module)
    found = LossFile(path=path, function=function, sha256=sha256_bytes(content), content=content)
    return found, signature(f"{path}:{function}", known[function])


def content_of(path: str) -> bytes:
    """The bytes of a file.

    Raises:
        ArgumentError: it cannot be read.
    """
    fix = f"write the path from here of a Python file, as in {FLAG} examples/mine.py:my_loss"
    if Path(path).is_dir():
        raise ArgumentError(FLAG, f"{path} is a folder", fix)
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ArgumentError(FLAG, f"there is no file {path}", fix) from error
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise ArgumentError(FLAG, f"{path} cannot be read: {why}", fix) from error


def parsed(path: str, content: bytes) -> ast.Module:
    """The syntax tree of a file.

    Raises:
        ArgumentError: not UTF-8, or no Python.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ArgumentError(FLAG, f"{path}, line {line}: is not UTF-8", "save it as UTF-8") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whoever imports the file says them
            return ast.parse(text, path)
    except SyntaxError as error:
        quoted = f"\n    {error.text.strip()}" if error.text and error.text.strip() else ""
        raise ArgumentError(FLAG, f"{path}, line {error.lineno}: {error.msg}{quoted}", "mend the file") from error
    except (ValueError, RecursionError) as error:
        raise ArgumentError(FLAG, f"{path} is no Python: {error}", "mend the file") from error


def functions(module: ast.Module) -> dict[str, Function]:
    """The functions that a module defines at its top, also inside of `if` and `try`, those with an underscore last."""
    found = {node.name: node for node in defined(module.body)}
    return dict(sorted(found.items(), key=lambda item: item[0].startswith("_")))


def refuse_neighbours(path: str, module: ast.Module) -> None:
    """Refuse imports of files that lie beside this one: it is copied, and hashed, alone.

    Raises:
        ArgumentError: naming the import.
    """
    for node in (n for n in ast.walk(module) if isinstance(n, ast.Import | ast.ImportFrom)):
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        source = f"{'.' * node.level}{node.module or ''}" if isinstance(node, ast.ImportFrom) else ""
        for name in [source] if source else [alias.name for alias in node.names]:
            beside = Path(path).parent / name.partition(".")[0]
            if relative or beside.with_suffix(".py").is_file() or (beside / "__init__.py").is_file():
                what = f"{path}, line {node.lineno}: imports {name}, which lies beside it"
                raise ArgumentError(
                    FLAG, what, "put all that the loss needs into one file: it is hashed and kept alone"
                )


def absence(module: ast.Module, name: str) -> str:
    """How a name that is no function of a module is missing from it."""
    stored = {n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {n.asname or n.name for n in ast.walk(module) if isinstance(n, ast.alias)}
    return f"does not write {name!r} as a def of its own" if name in stored else f"has no function {name!r}"


def defined(body: Sequence[ast.stmt]) -> Iterator[Function]:
    """Definitions of functions among statements that run when a module is imported."""
    for node in body:
        if isinstance(node, Function):
            yield node
        elif isinstance(node, ast.If | ast.Try):
            handled = [part for handler in getattr(node, "handlers", []) for part in handler.body]
            yield from defined([*node.body, *handled, *node.orelse, *getattr(node, "finalbody", [])])


def signature(where: str, function: Function) -> Signature:
    """What a function takes beyond the four tensors and the generator.

    Raises:
        ArgumentError: it cannot be called with them.
    """
    arguments = function.args
    stands = f"{function.name}({ast.unparse(arguments)})"
    fix = f"write it as def {CALL}"
    if isinstance(function, ast.AsyncFunctionDef):
        raise ArgumentError(FLAG, f"{where} is async: a loss returns a scalar, not a coroutine", fix)
    positional = [*arguments.posonlyargs, *arguments.args]
    if len(positional) < len(GIVEN) and not arguments.vararg:
        what = f"{where} takes {len(positional)} positional arguments, not the {len(GIVEN)} that it is called with"
        raise ArgumentError(FLAG, f"{what}: {stands}", fix)
    swapped = [a.arg for a in positional[: len(GIVEN)]]
    if swapped != list(GIVEN) and set(swapped) == set(GIVEN):
        raise ArgumentError(FLAG, f"{where} has the tensors in another order: {stands}", fix)
    named = {a.arg: None for a in positional[len(GIVEN) :]} | {a.arg: None for a in arguments.kwonlyargs}
    if "generator" not in named and not arguments.kwarg:
        raise ArgumentError(FLAG, f"{where} takes no generator, all of a loss's randomness: {stands}", fix)
    found = defaults(arguments, named)
    if lost := [name for name in OURS if name in found and found[name] is None]:
        what = f"{where} needs {', '.join(lost)}, which a loss of one's own is not given: {stands}"
        raise ArgumentError(FLAG, what, "give it a default, and draw what it needs from generator")
    return {name: default for name, default in found.items() if name not in ("generator", *OURS)}


def defaults(arguments: ast.arguments, named: Mapping[str, None]) -> dict[str, str | None]:
    """Source text of the defaults of these arguments, None for those without one."""
    positional = [*arguments.posonlyargs, *arguments.args]
    last = positional[len(positional) - len(arguments.defaults) :]
    given = dict(zip((a.arg for a in last), arguments.defaults, strict=True))
    given |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    return {name: ast.unparse(given[name]) if name in given else None for name in named}


def options(file: LossFile, known: Signature, texts: Mapping[str, str]) -> dict[str, Scalar]:
    """The options given to a function, those with a number as their default as numbers, in the function's order.

    Raises:
        ArgumentError: an unknown one, a value of another type, or a needed one that is missing.
    """
    where = f"{file.path}:{file.function}"
    for name in texts:
        if name in (*GIVEN, "generator", *OURS):
            raise ArgumentError(FLAG, f"{where}: {name} is no option", "leave it out")
        if name not in known:
            raise ArgumentError(FLAG, f"{where} has no option {name!r}", near_misses(name, known))
    if missing := [name for name, default in known.items() if default is None and name not in texts]:
        shown = ",".join(f"{name}=..." for name in missing)
        fix = f"write {FLAG} {where}:{shown}, or give them defaults"
        raise ArgumentError(FLAG, f"{where} needs a value of {', '.join(missing)}", fix)
    return {name: value(where, name, texts[name], known[name]) for name in known if name in texts}


def value(where: str, name: str, text: str, default: str | None) -> Scalar:
    """The value of an option; where the default is a number or a truth value, it must be one too.

    Raises:
        ArgumentError: it is none.
    """
    try:
        example = None if default is None else ast.literal_eval(default)
    except (ValueError, SyntaxError):  # an expression, such as a constant of the file
        example = None
    if isinstance(example, bool):
        if text not in ("True", "False"):
            raise ArgumentError(FLAG, f"{where}: {name}={text!r} is no truth value", "write True or False")
        return int(text == "True")  # as text, False would be true
    found = as_number(text)
    finite = isinstance(example, str | None) if isinstance(found, str) else math.isfinite(found)
    if not finite:
        raise ArgumentError(FLAG, f"{where}: {name}={text!r} is no finite number", f"its default is {default}")
    return found

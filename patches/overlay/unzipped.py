"""Unpacks a ZIP archive with a single file: data that an upstream has in compressed form.

python -m harness_overlay.unzipped --archive FILE --out FILE
"""

from __future__ import annotations

import argparse
import shutil
import zipfile
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Unpack.

    Raises:
        ValueError: the archive does not contain exactly one file.
    """
    parser = argparse.ArgumentParser(description="the one file of a ZIP archive")
    parser.add_argument("--archive", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    with zipfile.ZipFile(options.archive) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise ValueError(f"{options.archive}: holds {len(names)} files, expected one: {', '.join(names[:5])}")
        with archive.open(names[0]) as packed, open(options.out, "wb") as file:
            shutil.copyfileobj(packed, file)


if __name__ == "__main__":
    main()

"""RecBole's atomic `.inter` files: tab separated, names typed as `user_id:token`.

Zhao et al., 2021, arXiv:2011.01731.
"""

from __future__ import annotations

from pathlib import Path

from autosample.data.options import ReadOptions
from autosample.data.readers.base import check_utf8, read_bytes
from autosample.data.readers.csv import parse_csv
from autosample.data.table import Table
from autosample.errors import DataError


def read_recbole(path: Path, options: ReadOptions) -> Table:
    raw = read_bytes(path)
    check_utf8(raw, path.name)
    head, _, body = raw.partition(b"\n")
    names = [name.partition(":")[0] for name in head.decode().strip().split("\t")]
    if not body.strip():
        raise DataError(f"{path.name} has a header but no rows")
    plain = "\t".join(names).encode() + b"\n" + body
    return parse_csv(plain, path.name, options.model_copy(update={"header": True}))

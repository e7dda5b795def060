"""RecBole's atomic `.inter` files: tab separated, names typed as `user_id:token`.

Zhao et al., 2021, arXiv:2011.01731. Files in which other signs separate the names are
read too; they have no quotes either.
"""

from __future__ import annotations

import re
from dataclasses import replace

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.delimited import Layout, layout_of, parse
from autosample.data.readers.text import Text
from autosample.data.table import Table

SEPARATOR = re.compile(r":(?:token|float)(?:_seq)?(\t|,|;|\|| )")


def read_recbole(text: Text, options: ReadOptions) -> Table:
    table = parse(text, recbole_layout(text, options), options)
    reading = table.reading.model_copy(update={"format": Format.RECBOLE})
    return replace(table, reading=reading)


def recbole_layout(text: Text, options: ReadOptions) -> Layout:
    """Return what the rows look like; names are without their types."""
    first = text.raw.partition(b"\n")[0].decode(errors="replace")
    named = SEPARATOR.search(first)
    sign = options.separator or (named[1] if named else "\t")
    asked = options.model_copy(update={"header": True, "separator": sign})
    layout = layout_of(text, asked)
    names = tuple(name.partition(":")[0] for name in layout.names)
    return replace(layout, dialect=layout.dialect._replace(quoted=False), names=names)

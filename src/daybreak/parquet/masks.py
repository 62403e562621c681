"""Which rows of a batch a condition wants, as far as it is compared here; a null is neither wanted nor unwanted, as in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from daybreak.parquet.condition import AllOf, AnyOf, ColumnTest, Constant, Operator, RowCondition


def mask_of(wanted: RowCondition, batch: Any) -> Any:
    """A truth for each row of a batch; null where the row is not known to be wanted."""
    match wanted:
        case AllOf(parts):
            return reduce(pc.and_kleene, (mask_of(part, batch) for part in parts))
        case AnyOf(parts):
            return reduce(pc.or_kleene, (mask_of(part, batch) for part in parts))
        case ColumnTest(name, operator, values):
            column = batch.column(name)
            if pa.types.is_dictionary(column.type) and values:
                # Each value once, however often it is repeated: unpacked they may be larger than the memory.
                return _answer(column.dictionary, operator, values).take(column.indices)
            return _answer(column, operator, values)


def _answer(column: Any, operator: Operator, values: tuple[Constant, ...]) -> Any:
    return _ANSWERS[operator](column, [_scalar(value, column.type) for value in values])


def _scalar(value: Constant, kind: Any) -> Any:
    # Of the widest kind: a number beyond the column's own is compared all the same.
    if isinstance(value, bool):
        return pa.scalar(value, pa.bool_())
    if isinstance(value, int):
        return pa.scalar(value, pa.int64())
    return pa.scalar(value, kind)


def _is_in(column: Any, values: list[Any]) -> Any:
    return reduce(pc.or_kleene, (pc.equal(column, value) for value in values))


def _is_between(column: Any, values: list[Any]) -> Any:
    least, most = values
    return pc.and_kleene(pc.greater_equal(column, least), pc.less_equal(column, most))


_ANSWERS: Mapping[Operator, Callable[[Any, list[Any]], Any]] = {
    "=": lambda column, values: pc.equal(column, values[0]),
    "<>": lambda column, values: pc.not_equal(column, values[0]),
    "<": lambda column, values: pc.less(column, values[0]),
    "<=": lambda column, values: pc.less_equal(column, values[0]),
    ">": lambda column, values: pc.greater(column, values[0]),
    ">=": lambda column, values: pc.greater_equal(column, values[0]),
    "in": _is_in,
    "not in": lambda column, values: pc.invert(_is_in(column, values)),
    "between": _is_between,
    "not between": lambda column, values: pc.invert(_is_between(column, values)),
    "null": lambda column, _: column.is_null(),
    "not null": lambda column, _: column.is_valid(),
}

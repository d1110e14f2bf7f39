"""Declaring what an artifact holds: the single place that validation, docs/formats.md and the tests derive from.

    @dataclass(frozen=True, kw_only=True, eq=False)
    class Triangle(Checked):
        SCHEMA = "refa.triangle/1"
        corners: F32 = array("V 3", unit="m", frame="head", within=(-1, 1), doc="corner positions")
        faces: I32 = array("F 3", dtype="int32", index_into="V", doc="corners of each face")
        name: str = text(doc="what it is called")

A dimension is a number, which must match, or a name, which is bound by the first array that has it and must agree
in all others. Arrays are checked when the object is made; floating-point arrays must be finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.checks import AllowedRange, check_shape, check_values, to_array, to_names, to_text
from refa_cli.formats.errors import DataError

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
B1 = NDArray[np.bool_]

DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool")


@dataclass(frozen=True)
class ArraySpec:
    """One array of an artifact.

    dims: numbers and names, e.g. ("V", 3); within: inclusive range of every value; index_into: the dimension (or
    count) that values index; allow_none: -1 stands for "none"; sums_to: the sum over the last axis; pose: the last
    two axes are a 4x4 rigid or similarity (rigid times one positive scale) transform; increasing: strictly along
    the first axis; rows_per_chunk, rows_per_shard: how a dataset stores it along the first axis; streamed: too large
    to be held whole, it may be written in blocks and stand as `Streamed` in an object.
    """

    dims: tuple[int | str, ...]
    doc: str
    dtype: str = "float32"
    unit: str = ""
    frame: str = ""
    within: AllowedRange | None = None
    index_into: int | str | None = None
    allow_none: bool = False
    sums_to: float | None = None
    pose: Literal["rigid", "similarity"] | None = None
    increasing: bool = False
    rows_per_chunk: int = 1024
    rows_per_shard: int = 16384
    streamed: bool = False


@dataclass(frozen=True)
class Streamed:
    """Stands for an array that is on disk only: its shape, and the digest that `shards.digest_of_shards` gives it."""

    shape: tuple[int, ...]
    digest: str


@dataclass(frozen=True)
class TextSpec:
    """One string. pattern: a regular expression that the whole of it must match."""

    doc: str
    pattern: str | None = None


@dataclass(frozen=True)
class NamesSpec:
    """A tuple of distinct, non-empty strings as long as dimension `dim`."""

    dim: int | str
    doc: str


Spec = ArraySpec | TextSpec | NamesSpec


def array(dims: str, *, doc: str, dtype: str = "float32", **options: Any) -> Any:
    """A dataclass field holding an array; dims as in "V 3", options as in ArraySpec."""
    parsed = tuple(int(dim) if dim.isdigit() else dim for dim in dims.split())
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype} is not one of {DTYPES}")
    return field(metadata={"spec": ArraySpec(parsed, doc, dtype, **options)})


def text(*, doc: str, pattern: str | None = None) -> Any:
    """A dataclass field holding a string."""
    return field(metadata={"spec": TextSpec(doc, pattern)})


def names(dim: str, *, doc: str) -> Any:
    """A dataclass field holding distinct names, one for each index of dimension `dim`."""
    return field(metadata={"spec": NamesSpec(int(dim) if dim.isdigit() else dim, doc)})


def specs_of(cls: type) -> Mapping[str, Spec]:
    """The declared fields of a Checked class, in order."""
    return {f.name: f.metadata["spec"] for f in fields(cls) if "spec" in f.metadata}


@dataclass(frozen=True, kw_only=True, eq=False)
class Checked:
    """Base of everything declared with `array`, `text` and `names`: checked, converted and frozen when made.

    Arrays become read-only views in C order of the declared dtype (integers are converted only if no value changes,
    floats are rounded). Raises DataError, whose path is the schema name; readers put the file's path there.
    """

    SCHEMA: ClassVar[str] = ""

    def __post_init__(self) -> None:
        dims: dict[str, int] = {}
        specs = specs_of(type(self))
        for name, spec in specs.items():
            value: Any = getattr(self, name)
            if isinstance(spec, ArraySpec):
                if not (spec.streamed and isinstance(value, Streamed)):
                    value = to_array(self.SCHEMA, name, spec.dtype, value)
                check_shape(self.SCHEMA, name, spec.dims, value.shape, dims)
            elif isinstance(spec, NamesSpec):
                value = to_names(self.SCHEMA, name, value)
                check_shape(self.SCHEMA, name, (spec.dim,), (len(value),), dims)
            else:
                value = to_text(self.SCHEMA, name, value, spec.pattern)
            object.__setattr__(self, name, value)
        for name, spec in specs.items():
            if isinstance(spec, ArraySpec) and not isinstance(getattr(self, name), Streamed):
                check_values(self.SCHEMA, name, spec, getattr(self, name), dims)
        object.__setattr__(self, "_dims", dims)
        self.check()

    @property
    def dims(self) -> Mapping[str, int]:
        """The length of each named dimension."""
        bound: dict[str, int] = getattr(self, "_dims")  # noqa: B009 - set by __post_init__ on a frozen object
        return bound

    def check(self) -> None:
        """Invariants across fields; override, and call `refuse` when one does not hold."""

    def refuse(
        self, field_name: str, expected: str, got: str, advice: str = "correct the step that made it"
    ) -> NoReturn:
        """Raises the DataError of a broken invariant."""
        raise DataError(self.SCHEMA, field_name, expected, got, advice)


def same(a: Checked, b: Checked) -> bool:
    """Whether two objects of one class hold equal declared fields (recipes are not compared)."""
    if type(a) is not type(b):
        return False
    for name, spec in specs_of(type(a)).items():
        mine, theirs = getattr(a, name), getattr(b, name)
        if isinstance(spec, ArraySpec) and not isinstance(mine, Streamed) and not isinstance(theirs, Streamed):
            if mine.shape != theirs.shape or not np.array_equal(mine, theirs):
                return False
        elif mine != theirs:
            return False
    return True

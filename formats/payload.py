"""What both containers share: the description of an object's contents in `refa.json`, its digest, and their checks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats import json_text
from refa_cli.formats.checks import check_shape
from refa_cli.formats.errors import DataError
from refa_cli.formats.spec import ArraySpec, Checked, specs_of

HEAD = "refa.json"
MAX_VALUES = 1 << 50
ADVICE = "it is damaged or not made by refa: make it again or take another copy"


def digest_of(head: Mapping[str, Any]) -> str:
    """SHA-256 of a head without its recipe and digest, as 64 hexadecimal digits."""
    covered = {key: value for key, value in head.items() if key not in ("recipe", "digest")}
    return hashlib.sha256(json_text.canonical(covered)).hexdigest()


def little_endian(value: NDArray[Any]) -> NDArray[Any]:
    """value in C order with the byte order that files have."""
    return np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))


def describe_array(value: NDArray[Any]) -> dict[str, Any]:
    """What the head of a single file says about an array."""
    sha256 = hashlib.sha256(little_endian(value).data if value.size else b"").hexdigest()
    return {"dtype": value.dtype.name, "shape": list(value.shape), "sha256": sha256}


def payload_of(value: Checked, describe: Callable[[ArraySpec, Any], dict[str, Any]]) -> dict[str, Any]:
    """The schema, texts and array descriptions of an object; describe: what the container says about an array."""
    texts: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name, spec in specs_of(type(value)).items():
        held = getattr(value, name)
        if isinstance(spec, ArraySpec):
            arrays[name] = describe(spec, held)
        else:
            texts[name] = list(held) if isinstance(held, tuple) else held
    return {"schema": value.SCHEMA, "texts": texts, "arrays": arrays}


def object_of(path: Path, cls: type[Checked], texts: Mapping[str, Any], arrays: Mapping[str, Any], **more: Any) -> Any:
    """The checked cls of texts and arrays that were read from path. Raises DataError."""
    named = {name: tuple(value) if isinstance(value, list) else value for name, value in texts.items()}
    try:
        return cls(**named, **arrays, **more)
    except DataError as error:
        raise DataError(path, error.field, error.expected, error.got, ADVICE) from None


def check_schema(path: Path, got: Any, want: str) -> None:
    """Refuses another kind of artifact and another version of the kind, in different words."""
    if got == want:
        return
    kind, _, version = want.partition("/")
    if isinstance(got, str) and got.partition("/")[0] == kind:
        advice = "make it again with this refa, or use the refa that made it"
        raise DataError(path, "schema", f"version {version} of {kind}", repr(got[:80]), advice)
    raise DataError(path, "schema", repr(want), repr(got)[:80], f"name one that holds {kind}")


def check_head(path: Path, head: Any, schema: str, keys: Mapping[str, type]) -> dict[str, Any]:
    """head if it is an object of the schema with just these keys, "schema" and "digest", and its digest is right."""
    if not isinstance(head, dict):
        raise DataError(path, HEAD, "an object {...}", type(head).__name__, ADVICE)
    check_schema(path, head.get("schema"), schema)
    wanted = {"schema": str, "digest": str, **keys}
    if head.keys() != wanted.keys():
        odd = sorted(head.keys() ^ wanted.keys())[0]
        raise DataError(path, HEAD, f"the keys {', '.join(wanted)}", f"{odd[:80]!r} missing or too many", ADVICE)
    for key, kind in wanted.items():
        if not isinstance(head[key], kind):
            raise DataError(path, f"{HEAD}: {key}", f"a {kind.__name__}", type(head[key]).__name__, ADVICE)
    if digest_of(head) != head["digest"]:
        raise DataError(path, "digest", "the digest of the contents", "another", ADVICE)
    return head


def check_payload(path: Path, head: Mapping[str, Any], cls: type[Checked]) -> dict[str, tuple[int, ...]]:
    """The shape of each array in a head, after comparing texts and arrays with what cls declares. Raises DataError."""
    specs = specs_of(cls)
    arrays = {name for name, spec in specs.items() if isinstance(spec, ArraySpec)}
    odd = sorted((head["arrays"].keys() ^ arrays) | (head["texts"].keys() ^ (specs.keys() - arrays)))
    if odd:
        raise DataError(path, HEAD, "the fields of its schema", f"{odd[0][:80]!r} missing or too many", ADVICE)
    dims: dict[str, int] = {}
    return {
        name: _check_entry(path, name, spec, head["arrays"][name], dims)
        for name, spec in specs.items()
        if isinstance(spec, ArraySpec)
    }


def _check_entry(path: Path, name: str, spec: ArraySpec, entry: Any, dims: dict[str, int]) -> tuple[int, ...]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "sha256"}:
        raise DataError(path, name, "its dtype, shape and sha256", repr(entry)[:80], ADVICE)
    if entry["dtype"] != spec.dtype:
        raise DataError(path, name, f"dtype {spec.dtype}", repr(entry["dtype"])[:80], ADVICE)
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
        raise DataError(path, name, "a shape of whole numbers", repr(shape)[:80], ADVICE)
    if prod(length for length in shape if length) > MAX_VALUES:  # numpy refuses such shapes even if one side is 0
        raise DataError(path, name, f"at most {MAX_VALUES} values", repr(shape)[:80], ADVICE)
    try:
        check_shape(str(path), name, spec.dims, shape, dims)
    except DataError as error:
        raise DataError(path, name, error.expected, error.got, ADVICE) from None
    return tuple(shape)

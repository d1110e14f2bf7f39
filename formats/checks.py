"""The checks behind `spec`: each takes (where, field, ...) and raises the DataError that names both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from refa_cli.formats.errors import DataError

if TYPE_CHECKING:
    from refa_cli.formats.spec import ArraySpec

AllowedRange = tuple[float, float]
ADVICE = "correct the step that made it"
SUBJECT = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # safe as a file name everywhere
MAX_TEXT = 100_000
MAX_NAMES = 10_000


def to_array(where: str, name: str, dtype: str, value: Any) -> NDArray[Any]:
    """value as a read-only array of dtype in C order, refusing any conversion that would lose more than rounding."""
    given = np.asarray(value)
    want = np.dtype(dtype)
    if given.dtype == want:
        converted = np.ascontiguousarray(given)
    elif want.kind == "f" and given.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(given, dtype=want)
    elif want.kind in "iu" and given.dtype.kind in "iu":
        limits = np.iinfo(want)
        if given.size and (int(given.min()) < limits.min or int(given.max()) > limits.max):
            got = f"{given.min()} to {given.max()}"
            raise DataError(where, name, f"whole numbers that fit {dtype}", got, ADVICE)
        converted = np.ascontiguousarray(given, dtype=want)
    else:
        raise DataError(where, name, f"an array of {dtype}", f"{given.dtype}", ADVICE)
    converted = converted.reshape(given.shape).view()  # ascontiguousarray makes a scalar one-dimensional
    converted.flags.writeable = False
    return converted


def check_shape(where: str, name: str, dims: Sequence[int | str], shape: Sequence[int], bound: dict[str, int]) -> None:
    """Checks shape against dims, binding the names not bound yet in `bound`."""
    wanted = " ".join(str(bound.get(dim, dim)) if isinstance(dim, str) else str(dim) for dim in dims)
    named = " ".join(str(dim) for dim in dims)
    expected = f"shape [{named}]" + (f" = [{wanted}]" if wanted != named else "")
    fits = len(dims) == len(shape)
    if fits:
        for dim, length in zip(dims, shape, strict=True):
            fits = fits and length == (bound.setdefault(dim, length) if isinstance(dim, str) else dim)
    if not fits:
        raise DataError(where, name, expected, f"[{' '.join(str(length) for length in shape)}]"[:80], ADVICE)


def check_values(where: str, name: str, spec: ArraySpec, value: NDArray[Any], dims: dict[str, int]) -> None:
    """Checks finiteness, range, indices, sums, transforms and order, as far as the spec declares them."""
    if value.size == 0:
        return
    if value.dtype.kind != "b":
        low, high = value.min(), value.max()
        if value.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
            bad = int(np.count_nonzero(~np.isfinite(value)))
            raise DataError(where, name, "finite numbers", f"{bad} that are NaN or infinite", ADVICE)
        if spec.within is not None and not (spec.within[0] <= low and high <= spec.within[1]):
            unit = f" {spec.unit}" if spec.unit else ""
            expected = f"values within {spec.within[0]:g} to {spec.within[1]:g}{unit}"
            raise DataError(where, name, expected, f"{low:g} to {high:g}", ADVICE)
        if spec.index_into is not None:
            count = dims[spec.index_into] if isinstance(spec.index_into, str) else spec.index_into
            least = -1 if spec.allow_none else 0
            if low < least or high >= count:
                raise DataError(where, name, f"indices from {least} to {count - 1}", f"{low} to {high}", ADVICE)
    if spec.sums_to is not None:
        sums = value.sum(axis=-1, dtype=np.float64)
        worst = float(sums.flat[np.abs(sums - spec.sums_to).argmax()])
        if abs(worst - spec.sums_to) > 1e-4:
            raise DataError(where, name, f"rows that sum to {spec.sums_to:g}", f"a sum of {worst:g}", ADVICE)
    if spec.increasing and len(value) > 1 and not bool((value[1:] > value[:-1]).all()):
        row = int(np.flatnonzero(value[1:] <= value[:-1])[0]) + 1
        got = f"{value[row]} after {value[row - 1]} at index {row}"
        raise DataError(where, name, "strictly increasing values", got, ADVICE)
    if spec.pose is not None:
        check_pose(where, name, value, scaled=spec.pose == "similarity")


def check_pose(where: str, name: str, value: NDArray[Any], *, scaled: bool = False) -> None:
    """Checks that value [..., 4, 4] holds rigid transforms, or rigid ones times one positive scale each."""
    matrices = value.reshape(-1, 4, 4).astype(np.float64)
    turns = matrices[:, :3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        determinants = np.linalg.det(turns)
        scales = np.cbrt(np.maximum(determinants, 0.0)) if scaled else np.ones(len(matrices))
        grams = np.einsum("nij,nkj->nik", turns, turns)
        errors = np.abs(grams - (scales**2)[:, None, None] * np.eye(3)).max(axis=(1, 2))
    whole = (determinants > 1e-18) & (errors <= 1e-3 * scales**2)
    whole &= (matrices[:, 3] == (0.0, 0.0, 0.0, 1.0)).all(axis=1)
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        kind = "a rotation, one positive scale" if scaled else "a rotation"
        got = f"{np.array2string(matrices[row], precision=4, separator=',', max_line_width=10_000)}".replace("\n", "")
        raise DataError(where, name, f"4x4 matrices of {kind} and a translation", f"{got} at index {row}", ADVICE)


def to_text(where: str, name: str, value: Any, pattern: str | None) -> str:
    """value if it is a string that UTF-8 can hold, not too long, and matches pattern."""
    if not isinstance(value, str):
        raise DataError(where, name, "text", type(value).__name__, ADVICE)
    if len(value) > MAX_TEXT:
        raise DataError(where, name, f"at most {MAX_TEXT} characters", str(len(value)), ADVICE)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(where, name, "text that UTF-8 can hold", "a lone surrogate", ADVICE) from None
    if pattern is not None and re.fullmatch(pattern, value) is None:
        raise DataError(where, name, f"text of the form {pattern}", repr(value[:80]), ADVICE)
    return value


def to_names(where: str, name: str, value: Any) -> tuple[str, ...]:
    """value as a tuple of distinct, non-empty strings."""
    if not isinstance(value, list | tuple):
        raise DataError(where, name, "a list of names", type(value).__name__, ADVICE)
    if len(value) > MAX_NAMES:
        raise DataError(where, name, f"at most {MAX_NAMES} names", str(len(value)), ADVICE)
    checked = tuple(to_text(where, name, item, None) for item in value)
    if "" in checked:
        raise DataError(where, name, "names that are not empty", "an empty one", ADVICE)
    if len(set(checked)) != len(checked):
        twice = next(item for item in checked if checked.count(item) > 1)
        raise DataError(where, name, "distinct names", f"{twice!r} twice", ADVICE)
    return checked

"""Reading the options of `refa simulate` that are more than a number."""

from __future__ import annotations

import re
from difflib import get_close_matches

from refa_cli import options
from refa_cli.face.prompts import PROMPTS
from refa_cli.formats.errors import UsageError

SIDES = (64, 4096)  # pixels


def size(text: str) -> tuple[int, int]:
    """(width, height) of text such as "640x480". Raises UsageError."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(SIDES[0] <= side <= SIDES[1] for side in sides):
        raise UsageError(f"--size must be WIDTHxHEIGHT, each {SIDES[0]} to {SIDES[1]} pixels, got {text!r}.")
    return sides


def expressions(text: str) -> tuple[str, ...]:
    """The ids that text names, in the order of the script. Raises UsageError for an unknown one."""
    known = [prompt.id for prompt in PROMPTS]
    if text == "all":
        return tuple(known)
    wanted = options.names(text)
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known)
            hint = f"did you mean {near[0]}?" if near else f"the ids are {', '.join(known)}."
            raise UsageError(f"--expressions: {name!r} is not an expression of the script; {hint}")
    if not wanted:
        raise UsageError("--expressions names no expression.")
    return tuple(name for name in known if name in wanted)

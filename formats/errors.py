"""The errors that refa reports in one sentence; `refa_cli.console` turns each into its exit code."""

from __future__ import annotations

from os import PathLike


class RefaError(Exception):
    """Base of every error that is reported as one sentence on stderr, without a traceback."""

    exit_code = 1


class DataError(RefaError):
    """Bad data or failed work (exit code 1).

    path: the file or directory at fault; field: what inside it; expected and got: in words or numbers;
    advice: what to do about it, an imperative clause without a full stop.
    """

    def __init__(self, path: str | PathLike[str], field: str, expected: str, got: str, advice: str) -> None:
        self.path, self.field, self.expected, self.got, self.advice = str(path), field, expected, got, advice
        where = f"{self.path}: {field}" if field else self.path
        super().__init__(f"{where}: expected {expected}, got {got}; {advice}.")


class UsageError(RefaError):
    """The command was called wrongly (exit code 2)."""

    exit_code = 2


class GateNotMet(RefaError):
    """A quality gate such as --fail-under was not met (exit code 3)."""

    exit_code = 3

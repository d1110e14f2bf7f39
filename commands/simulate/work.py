"""The command's work as a whole: scans, sessions or both of the same people, in one output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refa_cli import console
from refa_cli.commands.simulate import jobs
from refa_cli.commands.simulate import sheet as scan_sheet
from refa_cli.commands.simulate.session import jobs as session_jobs
from refa_cli.commands.simulate.session import sheet as session_sheet
from refa_cli.commands.simulate.session.plan import Plan
from refa_cli.outputs import Output, Recipe, versions


@dataclass(frozen=True)
class Work:
    """scans, sessions: what to make of these, None for nothing; people: how many."""

    scans: jobs.Plan | None
    sessions: Plan | None
    people: int

    @property
    def subjects(self) -> list[str]:
        """S0001, S0002, ..."""
        return [f"S{i + 1:04d}" for i in range(self.people)]

    def recipe(self) -> Recipe:
        """All that decides the bytes."""
        options = {
            "people": self.people,
            "scans": self.scans.options() if self.scans else None,
            "sessions": self.sessions.options() if self.sessions else None,
        }
        inputs: dict[str, str] = {}
        seed = 0
        if self.scans:
            inputs, seed = {"face": self.scans.face_digest}, self.scans.seed
        if self.sessions:
            inputs, seed = inputs | dict(self.sessions.digests), self.sessions.seed
        traced = self.sessions is not None and self.sessions.misfit == 2
        held = versions("mitsuba") if traced else versions()
        return Recipe(command="simulate", options=options, seed=seed, inputs=inputs, versions=held)

    def check(self, output: Path, *, overwrite: bool) -> None:
        """Refuses, before any work, an output that may not be replaced."""
        Output(output, self.recipe(), overwrite=overwrite, directory=True)

    def simulate(self, output: Path, *, overwrite: bool, workers: int, scheduler: str | None) -> None:
        """Makes it all; an interrupted run is continued."""
        recipe = self.recipe()
        with Output(output, recipe, overwrite=overwrite, directory=True, workers=workers) as out:
            if self.scans:
                jobs.simulate_scans(out.partial, self.scans, self.subjects, recipe, workers, scheduler)
            if self.sessions:
                session_jobs.simulate_sessions(out.partial, self.sessions, self.subjects, recipe, workers, scheduler)

    def draw(self, output: Path, sheet: Path) -> None:
        """Writes a picture of some frames: of the sessions if there are any, else of the scans."""
        if self.sessions:
            session_sheet.write_sheet(sheet, output / session_jobs.CAPTURES)
        else:
            scan_sheet.write_sheet(sheet, [output / "scans" / name for name in self.subjects])

    def report(self, output: Path) -> None:
        """Prints the tables of what was made, or would be."""
        rows = jobs.rows(output, self.scans, self.subjects) if self.scans else []
        if self.sessions:
            rows += session_jobs.rows(output, self.sessions, self.subjects)
        console.table(rows, title="simulated people")

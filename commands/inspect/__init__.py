"""`refa inspect`: what an artifact is, what it holds, who made it and whether it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refa_cli import console, options

if TYPE_CHECKING:
    from refa_cli.formats.dataset import Recording
    from refa_cli.formats.errors import DataError
    from refa_cli.formats.spec import Checked

COLUMNS = ("where", "array", "shape", "dtype", "unit", "frame", "min", "max")


def run(
    artifact: Annotated[Path, typer.Argument(help="A face model, rig, folder of scans, dataset or one subject of it.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read everything, every picture and every digest.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Also tell how often labels take which values.")] = False,
    json: options.Json = False,
) -> None:
    """Say what is in an artifact, if it is whole, and who made it.

    Single files are always read whole. Of a dataset only the manifests are read, and of scans only the listing, unless
    --verify is given, which also tells the least and greatest value of every array. With --labels, of stores that hold
    expressions: the share of rows at rest and in each quarter, mean and percentiles of every label. Damage gives exit
    code 1.
    """
    report = describe(artifact, verify=verify, labels=labels)
    if json:
        console.emit(report)
    else:
        rows = [{"item": key, "value": value} for key, value in _flat(report) if value not in ("", None)]
        console.table(rows, ("item", "value"))
        if report["arrays"]:
            print()
            console.table(report["arrays"], COLUMNS)
        if report["histograms"]:
            print()
            console.table(report["histograms"])
    for problem in report["problems"]:
        console.warn(problem)
    if report["whole"] == "no":
        raise typer.Exit(1)


def describe(path: Path, *, verify: bool = False, labels: bool = False) -> dict[str, Any]:
    """schema, what, whole (yes, no, or what was not looked at), digest, recipe, contents, problems, arrays, histograms.

    Raises DataError for what cannot be opened at all, and for damage.
    """
    from refa_cli.formats import kinds

    schema = kinds.schema_of(path)
    if schema in kinds.FILES:
        return _describe_file(path, schema)
    return (
        _describe_dataset(path, schema, verify, labels) if schema in kinds.DATASETS else _describe_scans(path, verify)
    )


def _describe_file(path: Path, schema: str) -> dict[str, Any]:
    from refa_cli.formats import kinds
    from refa_cli.formats.spec import ArraySpec, specs_of

    held = kinds.FILES[schema].read(path)
    specs = specs_of(type(held))
    arrays = [_row("", name, spec, getattr(held, name)) for name, spec in specs.items() if isinstance(spec, ArraySpec)]
    texts = {name: getattr(held, name) for name, spec in specs.items() if not isinstance(spec, ArraySpec)}
    return _report(
        schema, _first_line(type(held)), "yes", held.digest, held.recipe, texts | dict(held.dims), [], arrays
    )


def _describe_dataset(path: Path, schema: str, verify: bool, labels: bool) -> dict[str, Any]:
    from refa_cli.commands.inspect.histograms import histograms
    from refa_cli.formats import kinds
    from refa_cli.formats.dataset import Dataset

    kind = kinds.DATASETS[schema]
    dataset = Dataset.read(path, kind)
    recordings = [
        (f"{name}/{recording.name}", recording)
        for name, subject in dataset.subjects.items()
        for recording in subject.recordings.values()
    ]
    arrays = [
        row
        for where, recording in console.progress(recordings, "verify", total=len(recordings), unit="recordings")
        for row in _recording_rows(where, recording, verify)
    ]
    contents = {"subjects": list(dataset.subjects), "recordings": len(recordings)}
    whole = "yes" if verify else "manifests only; --verify reads the arrays"
    report = _report(schema, _first_line(kind), whole, dataset.digest, dataset.recipe, contents, [], arrays)
    return report | {"histograms": histograms([held for _, held in recordings]) if labels else []}


def _recording_rows(where: str, recording: Recording[Checked], verify: bool) -> list[dict[str, Any]]:
    from refa_cli.formats.spec import ArraySpec, specs_of

    if verify:
        recording.verify()
    rows = []
    for name, spec in specs_of(recording.kind).items():
        if isinstance(spec, ArraySpec):
            recording.layout(name)  # refuses a damaged description
            row = _row(where, name, spec) | {"shape": list(recording.shapes[name])}
            if verify:
                ends = [(block.min(), block.max()) for block in recording.blocks(name) if block.size]
                if ends:
                    row |= {"min": min(low for low, _ in ends).item(), "max": max(high for _, high in ends).item()}
            rows.append(row)
    return rows


def _describe_scans(path: Path, verify: bool) -> dict[str, Any]:
    from refa_cli.formats import scans
    from refa_cli.formats.errors import DataError

    found = scans.Scans.read(path)
    problems: list[DataError] = list(found.left_out)
    takes = [take for takes in found.expressions.values() for take in takes]
    frames = [frame for take in takes for frame in take.frames]
    for frame in console.progress(frames, "verify", total=len(frames), unit="frames") if verify else ():
        for read in (frame.read_color, frame.read_depth, frame.read_mask):
            try:
                read()
            except DataError as problem:
                problems.append(problem)
    contents = {
        "subject": found.subject,
        "mirrored": found.mirrored,
        "camera": found.camera.as_dict() if found.camera else None,
        "depth_unit": found.depth_unit,
        "mesh_unit": found.mesh_unit,
        "frames": len(frames),
        "meshes": sum(take.kind != "frames" for take in takes),
        "expressions": {name: [take.name for take in takes] for name, takes in found.expressions.items()},
        "activations": found.activations,
    }
    whole = "no" if problems else "yes" if verify else "all files listed; --verify reads the pictures"
    digest = found.digest if verify else ""
    what = "Phone scans of one subject."
    return _report(scans.SCHEMA, what, whole, digest, {}, contents, [str(problem) for problem in problems], [])


def _report(
    schema: str,
    what: str,
    whole: str,
    digest: str,
    recipe: Mapping[str, Any],
    contents: Mapping[str, Any],
    problems: list[str],
    arrays: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "schema": schema,
        "what": what,
        "whole": whole,
        "digest": digest,
        "recipe": recipe,
        "contents": contents,
        "problems": problems,
        "arrays": arrays,
        "histograms": [],
    }


def _row(where: str, name: str, spec: Any, value: Any = None) -> dict[str, Any]:
    """One array in words; least and greatest only where its values are at hand."""
    known = value is not None and value.size > 0
    return {
        "where": where,
        "array": name,
        "shape": None if value is None else list(value.shape),
        "dtype": spec.dtype,
        "unit": spec.unit,
        "frame": spec.frame,
        "min": value.min().item() if known else None,
        "max": value.max().item() if known else None,
    }


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _flat(report: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted key, value) of everything but the arrays and problems, which are shown apart."""
    rows: list[tuple[str, Any]] = []
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}.")
        elif prefix or key not in ("arrays", "problems", "histograms"):
            shown = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else value
            rows.append((prefix + key, shown))
    return rows

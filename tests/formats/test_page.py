"""docs/formats.md says what the declarations say."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from refa_cli.formats.kinds import DATASETS, FILES
from refa_cli.formats.spec import ArraySpec, specs_of
from tests.tree import ROOT


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("formats_page", ROOT / "docs" / "formats_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_up_to_date() -> None:
    assert (ROOT / "docs" / "formats.md").read_text("utf-8") == generator().page(), "run `make docs`"


def test_every_field_of_every_kind_stands_there() -> None:
    page = generator().page()
    for kind in (*FILES.values(), *DATASETS.values()):
        section = page.split(f"Schema `{kind.SCHEMA}`.")[1].split("\n## ")[0]
        for name, spec in specs_of(kind).items():
            row = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
            if isinstance(spec, ArraySpec):
                assert f"[{', '.join(map(str, spec.dims))}] | {spec.dtype} | {spec.unit} |" in row

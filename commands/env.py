"""`refa env`: what this machine and installation are, for a bug report."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refa_cli import console, options
from refa_cli.formats.errors import DataError
from refa_cli.landmarks import weights
from refa_cli.outputs import versions
from refa_cli.workers import THREAD_VARIABLES

MORE_LIBRARIES = ("zarr", "typer", "trimesh", "pygltflib", "torch", "distributed", "nvdiffrast", "anny")


def run(json: options.Json = False) -> None:
    """Print versions, processor, devices and backends: what to paste into a bug report."""
    report = collect()
    if json:
        console.emit(report)
        return
    rows = [
        {"part": part, "item": item, "value": value} for part, items in report.items() for item, value in items.items()
    ]
    console.table(rows, ["part", "item", "value"])


def collect() -> dict[str, dict[str, Any]]:
    """Part -> item -> value. A value that says "no: ..." names what is missing and how to get it."""
    return {
        "versions": versions(*MORE_LIBRARIES) | {"python": platform.python_version()},
        "machine": machine(),
        "devices": devices(),
        "backends": {
            "numba": _importable("numba"),
            "litert": _importable("ai_edge_litert.interpreter"),
            "torch cuda": torch_cuda(),
            "nvdiffrast": nvdiffrast(),
            "landmark weights": landmark_weights(),
        },
    }


def machine() -> dict[str, Any]:
    """System, processor, memory in GiB, cores that this process may use, and thread settings of the environment."""
    set_variables = {name: os.environ[name] for name in (*THREAD_VARIABLES, "NUMBA_NUM_THREADS") if name in os.environ}
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable cores": usable,
        "memory GiB": round(memory, 1),
    } | set_variables


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def devices() -> dict[str, str]:
    """NVIDIA devices, as their driver's own program lists them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"cuda": "no: nvidia-smi is not installed"}
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return {"cuda": f"no: {type(error).__name__} from nvidia-smi"}
    return {f"cuda:{index}": line.strip() for index, line in enumerate(answer.splitlines())}


def _importable(name: str) -> str:
    try:
        importlib.import_module(name)
    except Exception as error:  # a broken native library raises whatever it likes
        return f"no: {type(error).__name__}: {error}"
    return "yes"


def torch_cuda() -> str:
    """Whether torch can use a CUDA device. torch, slow to import, is asked only where the answer may be yes."""
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return "no: torch is not installed; pip install 'refa-cli[torch]'"
    if version.endswith("+cpu"):
        return "no: this torch is the CPU build"
    if shutil.which("nvidia-smi") is None:
        return "no: no NVIDIA driver"
    import torch

    return "yes" if torch.cuda.is_available() else f"no: torch for CUDA {torch.version.cuda} finds no device"


def nvdiffrast() -> str:
    """Whether nvdiffrast works, found out by building a context: importing it says nothing."""
    if find_spec("nvdiffrast") is None:
        return "no: not installed (optional; needs CUDA)"
    try:
        importlib.import_module("nvdiffrast.torch").RasterizeCudaContext()
    except Exception as error:  # a build at first use, a driver, a licence check: anything may fail here
        return f"no: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return "yes"


def landmark_weights() -> str:
    """Where the weights of the face landmark networks are, or how to get them."""
    try:
        return str(weights.landmarker_path())
    except DataError as error:
        return f"no: {error.advice}"

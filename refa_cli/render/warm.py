"""Compiles the renderer's kernels once, so that nothing waits for it later.

`python -m refa_cli.render.warm`; what is compiled is kept beside the code, or in numba's cache directory.
"""

from __future__ import annotations

import numpy as np

from refa_cli.render.rasterize import interpolate, rasterize


def warm() -> None:
    """Calls every kernel of the renderer with the types that its functions use."""
    vertices = np.array([[-1.0, -1.0, 1.0], [1.0, -1.0, 1.0], [0.0, 1.0, -1.0]])
    triangles = np.array([[0, 1, 2]], dtype=np.int32)
    raster = rasterize(vertices, triangles, (4.0, 4.0, 2.0, 2.0), (4, 4))
    interpolate(vertices, triangles, raster.ids, raster.barycentric)


if __name__ == "__main__":
    warm()

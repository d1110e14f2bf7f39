"""Makes pictures of the documentation small: fewer greys, then fewer pixels.  python docs/smaller.py PICTURE ..."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

LIMIT = 290_000  # bytes
GREYS = 96
STEP = 0.9


def main() -> None:
    """Rewrites every picture named, in 8-bit grey and as large as LIMIT allows; colours of marks are kept."""
    for name in sys.argv[1:]:
        path = Path(name)
        whole = Image.open(path).convert("RGB")
        scale = 1.0
        while path.stat().st_size > LIMIT:
            size = (round(whole.width * scale), round(whole.height * scale))
            whole.resize(size, Image.Resampling.LANCZOS).quantize(GREYS, dither=Image.Dither.NONE).save(
                path, optimize=True
            )
            scale *= STEP


if __name__ == "__main__":
    main()

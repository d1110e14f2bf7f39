"""One module per artifact: what it holds, how it is read, written and checked.

`spec` declares arrays and texts, `npz` and `dataset` are the two containers, `face`, `rig`, `scans` and `labels`
are artifacts, `kinds` lists them, `errors` is the one-sentence refusal. Nothing here imports more than numpy, the
standard library and, inside functions, Pillow and google_crc32c; and nothing read here is ever executed.
"""

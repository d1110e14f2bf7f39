"""One module or package for each command of `refa`: its arguments, its steps, its own algorithms."""

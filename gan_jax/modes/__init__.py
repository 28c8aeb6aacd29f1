"""What the command line can do, one module or package per mode.

A mode is a module with a docstring, whose first line says what the mode does; a dataclass `Flags`,
whose fields are the flags of the mode: `name: Annotated[type, "help"] = default`, of numbers
`Annotated[type, "help", Range(least=1)]`; and
`main(flags: Flags) -> int`, which returns the exit status. The table in `gan_jax/cli/modes.py`
names the modules. All of them are imported to parse a command line, so they import JAX, and what
imports it, inside `main`.
"""

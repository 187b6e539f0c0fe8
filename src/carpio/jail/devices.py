"""Which devices the processes of a jail may open: those of a small /dev, wherever their nodes are.

A program at the cgroup of the jail, because there may be nodes in its root directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from carpio.errors import PlatformError
from carpio.jail import bpf
from carpio.jail.bpf import DeviceHook, DeviceProgram
from carpio.jail.bpf_asm import (
    Code,
    Compare,
    Register,
    Size,
    assemble,
    bits_and,
    jump_if,
    label,
    leave,
    load,
    move,
)

__all__ = ["allow_small_dev", "code"]

ALLOWED: Final = {1: (3, 5, 7, 8, 9), 5: (0, 2)}
"""Character devices by major number: null zero full random urandom; tty ptmx."""
_PTS: Final = (136, 144)
"""Major numbers of the terminals in /dev/pts, and the one behind them."""
_CHARACTER: Final = 2
"""BPF_DEVCG_DEV_CHAR; the offsets are those of struct bpf_cgroup_dev_ctx (linux/bpf.h)."""


def code() -> Code:
    """Return the program: 1 to allow, 0 to refuse."""
    context, kind, major, minor = Register.R1, Register.R2, Register.R3, Register.R4
    found: Code = [
        load(Size.WORD, kind, context, 0),
        bits_and(kind, 0xFFFF),
        load(Size.WORD, major, context, 4),
        load(Size.WORD, minor, context, 8),
        jump_if(kind, Compare.NOT_EQUAL, _CHARACTER, "refuse"),
    ]
    for number, minors in ALLOWED.items():
        found.append(jump_if(major, Compare.NOT_EQUAL, number, f"not {number}"))
        found += [jump_if(minor, Compare.EQUAL, each, "allow") for each in minors]
        found.append(label(f"not {number}"))
    found += [
        jump_if(major, Compare.BELOW, _PTS[0], "refuse"),
        jump_if(major, Compare.BELOW, _PTS[1], "allow"),
        label("refuse"),
        move(Register.R0, 0),
        leave(),
        label("allow"),
        move(Register.R0, 1),
        leave(),
    ]
    return found


def allow_small_dev(cgroup: Path) -> None:
    """Let what runs in a cgroup2 open no other devices. Raises PlatformError."""
    program = DeviceProgram(hook=DeviceHook.DEVICE, name="carpio_devices", code=assemble(code()))
    try:
        directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            loaded = bpf.load(program)
            try:
                bpf.attach(directory, DeviceHook.DEVICE, loaded)
            finally:
                os.close(loaded)
        finally:
            os.close(directory)
    except OSError as error:
        raise PlatformError(
            "restricting a jail to its devices",
            errno=error.errno or 0,
            remedy="it needs root and a kernel with CONFIG_CGROUP_BPF",
        ) from error

"""What is raised to end a program, a task or a generator, told apart from a failure.

Who contains failures passes these and catches everything else, also what is no Exception: a library in Rust raises its panics so.
"""

from __future__ import annotations

from asyncio import CancelledError

ENDINGS: tuple[type[BaseException], ...] = (CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)

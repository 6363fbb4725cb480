"""Makes training batches for runs elsewhere, on all cores of this machine, until it is stopped.

The data set must be at the same path here as where training runs. Whoever reaches the port and the
next one can run TensorFlow graphs on this machine: use it in a trusted network alone.

Example: tfseg serve-data --host worker7 --port 5050
"""

from __future__ import annotations

import contextlib
import threading

from tfseg.commands.options import Parser


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add(
        "--host",
        default="localhost",
        metavar="NAME",
        help="name or address under which training reaches this machine",
    )
    add("--port", type=int, default=5050, help="the next one is used, too; 0 takes any two")


def run(*, host: str, port: int) -> int:
    """Serves until Ctrl-C."""
    from tfseg.data.pipeline.service import Server

    server = Server(host=host, port=port)
    print(f"serving: --data.service '[{server.address}]'", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0

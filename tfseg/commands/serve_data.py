"""Makes training batches for training on other machines, on all cores, until it is stopped.

The data set must have the same path on this machine and on the training machine. Anybody who can
reach the port, or the next port, can run TensorFlow graphs on this machine: use it only in a
trusted network.

Example: tfseg serve-data --host worker7 --port 5050
"""

from __future__ import annotations

import contextlib
import threading

from tfseg.commands.options import Parser


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add(
        "--host",
        default="localhost",
        metavar="NAME",
        help="name or address of this machine for the training machine",
    )
    add(
        "--port",
        type=int,
        default=5050,
        help="port; the next port is used as well; 0 = any two free ports",
    )


def run(*, host: str, port: int) -> int:
    """Serves until Ctrl-C."""
    from tfseg.data.pipeline.service import Server

    server = Server(host=host, port=port)
    print(f"serving: --data.service '[{server.address}]'", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0

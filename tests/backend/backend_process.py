"""The whole backend as a process that can be killed: `python backend_process.py HOME RPC_URL PORT`.

It imports everything once and then, for each line on stdin, forks a child that serves; it writes
the child's process id to stdout. So a test can kill and start it fifty times in two minutes.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from local_chain import RELAYER, development_account
from werkzeug.serving import make_server

from backend.app import create_app, stop_app
from backend.chain.context import ChainContext
from backend.chain.deployment import load_for_chain
from backend.config import load_settings


def serve(home: Path, rpc_url: str, port: int) -> None:
    settings = load_settings(
        {**os.environ, "OHMSTEAD_HOME": str(home), "OHMSTEAD_RPC_URL": rpc_url}
    )
    deployment = load_for_chain(settings.deployments_dir, 31337)
    chain = ChainContext(rpc_url, deployment, {"relayer": development_account(RELAYER)})
    app = create_app(settings, chain)
    server = make_server("127.0.0.1", port, app, threaded=True)

    def stop(*_: object) -> None:
        stop_app(app)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()


def main() -> None:
    home, rpc_url, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    development_account(RELAYER)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave no zombies
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            serve(home, rpc_url, port)
            os._exit(1)
        print(child, flush=True)


if __name__ == "__main__":
    main()

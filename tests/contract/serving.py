"""One house served by uvicorn as the command does it: `python -m tests.contract.serving DOOR DATA_DIR BROKER_PORT`.

Prints its port and serves until SIGTERM.
"""

import sys
from pathlib import Path

from opensom.composition import serve
from opensom.supervisor import listen
from tests.contract.house import build

if __name__ == "__main__":
    door, data_dir, broker_port = sys.argv[1:]
    app = build(door, Path(data_dir), None, int(broker_port))[door]
    listener = listen(0)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    serve(app, listener, app.state.gateway.close_streams if door == "gateway" else lambda: None)

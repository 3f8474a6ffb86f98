"""Files that the browser needs: our own, and the plotly.min.js that the installed plotly wheel carries."""

import gzip
import hashlib
import importlib.util
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from services.kernel.problems import not_found

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = frozenset({"console.css", "narrow.css", "charts.css", "live.js", "icons.svg", "logo.svg"})
PLOTLY = "plotly.min.js"
FOREVER = "public, max-age=31536000, immutable"  # The address carries a mark of the content.

router = APIRouter(prefix="/console/static")


@cache
def content(name: str) -> tuple[bytes, bytes]:
    """A file's bytes, plain and compressed; raises 404 for any other name."""
    if name == PLOTLY:
        path = plotly_path()
    elif name in FILES:
        path = STATIC / name
    else:
        raise not_found("file", name[:100], "文件")
    plain = path.read_bytes()
    return plain, gzip.compress(plain, 6, mtime=0)


def plotly_path() -> Path:
    """Where the wheel keeps the script; found without importing plotly, which takes long."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise not_found("package", "plotly", "软件包")
    return Path(found.origin).parent / "package_data" / PLOTLY


@cache
def url(name: str) -> str:
    """Address of a file that changes when its content does."""
    mark = version("plotly") if name == PLOTLY else hashlib.blake2s(content(name)[0], digest_size=6).hexdigest()
    return f"/console/static/{name}?v={mark}"


@cache
def plotly_style_ids() -> tuple[str, ...]:
    """Ids of the style elements that plotly.min.js adds to a page unless an element has them already.

    Standing in for them keeps the page free of inline styles; what charts need of them is in charts.css.
    """
    script = plotly_path().read_text(encoding="utf-8")
    return tuple(re.findall(r'if\(!document\.getElementById\("([0-9a-f]{64})"\)\)', script))


@router.get("/{name}")
async def file(name: str, request: Request) -> Response:
    """One file, compressed where the browser can read that."""
    plain, compressed = await run_in_threadpool(content, name)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type=TYPES[Path(name).suffix])
    return Response(plain, headers=headers, media_type=TYPES[Path(name).suffix])

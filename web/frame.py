"""The frame of the pages that a link in a mail leads to: plain HTML that needs no script, and says to nobody where it was."""

import base64
import hashlib
from html import escape
from typing import Final

from starlette.responses import HTMLResponse, Response

_STYLE: Final = """
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;font:1.0625rem/1.5 system-ui,sans-serif;color:#1d2733;background:#f2f4f7}
main{max-width:32rem;margin:0 auto;padding:2rem 1.25rem}
h1{font-size:1.375rem;line-height:1.3;margin:0 0 .5rem}
p{margin:0 0 1rem;overflow-wrap:anywhere}
fieldset{border:0;margin:1.25rem 0;padding:0;display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
legend{padding:0 0 .5rem;font-weight:600}
.choice{display:flex;align-items:center;gap:.6rem;min-height:3rem;padding:.5rem .9rem;border:2px solid #8793a1;
border-radius:.6rem;background:#fff;cursor:pointer}
.choice:has(:checked){border-color:#1f5fbf;box-shadow:inset 0 0 0 1px #1f5fbf}
input{width:1.25rem;height:1.25rem;margin:0;accent-color:#1f5fbf}
label.words{display:block;font-weight:600;margin-bottom:.25rem}
textarea{display:block;width:100%;min-height:7rem;padding:.6rem .75rem;font:inherit;color:inherit;background:#fff;
border:1px solid #6b7785;border-radius:.6rem}
button{margin-top:1.25rem;min-height:3rem;padding:.5rem 1.75rem;font:inherit;font-weight:600;color:#fff;background:#1f5fbf;
border:0;border-radius:.6rem;cursor:pointer}
:focus-visible{outline:3px solid #1f5fbf;outline-offset:2px}
.told{padding:.75rem 1rem;border-left:4px solid #1c7c43;background:#e4f3ea}
.wrong{padding:.75rem 1rem;border-left:4px solid #b3261e;background:#fbe9e7}
@media (prefers-color-scheme:dark){body{color:#e6eaef;background:#14181d}.choice,textarea{background:#1e242b}
.told{background:#173524}.wrong{background:#47201d}.choice:has(:checked){border-color:#7fb0ff}
:focus-visible{outline-color:#7fb0ff}}
"""
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the link is a secret
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def framed(title: str, body: str, status: int = 200, retry_after: int | None = None) -> Response:
    """Return a page; `title` is plain text, `body` is HTML, `retry_after` is in seconds."""
    again = {} if retry_after is None else {"Retry-After": str(retry_after)}
    page = _PAGE.format(title=escape(title), style=_STYLE, body=body)
    return HTMLResponse(page, status, {**_HEADERS, **again})

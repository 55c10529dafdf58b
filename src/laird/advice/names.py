"""Names of models as different people write them, brought to one form.

The same model is `gpt-4o` in a request, `gpt-4o-2024-08-06` in a usage report and `Claude Haiku
4.5` in a cost report whose usage report says `claude-haiku-4-5-20251001`.
"""

from __future__ import annotations

import re
from functools import lru_cache

_DATE = re.compile(
    r"[-@](?:20\d\d-(?:0[1-9]|1[0-2])-[0-3]\d|20\d\d(?:0[1-9]|1[0-2])[0-3]\d|(?:0[1-9]|1[0-2])[0-3]\d)"
    r"(?=-preview$|$)"
)
_BEDROCK = re.compile(r"-v\d+:\d+$")
_LATEST = re.compile(r"-latest$")
_ROUTE = re.compile(r"^(?:models/|(?:[a-z]{2}\.)?anthropic[./]|openai/)")
_BLANKS = re.compile(r"[\s_]+")


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Return a model's name without dates, `latest`, routes, capitals and blanks.

    Snapshots of one model become one; different models stay different. Claude's parts are put in
    one order, because Anthropic has used two.
    """
    text = _BLANKS.sub("-", name.strip().lower())
    text = _ROUTE.sub("", text)
    text = _LATEST.sub("", _DATE.sub("", _BEDROCK.sub("", text)))
    return _claude(text) if text.startswith("claude") else text


def _claude(text: str) -> str:
    parts = re.split(r"[-.]", text)[1:]
    version = [part for part in parts if part.isdigit()]
    words = [part for part in parts if not part.isdigit()]
    while len(version) > 1 and version[-1] == "0":
        version.pop()
    return "-".join(["claude", *words, *version])

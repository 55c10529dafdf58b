"""Which answers are worth keeping, told from the client's own bytes.

Only what is complete gets here. Of that, an answer that a content filter ended is left out: the
next try may end otherwise. One that ended at its limit of tokens is as good the second time, and so
is one that calls tools.
"""

from __future__ import annotations

import re

# In a text, quotation marks are escaped, so that no answer can write one of these by its words.
_DECLINED = re.compile(
    rb'"(?:finish_reason|stop_reason|reason)"\s*:\s*"(?:content_filter|refusal)"'
    rb'|"status"\s*:\s*"(?:failed|cancelled)"'
)


def worth_keeping(ending: bytes) -> bool:
    """Tell whether an answer may be given again.

    `ending` is a whole answer, or the last piece of a stream, where it says why it ended.
    """
    return _DECLINED.search(ending) is None

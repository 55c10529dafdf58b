"""A house with models inside and outside: what the tests of privacy share."""

from __future__ import annotations

import json
from typing import Any

from tests.support import openai_wire
from tests.support.answers import Answer, json_answer, sse_answer
from tests.support.upstream import Received, ScriptedUpstream

MARK = "Nightingale-7f3e"
CARD = "4111 1111 1111 1111"
OUTSIDE, INSIDE = "This is from outside, far away.", "This is from home, as it should be."
PRIVACY = """
privacy:
  detect: {secrets: local, cards: local, iban: refuse, email: warn}
  rules:
    - {name: words, when: {contains: [Nightingale]}, then: local}
    - {name: crm, when: {keys: [crm-*], detected: [phone]}, then: local}
    - {name: bills, when: {workflows: [bill*]}, then: local}
    - {name: tests, when: {keys: [ci-*], detected: [secrets]}, then: any}
"""
CLOUD_FIRST = """
chains:
  - id: cloud-first
    models:
      - {providerId: cloud, modelId: m, maxRetries: 0}
      - {providerId: home, modelId: m, maxRetries: 0}
"""


def provider(provider_id: str, url: str, *, outside: bool, models: str = "[m]") -> str:
    """Return the entry of a provider inside or outside."""
    where = "external" if outside else "local"
    return (
        f"  - id: {provider_id}\n    kind: custom\n    type: {where}\n    endpoint: {url}\n"
        f"    authType: null\n    models: {models}\n"
    )


def house(cloud: ScriptedUpstream, home: ScriptedUpstream, rest: str = PRIVACY) -> str:
    """Return a document in which the cloud comes first, and home is there too."""
    inside, outside = (
        provider("home", home.url, outside=False),
        provider("cloud", cloud.url, outside=True),
    )
    return f"providers:\n{outside}{inside}{CLOUD_FIRST}{rest}"


def answering(text: str) -> Any:
    """Return a behaviour that answers as it is asked, streamed or not."""

    def behave(received: Received) -> Answer:
        if received.body and received.json().get("stream"):
            return sse_answer(openai_wire.stream(*(f"{word} " for word in text.split())))
        return json_answer(openai_wire.completion(text))

    return behave


def told(upstream: ScriptedUpstream) -> list[Received]:
    """Return the requests with a body: what a provider was told."""
    return [one for one in upstream.requests if one.body]


def saw(upstream: ScriptedUpstream, text: str) -> bool:
    """Tell whether a text came to a provider in any form."""
    coded = json.dumps(text)[1:-1].encode()
    return any(
        text.encode() in one.body or coded in one.body or text in str(one.headers)
        for one in upstream.requests
    )

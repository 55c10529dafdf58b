"""Azure OpenAI from the upstream's side: OpenAI's format with Azure's addresses and additions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.providers.openai_profile import HEAD, OpenAIProfile, Ways, error
from tests.providers.profiles import MODEL_NAME, SECRET, Fault, WireAnswer
from tests.support.openai_wire import event

from laird.domain.catalog import AuthType, Egress, Provider
from laird.domain.chat import StreamEvent
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage

SAFE: dict[str, Any] = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}
PROMPT_RESULTS = [{"prompt_index": 0, "content_filter_results": SAFE}]
FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content"
        " management policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                **SAFE,
                "self_harm": {"filtered": True, "severity": "medium"},
                "jailbreak": {"filtered": False, "detected": False},
                "violence": {"filtered": True, "severity": "high"},
            },
        },
    }
}

AZURE_FAULTS = {
    Fault.BAD_REQUEST: WireAnswer(400, json.dumps(FILTERED).encode()),
    Fault.BAD_CREDENTIAL: error(
        401,
        f"Access denied due to invalid subscription key {SECRET} or wrong API endpoint.",
        code="401",
    ),
    Fault.FORBIDDEN: error(403, "Public access is disabled. Please configure.", code="403"),
    Fault.MODEL_MISSING: error(
        404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"
    ),
    Fault.RATE_LIMITED: error(
        429, "Requests have exceeded the call rate limit.", ("retry-after", "7"), code="429"
    ),
}


class AzureProfile(OpenAIProfile):
    """See `Profile`. One for each form of address and credential."""

    def __init__(self, *, name: str, path: str, chat: str, token: bool = False) -> None:
        header = ("authorization", f"Bearer {SECRET}") if token else ("api-key", SECRET)
        super().__init__(
            "azure",
            name=name,
            base=path,
            faults=AZURE_FAULTS,
            auth_type=AuthType.BEARER if token else AuthType.API_KEY,
            header=header,
            reads_thinking=False,
            ways=Ways(files=True),
        )
        self._chat = chat

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="upstream",
            name="Azure",
            kind="azure",
            egress=Egress.EXTERNAL,
            endpoint=base_url + self._base,
            auth_type=self._auth_type,
            secret=Secret(SECRET),
        )

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        assert (method, target) == ("POST", self._chat)
        name, value = self._header
        assert headers[name] == value
        assert [name for name, value in headers.items() if SECRET in value] == [self._header[0]]

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        """Add what Azure says of the prompt first, and of the text as it has been checked."""
        nothing = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        first = event({**nothing, "prompt_filter_results": PROMPT_RESULTS})
        offsets = {"check_offset": 44, "start_offset": 44, "end_offset": 198}
        checked = {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": SAFE,
            "content_filter_offsets": offsets,
        }
        wire = super().stream(events, usage)
        return [first, wire[0], event({**HEAD, "choices": [checked]}), *wire[1:]]

    def needed(self, events: Sequence[bytes]) -> int:
        return 1 + super().needed(events[1:])


_DATED = f"/openai/deployments/{MODEL_NAME}/chat/completions?api-version="

AZURE_PROFILES = (
    AzureProfile(
        name="azure", path="/?api-version=2025-01-01-preview", chat=f"{_DATED}2025-01-01-preview"
    ),
    AzureProfile(name="azure-usual-version", path="", chat=f"{_DATED}2024-10-21", token=True),
    AzureProfile(name="azure-v1", path="/openai/v1/", chat="/openai/v1/chat/completions"),
)

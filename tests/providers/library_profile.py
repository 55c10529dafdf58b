"""The local library from the side of a model's process, which is llama.cpp's own server."""

from __future__ import annotations

import msgspec
from tests.providers.openai_profile import LLAMACPP_FAULTS, OpenAIProfile
from tests.providers.profiles import MODEL_NAME

from laird.domain.catalog import Model, Provider
from laird.domain.local_models import LIBRARY
from laird.providers.base import Adapter
from laird.providers.library import LibraryAdapter
from laird.transport.base import Origin, UpstreamRequest


class LibraryProfile(OpenAIProfile):
    """See `Profile`. Its one model answers where the upstream is."""

    def __init__(self) -> None:
        super().__init__(LIBRARY, faults=LLAMACPP_FAULTS)

    def adapter(self, provider: Provider) -> Adapter:
        return _WithItsModel(provider)


class _WithItsModel(LibraryAdapter):
    """Sends to the upstream what is meant for the model, as the processes' transport does."""

    def _to(self, model: Model, request: UpstreamRequest) -> UpstreamRequest:
        meant = super()._to(model, request)
        assert meant.head.origin == Origin(LIBRARY, MODEL_NAME, 0)
        head = msgspec.structs.replace(meant.head, origin=request.head.origin)
        return msgspec.structs.replace(meant, head=head)

"""The inference routes and the client dialect of each."""

from __future__ import annotations

from collections.abc import Mapping

from laird.api.inference import Route
from laird.dialects.anthropic_messages import AnthropicMessages, CountTokens
from laird.dialects.completions_dialect import OpenAICompletions
from laird.dialects.embeddings import OpenAIEmbeddings
from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.responses import OpenAIResponses


def inference_routes() -> Mapping[str, Route]:
    """Return the routes by path; all of them take POST."""
    chat = OpenAIChat()
    completions = OpenAICompletions()
    embeddings = OpenAIEmbeddings()
    messages = AnthropicMessages()
    count = CountTokens()
    responses = OpenAIResponses()
    return {
        "/v1/chat/completions": Route(endpoint="chat.completions", dialect=chat, chat=chat),
        "/v1/completions": Route(endpoint="completions", dialect=completions, chat=completions),
        "/v1/embeddings": Route(endpoint="embeddings", dialect=embeddings, embedding=embeddings),
        "/v1/messages": Route(endpoint="messages", dialect=messages, chat=messages),
        "/v1/messages/count_tokens": Route(
            endpoint="messages.count_tokens", dialect=count, count=count
        ),
        "/v1/responses": Route(
            endpoint="responses", dialect=responses, chat=responses, remembers=True
        ),
    }

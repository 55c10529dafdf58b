"""A whole answer of the Gemini API as ours, and the values that streams share with it.

Wire facts: `google.genai.types` of Google's Python SDK (`GenerateContentResponse`, `FinishReason`,
`BlockedReason`, `GenerateContentResponseUsageMetadata`).
"""

from __future__ import annotations

from uuid import uuid4

import msgspec

from laird.domain.chat import (
    ChatAnswer,
    FinishReason,
    Reasoning,
    Text,
    TokenLogprob,
    ToolCall,
)
from laird.domain.errors import CredentialRefused, UpstreamError, UpstreamFailed, UpstreamRejected
from laird.domain.tokens import TokenUsage
from laird.providers.gemini.errors import ErrorBody, Voice, stream_error
from laird.providers.gemini.turns import TAG

_LENGTHS = frozenset({"MAX_TOKENS", "CONTINUATION"})
"""CONTINUATION ends an answer that a further request could go on with; ours does not."""
_BROKEN = {
    "MALFORMED_FUNCTION_CALL": "wrote a function call that can't be read",
    "UNEXPECTED_TOOL_CALL": "called a function that it was not given",
    "TOO_MANY_TOOL_CALLS": "called too many tools of its own",
    "MALFORMED_RESPONSE": "wrote an answer that can't be read",
}
"""Ends that are failures of the model: another try may well succeed."""


class FunctionCall(msgspec.Struct):
    """A call of a function; older models give no id."""

    name: str
    id: str = ""
    args: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def arguments(self) -> str:
        """The arguments as JSON text without blanks between values."""
        return msgspec.json.format(bytes(self.args), indent=-1).decode()


class InlineData(msgspec.Struct, rename="camel"):
    """A file that the model made."""

    mime_type: str = ""


class Part(msgspec.Struct, rename="camel"):
    """A part of the answer of any kind; the fields of other kinds keep their defaults."""

    text: str = ""
    thought: bool = False
    thought_signature: str = ""
    function_call: FunctionCall | None = None
    inline_data: InlineData | None = None

    @property
    def signature(self) -> str | None:
        """The signature in our form, to be echoed."""
        return TAG + self.thought_signature if self.thought_signature else None


class Content(msgspec.Struct):
    """A turn of the model."""

    parts: list[Part] = []


class Chosen(msgspec.Struct, rename="camel"):
    """A token with its log probability."""

    token: str = ""
    log_probability: float = 0.0


class TopCandidates(msgspec.Struct):
    """The likeliest tokens at one place."""

    candidates: list[Chosen] = []


class LogprobsResult(msgspec.Struct, rename="camel"):
    """Log probabilities, one entry for each token in both lists."""

    chosen_candidates: list[Chosen] = []
    top_candidates: list[TopCandidates] = []

    def tokens(self) -> tuple[TokenLogprob, ...]:
        """Return them in our form."""
        top = self.top_candidates
        return tuple(
            TokenLogprob(
                token=chosen.token,
                logprob=chosen.log_probability,
                top=tuple((each.token, each.log_probability) for each in top[place].candidates)
                if place < len(top)
                else (),
            )
            for place, chosen in enumerate(self.chosen_candidates)
        )


class Candidate(msgspec.Struct, rename="camel"):
    """One answer; only one is asked for."""

    content: Content = msgspec.field(default_factory=Content)
    finish_reason: str = ""
    finish_message: str = ""
    logprobs_result: LogprobsResult | None = None


class PromptFeedback(msgspec.Struct, rename="camel"):
    """Why the prompt was not answered."""

    block_reason: str = ""


class Usage(msgspec.Struct, rename="camel"):
    """Counts; in a stream each later one replaces the earlier."""

    prompt_token_count: int | None = None
    cached_content_token_count: int = 0
    candidates_token_count: int | None = None
    tool_use_prompt_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: int = 0

    def tokens(self) -> TokenUsage | None:
        """Return our counts, or None where none are told.

        The prompt includes what was cached; thoughts are counted beside the answer, not in it.
        """
        if self.prompt_token_count is None:
            return None
        prompt = self.prompt_token_count + self.tool_use_prompt_token_count
        said = self.candidates_token_count
        if said is None:
            said = max(0, self.total_token_count - prompt - self.thoughts_token_count)
        return TokenUsage(
            prompt=prompt,
            completion=said + self.thoughts_token_count,
            cached=self.cached_content_token_count,
            reasoning=self.thoughts_token_count,
        )


class Response(msgspec.Struct, rename="camel"):
    """A whole answer, or a piece of one in a stream."""

    candidates: list[Candidate] = []
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | None = None
    model_version: str = ""
    response_id: str = ""
    error: ErrorBody | None = None


RESPONSE = msgspec.json.Decoder(Response)


class CallIds:
    """Gives ids to calls that have none.

    They are made of the answer's id, so that the same answer always gets the same ones, and two
    answers of a conversation never do.
    """

    __slots__ = ("_stem", "count")

    def __init__(self) -> None:
        self._stem = ""
        self.count = 0
        """Calls so far."""

    def next(self, call: FunctionCall, response_id: str) -> str:
        """Return the id of the next call."""
        number = self.count
        self.count += 1
        if call.id:
            return call.id
        if not self._stem:
            self._stem = response_id or uuid4().hex
        return f"call_{self._stem}_{number}"


def finish_of(reason: str, *, calls: bool, voice: Voice) -> FinishReason:
    """Return why the model stopped; `calls` says that it called functions.

    What is neither its own end nor a limit is a filter's doing, so that no such answer looks
    complete. Raises an `UpstreamError` for an end that is a failure.
    """
    if reason == "STOP":
        return FinishReason.TOOL_CALLS if calls else FinishReason.STOP
    if reason in _LENGTHS:
        return FinishReason.LENGTH
    failure = _failure(reason, voice)
    if failure is not None:
        raise failure
    return FinishReason.CONTENT_FILTER


def _failure(reason: str, voice: Voice) -> UpstreamError | None:
    said = f"{voice.provider} stopped with {reason}:"
    if reason in _BROKEN:
        return UpstreamFailed(f"{said} the model {_BROKEN[reason]}. Try again.")
    if reason == "MISSING_THOUGHT_SIGNATURE":
        return UpstreamRejected(
            f"{said} a function call of the conversation lacks the signature that it came with."
            " Send earlier answers back whole, or begin anew.",
            param="messages",
        )
    if reason == "PUP_LIMITED_DISABLED":
        return CredentialRefused(
            f"{said} Google has limited the account for breaking its policy on prohibited use."
            " Use another account or provider."
        )
    return None


def blocked(reason: str, what: str) -> str:
    """Return the sentence that tells a client what Google's filter did."""
    return f"Google's filter stopped the {what} ({reason})."


def picture(part: Part, voice: Voice) -> UpstreamError:
    """Return the error for a file in an answer: a chat answer has no place for it."""
    kind = part.inline_data.mime_type if part.inline_data else ""
    return voice.garbled(f"a file ({voice.plain(kind)}) where text was asked for")


def read_answer(body: bytes, voice: Voice) -> ChatAnswer:
    """Read a whole answer.

    Parts of the API's own tools, which we never ask for, are left out; so are citations.
    Raises `UpstreamGarbled` when it is not one, and the error that the body holds instead.
    """
    try:
        response = RESPONSE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"an answer that can't be read ({error})") from error
    if response.error is not None:
        raise stream_error(response.error, voice)
    usage = response.usage_metadata.tokens() if response.usage_metadata else None
    if not response.candidates:
        reason = response.prompt_feedback.block_reason if response.prompt_feedback else ""
        if not reason:
            raise voice.garbled("an answer without a candidate")
        return ChatAnswer(
            id=response.response_id,
            model=response.model_version,
            parts=(),
            finish=FinishReason.CONTENT_FILTER,
            usage=usage,
            refusal=blocked(reason, "prompt"),
        )
    candidate = response.candidates[0]
    if not candidate.finish_reason:
        raise voice.garbled("an answer that is not whole")
    parts = _parts(candidate.content.parts, response.response_id, voice)
    calls = any(isinstance(part, ToolCall) for part in parts)
    finish = finish_of(candidate.finish_reason, calls=calls, voice=voice)
    return ChatAnswer(
        id=response.response_id,
        model=response.model_version,
        parts=parts,
        finish=finish,
        usage=usage,
        refusal=refusal_of(candidate, finish),
        logprobs=candidate.logprobs_result.tokens() if candidate.logprobs_result else (),
    )


def refusal_of(candidate: Candidate, finish: FinishReason) -> str | None:
    """Return Google's own words on why it stopped an answer, where there are any."""
    return (candidate.finish_message or None) if finish is FinishReason.CONTENT_FILTER else None


def _parts(
    parts: list[Part], response_id: str, voice: Voice
) -> tuple[Text | ToolCall | Reasoning, ...]:
    """Return the parts in our form; texts and thoughts in a row are one."""
    ids = CallIds()
    found: list[Text | ToolCall | Reasoning] = []
    for part in parts:
        call = part.function_call
        if call is not None:
            found.append(
                ToolCall(
                    id=ids.next(call, response_id),
                    name=call.name,
                    arguments=call.arguments,
                    signature=part.signature,
                )
            )
        elif part.inline_data is not None:
            raise picture(part, voice)
        elif part.thought:
            _add_thought(found, part)
        elif part.text:
            last = found[-1] if found else None
            if isinstance(last, Text):
                found[-1] = Text(last.text + part.text)
            else:
                found.append(Text(part.text))
    return tuple(found)


def _add_thought(found: list[Text | ToolCall | Reasoning], part: Part) -> None:
    last = found[-1] if found else None
    if isinstance(last, Reasoning) and last.signature is None:
        found[-1] = Reasoning(text=last.text + part.text, signature=part.signature)
    elif part.text or part.signature:
        found.append(Reasoning(text=part.text, signature=part.signature))

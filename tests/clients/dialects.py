"""The four ways to talk to a model that the clients know: what a request says, an answer, a refusal.

Each dialect has the same four functions, so that service.py need not know which one it speaks:
    read(body, path)       -> Request
    stream(request, parts) -> the pieces of a server-sent event stream, one string for each event
    whole(request, text)   -> the answer as one JSON object
    refusal(kind, model)   -> (HTTP status, JSON object)
Token counts are always the same, so that a test can tell a sum from a guess.
"""

import json
import re

INPUT, CACHED, OUTPUT, REASONING = 1000, 200, 50, 10
WINDOW = 128000


class Request:
    """What a client asked, in the same words for every dialect."""

    def __init__(self, model, system, messages, stream):
        self.model = model
        self.system = system  # texts, in order, of whatever the dialect calls a system prompt
        self.messages = messages  # pairs of role and text
        self.stream = stream


def text_of(content):
    """The text of a message: a string, or a list of parts of which some have text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return content.get("text") or ""
    return "\n".join(text_of(part) for part in content if text_of(part))


def named_event(data):
    """An event whose name is its type, as two of the dialects want it."""
    return "event: %s\ndata: %s\n\n" % (data["type"], json.dumps(data))


def plain_event(data):
    return "data: %s\n\n" % json.dumps(data)


def split_system(messages, content_key="content"):
    """Messages of the roles 'system' and 'developer' apart from the others."""
    system, rest = [], []
    for message in messages:
        role, text = message.get("role"), text_of(message.get(content_key))
        if role in ("system", "developer"):
            system.append(text)
        elif role:
            rest.append((role, text))
    return system, rest


# ---- OpenAI, both of its interfaces ----------------------------------------------------------------


def openai_refusal(kind, model):
    limit = "Rate limit reached for %s on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000." % model
    table = {
        "429": (429, limit, "tokens", "rate_limit_exceeded"),
        "429-hint": (429, limit + " Please try again in 2s.", "tokens", "rate_limit_exceeded"),
        "quota": (
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        "500": (
            500,
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
        ),
        "529": (529, "Overloaded", "overloaded_error", None),
        "401": (401, "Incorrect API key provided: dummy.", "invalid_request_error", "invalid_api_key"),
        "context": (
            400,
            "This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. "
            "Please reduce the length of the messages." % (WINDOW, WINDOW + 2001),
            "invalid_request_error",
            "context_length_exceeded",
        ),
    }
    status, message, type_, code = table[kind]
    return status, {"error": {"message": message, "type": type_, "param": None, "code": code}}


class Responses:
    """POST .../responses: codex."""

    @staticmethod
    def read(body, path):
        items = body.get("input") or []
        if isinstance(items, str):
            items = [{"role": "user", "content": items}]
        system, messages = split_system(items)
        if body.get("instructions"):
            system.insert(0, body["instructions"])
        return Request(body.get("model"), system, messages, bool(body.get("stream")))

    @staticmethod
    def response(request, status, output, usage):
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 0,
            "model": request.model,
            "status": status,
            "output": output,
            "usage": usage,
        }

    @staticmethod
    def message(text, status):
        content = [{"type": "output_text", "text": text, "annotations": []}] if text else []
        return {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content}

    @classmethod
    def finished(cls, request, text):
        usage = {
            "input_tokens": INPUT,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": OUTPUT,
            "output_tokens_details": {"reasoning_tokens": REASONING},
            "total_tokens": INPUT + OUTPUT,
        }
        return cls.response(request, "completed", [cls.message(text, "completed")], usage)

    @classmethod
    def stream(cls, request, parts):
        started = cls.response(request, "in_progress", [], None)
        text = "".join(parts)
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        part = {"type": "output_text", "text": "", "annotations": []}
        yield named_event({"type": "response.created", "response": started})
        yield named_event({"type": "response.in_progress", "response": started})
        yield named_event(
            {"type": "response.output_item.added", "output_index": 0, "item": cls.message("", "in_progress")}
        )
        yield named_event({"type": "response.content_part.added", **place, "part": part})
        for delta in parts:
            yield named_event({"type": "response.output_text.delta", **place, "delta": delta})
        yield named_event({"type": "response.output_text.done", **place, "text": text})
        yield named_event({"type": "response.content_part.done", **place, "part": {**part, "text": text}})
        yield named_event(
            {"type": "response.output_item.done", "output_index": 0, "item": cls.message(text, "completed")}
        )
        yield named_event({"type": "response.completed", "response": cls.finished(request, text)})

    @classmethod
    def whole(cls, request, text):
        return cls.finished(request, text)

    refusal = staticmethod(openai_refusal)


class Chat:
    """POST .../chat/completions: opencode, pi, qwen."""

    @staticmethod
    def read(body, path):
        system, messages = split_system(body.get("messages") or [])
        return Request(body.get("model"), system, messages, bool(body.get("stream")))

    USAGE = {
        "prompt_tokens": INPUT,
        "prompt_tokens_details": {"cached_tokens": CACHED},
        "completion_tokens": OUTPUT,
        "completion_tokens_details": {"reasoning_tokens": REASONING},
        "total_tokens": INPUT + OUTPUT,
    }

    @staticmethod
    def chunk(request, delta, finish=None, usage=None):
        choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": request.model}
        return plain_event({**head, "choices": choices, **({"usage": usage} if usage else {})})

    @classmethod
    def stream(cls, request, parts):
        yield cls.chunk(request, {"role": "assistant", "content": ""})
        for delta in parts:
            yield cls.chunk(request, {"content": delta})
        yield cls.chunk(request, {}, "stop")
        yield cls.chunk(request, {}, None, cls.USAGE)
        yield "data: [DONE]\n\n"

    @classmethod
    def whole(cls, request, text):
        message = {"role": "assistant", "content": text}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": cls.USAGE,
        }

    refusal = staticmethod(openai_refusal)


# ---- Gemini ----------------------------------------------------------------------------------------


class Gemini:
    """POST .../models/MODEL:generateContent and :streamGenerateContent."""

    @staticmethod
    def read(body, path):
        model = re.search(r"models/([^:/?]+)", path)
        system = text_of((body.get("systemInstruction") or {}).get("parts"))
        _, messages = split_system(body.get("contents") or [], "parts")
        name = model.group(1) if model else None
        return Request(name, [system] if system else [], messages, "streamGenerateContent" in path)

    USAGE = {
        "promptTokenCount": INPUT,
        "cachedContentTokenCount": CACHED,
        "candidatesTokenCount": OUTPUT,
        "thoughtsTokenCount": REASONING,
        "totalTokenCount": INPUT + OUTPUT + REASONING,
    }

    @classmethod
    def piece(cls, request, text, last):
        candidate = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}
        answer = {"candidates": [candidate], "modelVersion": request.model, "responseId": "r1"}
        if last:
            candidate["finishReason"] = "STOP"
            answer["usageMetadata"] = cls.USAGE
        return answer

    @classmethod
    def stream(cls, request, parts):
        for number, delta in enumerate(parts):
            yield plain_event(cls.piece(request, delta, number == len(parts) - 1))

    @classmethod
    def whole(cls, request, text):
        return cls.piece(request, text, True)

    @staticmethod
    def refusal(kind, model):
        hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
        exhausted = "Resource has been exhausted (e.g. check quota)."
        table = {
            "429": (429, exhausted, "RESOURCE_EXHAUSTED", []),
            "429-hint": (429, exhausted + " Please retry in 2s.", "RESOURCE_EXHAUSTED", [hint]),
            "quota": (
                429,
                "You exceeded your current quota, please check your plan and billing details.",
                "RESOURCE_EXHAUSTED",
                [
                    {
                        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                        "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
                    }
                ],
            ),
            "500": (500, "An internal error has occurred. Please retry.", "INTERNAL", []),
            "529": (503, "The model is overloaded. Please try again later.", "UNAVAILABLE", []),
            "401": (
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                "other valid authentication credential.",
                "UNAUTHENTICATED",
                [],
            ),
            "context": (
                400,
                "The input token count (%d) exceeds the maximum number of tokens allowed (%d)."
                % (WINDOW + 2001, WINDOW),
                "INVALID_ARGUMENT",
                [],
            ),
        }
        code, message, status, details = table[kind]
        error = {"code": code, "message": message, "status": status}
        return code, {"error": {**error, **({"details": details} if details else {})}}


# ---- Anthropic -------------------------------------------------------------------------------------


class Messages:
    """POST .../messages: pi with anthropic-messages."""

    @staticmethod
    def read(body, path):
        system = body.get("system") or []
        system = [system] if isinstance(system, str) else [text_of(part) for part in system]
        _, messages = split_system(body.get("messages") or [])
        return Request(body.get("model"), system, messages, bool(body.get("stream")))

    USAGE = {
        "input_tokens": INPUT - CACHED,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED,
        "output_tokens": OUTPUT,
    }

    @classmethod
    def message(cls, request, content, stop):
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": cls.USAGE,
        }

    @classmethod
    def stream(cls, request, parts):
        place = {"index": 0}
        yield named_event({"type": "message_start", "message": cls.message(request, [], None)})
        yield named_event({"type": "content_block_start", **place, "content_block": {"type": "text", "text": ""}})
        for delta in parts:
            yield named_event(
                {"type": "content_block_delta", **place, "delta": {"type": "text_delta", "text": delta}}
            )
        yield named_event({"type": "content_block_stop", **place})
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        yield named_event({"type": "message_delta", "delta": end, "usage": cls.USAGE})
        yield named_event({"type": "message_stop"})

    @classmethod
    def whole(cls, request, text):
        return cls.message(request, [{"type": "text", "text": text}], "end_turn")

    @staticmethod
    def refusal(kind, model):
        limit = "This request would exceed your organization's rate limit of 30,000 input tokens per minute."
        table = {
            "429": (429, "rate_limit_error", limit),
            "429-hint": (429, "rate_limit_error", limit + " Please try again in 2s."),
            "quota": (400, "invalid_request_error", "Your credit balance is too low to access the API."),
            "500": (500, "api_error", "Internal server error"),
            "529": (529, "overloaded_error", "Overloaded"),
            "401": (401, "authentication_error", "invalid x-api-key"),
            "context": (
                400,
                "invalid_request_error",
                "prompt is too long: %d tokens > %d maximum" % (WINDOW + 2001, WINDOW),
            ),
        }
        status, type_, message = table[kind]
        return status, {"type": "error", "error": {"type": type_, "message": message}}


def dialect_of(path):
    """The dialect that a path asks for, or None."""
    path = path.split("?")[0]
    if path.endswith("/responses"):
        return Responses
    if path.endswith("/chat/completions"):
        return Chat
    if path.endswith("/messages"):
        return Messages
    if re.search(r":(stream)?[gG]enerateContent$", path):
        return Gemini
    return None

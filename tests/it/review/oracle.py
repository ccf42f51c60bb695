"""OpenAI's transcription and chat-completions endpoints, as far as a call that is over needs them: what comes is read by the published
types of their own package, strictly, and what goes is made of them.

Listens on a port of its choice and prints what it is asked, a JSON object a line. Arguments: the address, and a JSON list of what it
does with chat completions, one by one ("ok", "hang", "garbage", or a status); when they are used up, "ok". What it hears is energy.
"""

import io
import json
import sys
import threading
import wave
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openai.types.audio import TranscriptionSegment, TranscriptionVerbose
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsNonStreaming
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

LOUD = 600
FRAME = 160


TELLING = threading.Lock()


def tell(**what):
    with TELLING:
        print(json.dumps(what), flush=True)


def known(hints, said):
    """Every field is one that the types know, and as they want it."""
    for name, value in said.items():
        if name not in hints:
            raise ValueError(f"there is no {name}")
        read = TypeAdapter(hints[name]).validate_python(value, strict=True)
        if hasattr(read, "__next__"):
            list(read)
    for name, value in said.items():
        if isinstance(value, dict) and is_typeddict(hints[name]):
            known(get_type_hints(hints[name]), value)


def strict(schema):
    """What OpenAI's strict mode asks of a schema of an object."""
    assert schema["type"] == "object" and schema["additionalProperties"] is False, schema
    assert set(schema["required"]) == set(schema["properties"]), schema
    for inner in schema["properties"].values():
        if inner["type"] == "object":
            strict(inner)


def form(kind, body):
    whole = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
    assert whole.is_multipart() and not whole.defects, whole.defects
    parts, audio = {}, None
    for part in whole.get_payload():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if name == "file":
            assert part.get_filename() and part.get_content_type() == "audio/wav"
            audio = payload
        elif name.endswith("[]"):
            parts.setdefault(name[:-2], []).append(payload.decode())
        else:
            parts[name] = payload.decode()
    return parts, audio


def heard(audio):
    """Where the first and the last loud frame of a file are, in seconds, and how long it is."""
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    frames = range(0, len(samples) - FRAME + 1, FRAME)
    loud = [at for at in frames if sum(map(abs, samples[at : at + FRAME])) > LOUD * FRAME]
    assert loud, "silence was sent"
    return loud[0] / 8000, (loud[-1] + FRAME) / 8000, len(samples) / 8000


def segment(number, start, end, text):
    return TranscriptionSegment(
        id=number, seek=0, start=start, end=end, text=text, tokens=[1], temperature=0.0,
        avg_logprob=-0.2, compression_ratio=1.0, no_speech_prob=0.01,
    )


def transcription(kind, body):
    said, audio = form(kind, body)
    known(get_type_hints(TranscriptionCreateParamsNonStreaming), said)
    start, end, lasts = heard(audio)
    tell(words=said, seconds=lasts)
    # A model that makes something up, where nobody speaks any more.
    after = segment(1, lasts + 60, lasts + 61, " Thanks for watching!")
    spoken = segment(0, start, end, " Something loud.")
    return TranscriptionVerbose(
        duration=lasts, language="english", text=" Something loud. Thanks for watching!", segments=[spoken, after]
    )


def found(schema):
    if schema["type"] == "object":
        return {name: found(inner) for name, inner in schema["properties"].items()}
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    return {"string": "They booked a table.", "boolean": True, "integer": 4, "number": 1.5}[kind]


def chat(body):
    said = json.loads(body)
    known(get_type_hints(CompletionCreateParamsNonStreaming), said)
    schema = said["response_format"]["json_schema"]["schema"]
    strict(schema)
    message = ChatCompletionMessage(role="assistant", content=json.dumps(found(schema)))
    choice = Choice(finish_reason="stop", index=0, message=message)
    return said, ChatCompletion(
        id="c", choices=[choice], created=1, model=said["model"], object="chat.completion"
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    replies = []
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            tell(key=self.headers["authorization"])
            if self.path == "/v1/audio/transcriptions":
                return self.answer(200, transcription(self.headers["content-type"], body).model_dump_json())
            assert self.path == "/v1/chat/completions", self.path
            said, completion = chat(body)
        except Exception as error:
            tell(invalid=repr(error))
            return self.answer(400, "{}")
        with self.lock:
            reply = self.replies.pop(0) if self.replies else "ok"
        tell(chat=said, reply=reply)
        if reply == "hang":
            threading.Event().wait()
        elif reply == "garbage":
            self.answer(200, "<html>")
        elif reply == "ok":
            self.answer(200, completion.model_dump_json())
        else:
            self.answer(int(reply), "{}")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


Handler.replies = json.loads(sys.argv[2])
server = ThreadingHTTPServer((sys.argv[1], 0), Handler)
server.daemon_threads = True
tell(port=server.server_address[1])
server.serve_forever()

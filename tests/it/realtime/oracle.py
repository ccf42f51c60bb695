"""Three providers' realtime models, as far as a call needs them: what comes is read by their own published types, strictly, and what
goes is made of them where there are any.

Listens on a port of its choice and prints what happens, a JSON object a line. The path names the provider, the prompt what the
model does besides talking: "ramble" until it is interrupted; "then NAME ARGUMENTS", with its first words, or "tool NAME ARGUMENTS",
once the callee has spoken and in each turn from then on, to use a tool.
"""

import asyncio
import base64
import json
import math
import sys
from types import SimpleNamespace
from unittest.mock import MagicMock

from deepgram.agent.v1.types import (
    AgentV1AgentAudioDone,
    AgentV1ConversationText,
    AgentV1FunctionCallRequest,
    AgentV1InjectUserMessage,
    AgentV1KeepAlive,
    AgentV1SendFunctionCallResponse,
    AgentV1Settings,
    AgentV1SettingsApplied,
    AgentV1UserStartedSpeaking,
    AgentV1Welcome,
)
from elevenlabs.conversational_ai.conversation import BaseConversation, ClientToOrchestratorEvent
from elevenlabs.types.conversation_initiation_client_data_request_input import (
    ConversationInitiationClientDataRequestInput,
)
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

OPENAI_CLIENT = TypeAdapter(RealtimeClientEvent)
OPENAI_SERVER = TypeAdapter(RealtimeServerEvent)
DEEPGRAM_CLIENT = {
    "Settings": AgentV1Settings,
    "KeepAlive": AgentV1KeepAlive,
    "InjectUserMessage": AgentV1InjectUserMessage,
    "FunctionCallResponse": AgentV1SendFunctionCallResponse,
}
ELEVENLABS_CLIENT = {
    "pong": {"type", "event_id"},
    "client_tool_result": {"type", "tool_call_id", "result", "is_error"},
    "user_activity": {"type"},
    "user_message": {"type", "text"},
}
TONE_HZ = 500
LOUD = 1_000
# What the callee must have said, in pieces of 20 ms, before it counts as speech.
SPOKEN = 10


def tell(**what):
    print(json.dumps(what), flush=True)


def known(value, where="message"):
    """Every field is one that the types know: they keep others without a word."""
    if isinstance(value, BaseModel):
        if value.model_extra:
            raise ValueError(f"{where} has {sorted(value.model_extra)}")
        for name in value.model_fields_set:
            known(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list):
        for each in value:
            known(each, where)


def decoded(byte):
    """A sample of G.711's mu-law."""
    byte = ~byte & 0xFF
    sample = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -sample if byte & 0x80 else sample


def encoded(sample):
    sign, sample = (0x80, -sample) if sample < 0 else (0, sample)
    sample = min(sample, 32_635) + 0x84
    exponent = sample.bit_length() - 8
    return ~(sign | exponent << 4 | sample >> exponent + 3 & 0x0F) & 0xFF


def tone(seconds):
    wave = (8_000 * math.sin(math.tau * TONE_HZ * at / 8_000) for at in range(int(8_000 * seconds)))
    return bytes(encoded(int(sample)) for sample in wave)


def speech(path):
    """What a callee takes for words: the samples of a WAV file in mu-law."""
    with open(path, "rb") as file:
        return file.read().partition(b"data")[2][4:]


def pieces(sound, size=1_111):
    return [sound[at : at + size] for at in range(0, len(sound), size)]


class Model:
    """What is the same at each provider."""

    def __init__(self, socket):
        self.socket, self.loud, self.prompt = socket, 0, ""
        self.spoke = self.interrupted = False
        self.tools, self.at_once = [], []

    async def run(self):
        await self.begin()
        async for message in self.socket:
            try:
                await self.read(message)
            except ConnectionClosed:
                raise
            except Exception as error:
                tell(invalid=str(error), message=str(message)[:2_000])
                raise

    def brief(self, prompt):
        self.prompt = prompt
        for line in prompt.splitlines():
            if line.startswith("tool "):
                _, name, arguments = line.split(" ", 2)
                self.tools.append((name, arguments))
            if line.startswith("then "):
                _, name, arguments = line.split(" ", 2)
                self.at_once.append(self.call(name, arguments))

    async def hear(self, sound):
        if len(sound) != 160:
            raise ValueError(f"{len(sound)} bytes of audio")
        self.loud += any(abs(decoded(byte)) > LOUD for byte in sound)
        if self.loud < SPOKEN or not self.spoke or self.interrupted:
            return
        self.interrupted = True
        tell(heard=self.loud)
        await self.callee_spoke()

    async def use_next_tool(self):
        if self.tools:
            name, arguments = self.tools.pop(0)
            await self.use(name, arguments)

    def sound(self):
        return tone(20) if "ramble" in self.prompt else tone(1) + speech(sys.argv[2])


class OpenAi(Model):
    response = 0

    async def begin(self):
        await self.say(type="session.created", session={"type": "realtime"})

    async def say(self, **event):
        event = OPENAI_SERVER.validate_python({"event_id": "event", **event})
        await self.socket.send(event.model_dump_json(exclude_unset=True))

    async def read(self, message):
        event = OPENAI_CLIENT.validate_python(json.loads(message), strict=True)
        known(event)
        match event.type:
            case "session.update":
                audio = event.session.audio
                if (audio.input.format.type, audio.output.format.type) != ("audio/pcmu", "audio/pcmu"):
                    raise ValueError("the audio is not as it should be")
                self.brief(event.session.instructions)
                tell(session=json.loads(message)["session"])
                await self.say(type="session.updated", session=json.loads(message)["session"])
            case "input_audio_buffer.append":
                await self.hear(base64.b64decode(event.audio, validate=True))
            case "response.create":
                await self.respond()
            case "conversation.item.truncate":
                tell(truncated=event.audio_end_ms)
                await self.say(
                    type="conversation.item.truncated",
                    item_id=event.item_id,
                    content_index=0,
                    audio_end_ms=event.audio_end_ms,
                )
                await self.respond()
            case "conversation.item.create" if event.item.type == "function_call_output":
                tell(result=event.item.output, id=event.item.call_id)
            case "conversation.item.create":
                tell(told=event.item.content[0].text)

    async def respond(self):
        """Its first words; later on, a tool."""
        self.response += 1
        item = {"item_id": f"item_{self.response}", "response_id": f"resp_{self.response}", "output_index": 0}
        await self.say(type="response.created", response={"id": item["response_id"], "status": "in_progress"})
        if not self.spoke:
            self.spoke = True
            for piece in pieces(self.sound()):
                delta = base64.b64encode(piece).decode()
                await self.say(type="response.output_audio.delta", content_index=0, delta=delta, **item)
            await self.say(type="response.output_audio.done", content_index=0, **item)
            said = "Good day, this is Sarah."
            await self.say(
                type="response.output_audio_transcript.done", content_index=0, transcript=said, **item
            )
            return await self.done(self.at_once)
        if not self.tools:
            return await self.done([])
        await self.use_next_tool()

    async def use(self, name, arguments):
        await self.done([self.call(name, arguments)])

    def call(self, name, arguments):
        return {"type": "function_call", "call_id": f"call_{self.response}", "name": name, "arguments": arguments}

    async def done(self, output):
        response = {"id": f"resp_{self.response}", "status": "completed", "output": output}
        await self.say(type="response.done", response=response)

    async def callee_spoke(self):
        await self.say(type="input_audio_buffer.speech_started", audio_start_ms=0, item_id="callee")
        await self.say(
            type="conversation.item.input_audio_transcription.completed",
            item_id="callee",
            content_index=0,
            transcript="Who is there?",
            usage={"type": "duration", "seconds": 1.0},
        )
        if "ramble" not in self.prompt:
            await self.respond()


class Deepgram(Model):
    async def begin(self):
        await self.say(AgentV1Welcome(request_id="request"))

    async def say(self, event):
        known(event)
        await self.socket.send(event.json())

    async def read(self, message):
        if isinstance(message, bytes):
            return await self.hear(message)
        fields = json.loads(message)
        event = DEEPGRAM_CLIENT[fields["type"]].model_validate(fields)
        known(event)
        match event.type:
            case "Settings":
                audio = event.audio
                given = (audio.input.encoding, audio.input.sample_rate, audio.output.encoding, audio.output.sample_rate)
                if given != ("mulaw", 8_000, "mulaw", 8_000):
                    raise ValueError(f"the audio is {given}")
                self.brief(event.agent.think.prompt)
                tell(session=fields)
                await self.say(AgentV1SettingsApplied())
            case "InjectUserMessage" if not self.spoke:
                self.spoke = True
                said = "Good day, this is Sarah."
                await self.say(AgentV1ConversationText(role="assistant", content=said))
                for piece in pieces(self.sound()):
                    await self.socket.send(piece)
                await self.say(AgentV1AgentAudioDone())
            case "InjectUserMessage":
                tell(told=event.content)
            case "FunctionCallResponse":
                tell(result=event.content, id=event.id)
                await self.use_next_tool()

    async def use(self, name, arguments):
        function = {"id": "call", "name": name, "arguments": arguments, "client_side": True}
        await self.say(AgentV1FunctionCallRequest(functions=[function]))

    async def callee_spoke(self):
        await self.say(AgentV1UserStartedSpeaking())
        await self.say(AgentV1ConversationText(role="user", content="Who is there?"))
        await self.use_next_tool()


class ElevenLabs(Model):
    client = SimpleNamespace(_conversation_id=None, _last_interrupt_id=0)

    async def begin(self):
        pass

    async def say(self, kind, **event):
        message = {"type": kind, **event}
        # The provider's own client must be able to read it: what it misses it raises.
        BaseConversation._handle_message_core(self.client, message, MagicMock())
        await self.socket.send(json.dumps(message))

    async def read(self, message):
        fields = json.loads(message)
        if set(fields) == {"user_audio_chunk"}:
            return await self.hear(base64.b64decode(fields["user_audio_chunk"], validate=True))
        kind = ClientToOrchestratorEvent(fields["type"]).value
        if kind == "conversation_initiation_client_data":
            return await self.initiate(fields)
        if set(fields) != ELEVENLABS_CLIENT[kind]:
            raise ValueError(f"{kind} has {sorted(fields)}")
        if kind == "pong":
            tell(pong=fields["event_id"])
        if kind == "client_tool_result":
            tell(result=fields["result"], id=fields["tool_call_id"])
            await self.use_next_tool()

    async def initiate(self, fields):
        tell(session=dict(fields))
        fields.pop("type")
        event = ConversationInitiationClientDataRequestInput.model_validate(fields)
        known(event)
        self.brief(event.conversation_config_override.agent.prompt.prompt)
        metadata = {
            "conversation_id": "conv",
            "agent_output_audio_format": "ulaw_8000",
            "user_input_audio_format": "ulaw_8000",
        }
        await self.say("conversation_initiation_metadata", conversation_initiation_metadata_event=metadata)
        await self.say("ping", ping_event={"event_id": 1, "ping_ms": 5})
        self.spoke = True
        said = {"agent_response": "Good day, this is Sarah."}
        await self.say("agent_response", agent_response_event=said)
        for number, piece in enumerate(pieces(self.sound(), 8_000)):
            audio = {"audio_base_64": base64.b64encode(piece).decode(), "event_id": number + 1}
            await self.say("audio", audio_event=audio)

    async def use(self, name, arguments):
        call = {"tool_name": name, "tool_call_id": "call", "parameters": json.loads(arguments)}
        await self.say("client_tool_call", client_tool_call=call)

    async def callee_spoke(self):
        await self.say("interruption", interruption_event={"event_id": 1_000})
        await self.say("user_transcript", user_transcription_event={"user_transcript": "Who is there?"})
        await self.use_next_tool()


PROVIDERS = {
    "/v1/realtime": (OpenAi, "authorization"),
    "/v1/agent/converse": (Deepgram, "authorization"),
    "/v1/convai/conversation": (ElevenLabs, "xi-api-key"),
}


async def talk(socket):
    path, _, query = socket.request.path.partition("?")
    provider, header = PROVIDERS[path]
    tell(connected=path, query=query, key=socket.request.headers.get(header))
    try:
        await provider(socket).run()
    except ConnectionClosed:
        pass
    tell(closed=socket.close_code)


async def main():
    async with serve(talk, sys.argv[1], 0) as server:
        tell(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()


asyncio.run(main())

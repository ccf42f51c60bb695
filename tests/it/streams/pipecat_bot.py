"""A bot made of Pipecat's own serializers, unmodified, and nothing else of note: it says back what it hears.

Listens on a port of its choice and prints what happens, a JSON object a line. The path names the service; for the services
that Pipecat recognises by their first messages it is Pipecat that recognises them.

Keys: 5 has it speak three seconds and interrupt itself at once, 7 has it ask to be told when it was heard.
"""

import asyncio
import json
import math
import struct
import sys

from loguru import logger
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer
from streamdouble.protocol import MediaStreamEncoder, StreamIdentity, parse_outbound
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

# What Pipecat's pipelines run at. No service does, so everything is resampled, into pieces of odd lengths.
PIPELINE_HZ = 16_000


def tell(**what):
    print(json.dumps(what), flush=True)


class Recognised:
    """As much of a web framework's socket as Pipecat needs to recognise a service."""

    def __init__(self, socket, seen):
        self.socket, self.seen = socket, seen

    async def iter_text(self):
        async for message in self.socket:
            self.seen.append(message)
            yield message


class Setup:
    audio_in_sample_rate = PIPELINE_HZ


async def serializer_of(service, socket, seen):
    if service == "vonage":
        first = await anext(aiter(socket))
        tell(service="vonage", start=json.loads(first))
        serializer = VonageFrameSerializer()
        assert await serializer.deserialize(first) is None
        return serializer
    recognised, call = await parse_telephony_websocket(Recognised(socket, seen))
    tell(service=recognised, call=call.model_dump(by_alias=True))
    params = {"auto_hang_up": False}
    if recognised == "twilio":
        return TwilioFrameSerializer(call.stream_id, params=TwilioFrameSerializer.InputParams(**params))
    if recognised == "telnyx":
        params = TelnyxFrameSerializer.InputParams(**params)
        encoding = call.outbound_encoding
        return TelnyxFrameSerializer(call.stream_id, encoding, encoding, params=params)
    if recognised == "plivo":
        return PlivoFrameSerializer(call.stream_id, params=PlivoFrameSerializer.InputParams(**params))
    if recognised == "exotel":
        return ExotelFrameSerializer(call.stream_id, call.call_id)
    raise ValueError(f"Pipecat does not recognise it: {seen}")


def asking_to_be_told(service, stream):
    return {
        "twilio": {"event": "mark", "streamSid": stream, "mark": {"name": "heard"}},
        "telnyx": {"event": "mark", "mark": {"name": "heard"}},
        "plivo": {"event": "checkpoint", "streamId": stream, "name": "heard"},
        "vonage": {"action": "notify", "payload": {"name": "heard"}},
        "exotel": {"event": "mark", "stream_sid": stream, "mark": {"name": "heard"}},
    }[service]


def tone(hz, seconds):
    sample = lambda n: int(8_000 * math.sin(2 * math.pi * hz * n / PIPELINE_HZ))
    return b"".join(struct.pack("<h", sample(n)) for n in range(seconds * PIPELINE_HZ))


async def bot(socket):
    service, seen, sent = socket.request.path.strip("/"), [], []
    serializer = await serializer_of(service, socket, seen)
    await serializer.setup(Setup())
    stream = getattr(serializer, "_stream_sid", getattr(serializer, "_stream_id", None))

    async def send(frame):
        data = await serializer.serialize(frame)
        if data is not None:
            sent.append(data)
            try:
                await socket.send(data)
            except ConnectionClosed:
                # The call was over while it was still listened to.
                pass

    heard = 0
    async for message in socket:
        seen.append(message)
        frame = await serializer.deserialize(message)
        if isinstance(frame, InputAudioRawFrame):
            heard += 1
            await send(OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels))
        elif isinstance(frame, InputDTMFFrame):
            tell(digit=frame.button.value)
            if frame.button.value == "5":
                await send(OutputAudioRawFrame(tone(440, 3), PIPELINE_HZ, 1))
                await send(InterruptionFrame())
                tell(interrupted=True)
            if frame.button.value == "7":
                await send(OutputTransportMessageFrame(message=asking_to_be_told(service, stream)))
        elif isinstance(message, str) and json.loads(message).get("event") != "media":
            tell(told=json.loads(message))
    if service == "twilio":
        tell(streamdouble=differences(seen))
        for data in sent:
            parse_outbound(data, expected_stream_sid=stream)
    tell(closed=socket.close_code, heard=heard)


def differences(seen):
    """What Twilio's simulator would have sent in our place, where it is anything else."""
    seen = [json.loads(message) for message in seen]
    start = seen[1]["start"]
    encoder = MediaStreamEncoder(StreamIdentity(start["streamSid"], start["accountSid"], start["callSid"]))
    found = []
    for message in seen:
        if message["event"] == "connected":
            expected = encoder.connected()
        elif message["event"] == "start":
            expected = encoder.start(custom_parameters=start["customParameters"])
        elif message["event"] == "media":
            # Nothing is sent before the callee has answered: to the simulator those frames were lost on their way.
            while encoder.stream_time_ms < int(message["media"]["timestamp"]):
                encoder.skip_frame()
            expected = encoder.media(payload_of(message))
        elif message["event"] == "mark":
            expected = encoder.mark(message["mark"]["name"])
        elif message["event"] == "dtmf":
            expected = encoder.dtmf(message["dtmf"]["digit"])
        elif message["event"] == "stop":
            expected = encoder.stop()
        else:
            expected = None
        if message != expected:
            found.append({"sent": message, "expected": expected})
    return found


def payload_of(message):
    import base64

    return base64.b64decode(message["media"]["payload"], validate=True)


async def main():
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    async with serve(bot, "127.0.0.1", 0) as server:
        tell(port=server.sockets[0].getsockname()[1])
        await server.serve_forever()


asyncio.run(main())

"""A Pipecat pipeline that connects to the switch by itself: Pipecat's WebSocket client, its pipeline and one of its serializers,
unmodified, and between them a processor that says back what it hears. The only argument names the service that the serializer
is for; the address is a line on the standard input, which it waits for once it is loaded.

Prints what happens, a JSON object a line. Once it has heard the callee twice, and then a second of silence, it ends.
"""

import asyncio
import json
import struct
import sys

from loguru import logger
from pipecat.frames.frames import EndFrame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer
from pipecat.transports.websocket.client import WebsocketClientParams, WebsocketClientTransport
from pipecat.workers.runner import WorkerRunner

# What Pipecat's own examples for telephones run at.
RATE_HZ = 8_000
# Far above comfort noise, below any syllable.
LOUD = 1_000


def tell(**what):
    print(json.dumps(what), flush=True)


class LearningTwilioFrameSerializer(TwilioFrameSerializer):
    """A server makes this serializer once it has read what the stream is called. A client has it before it is connected."""

    async def deserialize(self, data):
        message = json.loads(data)
        if message["event"] == "start":
            self._stream_sid = message["streamSid"]
        return await super().deserialize(data)


def serializer_for(service):
    if service == "twilio":
        params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        return LearningTwilioFrameSerializer("not known yet", params=params)
    return VonageFrameSerializer(VonageFrameSerializer.InputParams(vonage_sample_rate=RATE_HZ))


class Echo(FrameProcessor):
    """Says back what it hears, and counts what the callee says."""

    def __init__(self):
        super().__init__()
        self.had_enough = asyncio.Event()
        self.bytes, self.spoken, self.quiet_s = 0, 0, 1.0

    async def process_frame(self, frame, direction: FrameDirection):
        await super().process_frame(frame, direction)
        if not isinstance(frame, InputAudioRawFrame):
            return await self.push_frame(frame, direction)
        assert (frame.sample_rate, frame.num_channels) == (RATE_HZ, 1), frame
        self.listen(frame.audio)
        await self.push_frame(OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels))

    def listen(self, audio):
        self.bytes += len(audio)
        if any(abs(sample) > LOUD for (sample,) in struct.iter_unpack("<h", audio)):
            if self.quiet_s >= 1.0:
                self.spoken += 1
                tell(spoken=self.spoken)
            self.quiet_s = 0.0
        else:
            self.quiet_s += len(audio) / 2 / RATE_HZ
        if self.spoken >= 2 and self.quiet_s >= 1.0:
            self.had_enough.set()


async def main(service, url):
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    transport = WebsocketClientTransport(
        url,
        WebsocketClientParams(
            serializer=serializer_for(service),
            add_wav_header=False,
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_out_end_silence_secs=0,
        ),
    )

    @transport.event_handler("on_connected")
    async def on_connected(_transport, _socket):
        tell(connected=True)

    echo = Echo()
    worker = PipelineWorker(
        Pipeline([transport.input(), echo, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
    )

    async def leave():
        await echo.had_enough.wait()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner()
    await runner.add_workers(worker)
    leaving = asyncio.create_task(leave())
    await runner.run()
    leaving.cancel()
    tell(left=True, heard_ms=echo.bytes * 1_000 // 2 // RATE_HZ)


tell(ready=True)
asyncio.run(main(sys.argv[1], sys.stdin.readline().strip()))

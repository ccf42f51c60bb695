"""A Pipecat pipeline that connects to the switch by itself: Pipecat's WebSocket client, its pipeline and one of its serializers,
unmodified, with a processor that says back what it hears. The only argument names the service that the serializer
is for; the address is a line on the standard input, which it waits for once it is loaded.

Prints what happens, a JSON object a line. Once it has heard the callee twice, and then a second of silence, it ends.
"""

import asyncio
import json
import struct
import sys
from dataclasses import dataclass

from loguru import logger
from pipecat.frames.frames import DataFrame, EndFrame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
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


@dataclass
class Started(DataFrame):
    """Comes through the pipeline behind its start."""


class Late(FrameSerializer):
    """Pipecat's own serializer, made as servers make it: once it is known what the stream is called. Nothing is read before the
    pipeline has started: Pipecat's client is connected earlier, and breaks where it hears somebody in between."""

    def __init__(self, service):
        super().__init__()
        self.started = asyncio.Event()
        self.vonages = service == "vonage"
        self.made, self.setup_of = None, None

    async def setup(self, setup):
        self.setup_of = setup

    async def make(self, data):
        if self.vonages:
            self.made = VonageFrameSerializer(VonageFrameSerializer.InputParams(vonage_sample_rate=RATE_HZ))
        elif (message := json.loads(data))["event"] == "start":
            params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
            self.made = TwilioFrameSerializer(message["streamSid"], params=params)
        if self.made is not None:
            await self.made.setup(self.setup_of)

    async def serialize(self, frame):
        return None if self.made is None else await self.made.serialize(frame)

    async def deserialize(self, data):
        await self.started.wait()
        if self.made is None:
            await self.make(data)
        return None if self.made is None else await self.made.deserialize(data)


class Echo(FrameProcessor):
    """Says back what it hears, and counts what the callee says."""

    def __init__(self, started):
        super().__init__()
        self.started, self.had_enough = started, asyncio.Event()
        self.bytes, self.spoken, self.quiet_s = 0, 0, 1.0

    async def process_frame(self, frame, direction: FrameDirection):
        await super().process_frame(frame, direction)
        if isinstance(frame, Started):
            return self.started.set()
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
    serializer = Late(service)
    transport = WebsocketClientTransport(
        url,
        WebsocketClientParams(
            serializer=serializer,
            add_wav_header=False,
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_out_end_silence_secs=0,
        ),
    )

    @transport.event_handler("on_connected")
    async def on_connected(_transport, _socket):
        tell(connected=True)

    echo = Echo(serializer.started)
    worker = PipelineWorker(
        Pipeline([transport.input(), echo, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
    )

    @worker.event_handler("on_pipeline_started")
    async def on_pipeline_started(worker, _frame):
        await worker.queue_frame(Started())

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

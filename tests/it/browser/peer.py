"""A person whose browser is aiortc: signs in, takes calls, says a tone, and tells what it hears.

Usage: peer.py URL TOKEN TONE_HZ. Prints one JSON object a line; reads one line before it goes on where it says so.
"""

import asyncio
import fractions
import json
import sys

import aioice.ice
import aiohttp
import av
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

RATE_HZ = 8_000
FRAME = 160
LISTEN_S = 2.0

# Everybody in the test lives on loopback, which aioice otherwise leaves out.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Tone(MediaStreamTrack):
    """A steady tone in 20 ms frames, at its own pace."""

    kind = "audio"

    def __init__(self, frequency_hz):
        super().__init__()
        self.frequency_hz = frequency_hz
        self.at = 0
        self.begun = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.begun = self.begun or loop.time()
        await asyncio.sleep(max(0, self.begun + self.at / RATE_HZ - loop.time()))
        times = (self.at + numpy.arange(FRAME)) / RATE_HZ
        samples = (8_000 * numpy.sin(2 * numpy.pi * self.frequency_hz * times)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self.at, fractions.Fraction(1, RATE_HZ)
        self.at += FRAME
        return frame


def say(**what):
    print(json.dumps(what), flush=True)


async def go():
    """Waits until the test says to go on."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def heard(track):
    """What a while of a track sounds like: its strongest frequency, and how strong."""
    samples = []
    while sum(map(len, samples)) < RATE_HZ * LISTEN_S:
        frame = await asyncio.wait_for(track.recv(), 10)
        mono = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
        samples.append(mono[:: frame.sample_rate // RATE_HZ])
    # The beginning may be the silence before the call.
    tail = numpy.concatenate(samples)[-RATE_HZ:].astype(float)
    spectrum = numpy.abs(numpy.fft.rfft(tail * numpy.hanning(len(tail))))
    return {"hz": int(numpy.argmax(spectrum)), "rms": float(numpy.sqrt(numpy.mean(tail**2)))}


async def main(url, token, tone_hz):
    async with aiohttp.ClientSession(base_url=url) as http:
        async with http.post("/v1/people/session", json={"token": token}) as answer:
            assert answer.status == 201, await answer.text()
            bearer = {"authorization": f"Bearer {(await answer.json())['session']}"}
        told = asyncio.Queue()
        listening = asyncio.create_task(listen(http, bearer, told))
        connection = RTCPeerConnection()
        track = asyncio.get_running_loop().create_future()
        connection.on("track", track.set_result)
        line = connection.addTransceiver(Tone(tone_hz), direction="sendrecv")
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        line.setCodecPreferences([codec for codec in codecs if codec.mimeType == "audio/PCMU"])
        await connection.setLocalDescription(await connection.createOffer())
        headers = bearer | {"content-type": "application/sdp"}
        async with http.post("/v1/people/whip", headers=headers, data=connection.localDescription.sdp) as answer:
            assert answer.status == 201, await answer.text()
            whip = answer.headers["location"]
            await connection.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
        await until(told, lambda event: event["type"] == "state" and event["audio"])
        await post(http, bearer, "/v1/people/availability", {"available": True})
        ringing = await until(told, lambda event: event.get("state") == "ringing")
        say(step="ringing", about=ringing["about"])
        await post(http, bearer, f"/v1/people/calls/{ringing['call']}/accept")
        await until(told, lambda event: event.get("state") == "talking")
        say(step="heard", **await heard(await track))
        await go()
        await connection.close()
        say(step="closed")
        await go()
        async with http.delete(whip, headers=bearer) as answer:
            say(step="over", whip=answer.status, told=await until(told, lambda event: event["type"] == "over"))
        listening.cancel()


async def listen(http, bearer, told):
    async with http.get("/v1/people/events", headers=bearer) as events:
        async for line in events.content:
            if line.startswith(b"data:"):
                told.put_nowait(json.loads(line[5:]))


async def until(told, is_it):
    while True:
        event = await asyncio.wait_for(told.get(), 20)
        if is_it(event):
            return event


async def post(http, bearer, path, body=None):
    async with http.post(path, headers=bearer, json=body) as answer:
        assert answer.status == 204, await answer.text()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))

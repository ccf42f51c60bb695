"""A person whose browser is aiortc: signs in, says a tone, does what it is told, and tells what happens and what it hears.

Usage: peer.py URL SECRET TONE_HZ. Reads a command a line: `available`, `offline`, `hear`, `close`, `reconnect`, `quit`, or a path below
/v1/people/ with a JSON body or none behind it, which is posted. Prints a JSON object a line: events as they come, and an answer to
every command.
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
# Some silence before the tone is let pass.
LISTEN_S = 1.2

address = None


def host_addresses(use_ipv4, use_ipv6):
    """Everybody in the test lives on loopback, which aioice otherwise leaves out."""
    return [address]


aioice.ice.get_host_addresses = host_addresses


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


class Ear:
    """Keeps the last second of what a track brings."""

    def __init__(self):
        self.samples = numpy.zeros(0)

    async def listen(self, track):
        while True:
            frame = await track.recv()
            mono = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            fresh = mono[:: frame.sample_rate // RATE_HZ].astype(float)
            self.samples = numpy.concatenate([self.samples, fresh])[-RATE_HZ:]

    async def heard(self):
        """The strongest frequency of what comes from now on, and how strong it is."""
        self.samples = numpy.zeros(0)
        await asyncio.sleep(LISTEN_S)
        spectrum = numpy.abs(numpy.fft.rfft(self.samples * numpy.hanning(len(self.samples)), RATE_HZ))
        rms = float(numpy.sqrt(numpy.mean(self.samples**2))) if len(self.samples) else 0.0
        return {"hz": int(numpy.argmax(spectrum)), "rms": rms}


def say(**what):
    print(json.dumps(what), flush=True)


async def main(url, secret, tone_hz):
    async with aiohttp.ClientSession(base_url=url) as http:
        async with http.post("/v1/people/session", json={"token": secret}) as answer:
            session = await answer.json()
            if answer.status != 201:
                return say(event="refused", status=answer.status, error=session["error"])
            bearer = {"authorization": f"Bearer {session['session']}"}
        listening = asyncio.create_task(listen(http, bearer))
        ear, hearing = Ear(), []
        connection = await connect(http, bearer, tone_hz, ear, hearing)
        say(event="signed_in", name=session["name"], ice_servers=session["ice_servers"])
        while command := (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).strip():
            if command == "quit":
                break
            elif command == "hear":
                say(answer=command, **await ear.heard())
            elif command == "close":
                await connection.close()
                say(answer=command)
            elif command == "reconnect":
                connection = await connect(http, bearer, tone_hz, ear, hearing)
                say(answer=command)
            elif command in ("available", "offline"):
                say(answer=command, **await post(http, bearer, "availability", {"available": command == "available"}))
            else:
                path, _, body = command.partition(" ")
                say(answer=command, **await post(http, bearer, path, json.loads(body) if body else None))
        listening.cancel()
        await connection.close()


async def connect(http, bearer, tone_hz, ear, hearing):
    """Audio, by an offer of its own."""
    connection = RTCPeerConnection()
    connection.on("track", lambda track: hearing.append(asyncio.create_task(ear.listen(track))))
    line = connection.addTransceiver(Tone(tone_hz), direction="sendrecv")
    codecs = RTCRtpSender.getCapabilities("audio").codecs
    line.setCodecPreferences([codec for codec in codecs if codec.mimeType == "audio/PCMU"])
    await connection.setLocalDescription(await connection.createOffer())
    headers = bearer | {"content-type": "application/sdp"}
    async with http.post("/v1/people/whip", headers=headers, data=connection.localDescription.sdp) as answer:
        assert answer.status == 201, await answer.text()
        await connection.setRemoteDescription(RTCSessionDescription(await answer.text(), "answer"))
    return connection


async def listen(http, bearer):
    async with http.get("/v1/people/events", headers=bearer) as events:
        async for line in events.content:
            if line.startswith(b"data:"):
                told = json.loads(line[5:])
                say(event=told.pop("type"), **told)
    say(event="no more")


async def post(http, bearer, path, body):
    async with http.post(f"/v1/people/{path}", headers=bearer, json=body) as answer:
        text = await answer.text()
        return {"status": answer.status, "error": json.loads(text)["error"] if text else None}


address = sys.argv[1].split("/")[2].rsplit(":", 1)[0]
asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))

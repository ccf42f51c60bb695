"""A person at the console page in headless Chromium, driven by the DevTools protocol.

Usage: console.py URL SECRET MICROPHONE.wav. Prints one JSON object a line, and reads one line before it goes on where it says so.
"""

import asyncio
import itertools
import json
import sys
import tempfile

import aiohttp

# Less than the test's own, which then hears what was missing.
PATIENCE_S = 50

# The strongest frequency of what the page's own player plays, over a while.
HEARD = """(async () => {
  const stream = document.getElementById("voice").srcObject;
  const context = new AudioContext();
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const sums = new Float64Array(bins.length);
  await new Promise((done) => setTimeout(done, 500));
  for (let round = 0; round < 10; round++) {
    await new Promise((done) => setTimeout(done, 100));
    analyser.getFloatFrequencyData(bins);
    bins.forEach((decibels, bin) => { sums[bin] += Math.pow(10, decibels / 10); });
  }
  const loudest = sums.indexOf(Math.max(...sums));
  const level_db = 10 * Math.log10(sums[loudest] / 10);
  const hz = loudest * context.sampleRate / analyser.fftSize;
  await context.close();
  return { hz, level_db };
})()"""


class Page:
    """One tab."""

    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.waiting = {}
        self.complaints = []

    async def read(self):
        async for message in self.socket:
            told = json.loads(message.data)
            if "id" in told:
                self.waiting.pop(told["id"]).set_result(told)
            elif told["method"] == "Runtime.exceptionThrown":
                self.complaints.append(told["params"]["exceptionDetails"].get("exception", {}).get("description", "?"))
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                entry = told["params"]["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")

    async def call(self, method, **params):
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        told = await asyncio.wait_for(self.waiting[number], PATIENCE_S)
        assert "error" not in told, told
        return told["result"]

    async def value(self, script):
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script):
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not await self.value(script):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"never: {script}; the page: {await self.value('document.body.innerText')}; {self.complaints}")
            await asyncio.sleep(0.05)

    async def click(self, name):
        """As a person does: only what is there and can be clicked."""
        can_be_clicked = "at?.checkVisibility() && !at.disabled"
        await self.until(f"(at => {can_be_clicked} && (at.click(), true))(document.querySelector({json.dumps(name)}))")

    async def fill(self, name, text):
        await self.value(f"document.querySelector({json.dumps(name)}).focus()")
        await self.call("Input.insertText", text=text)

    async def hears_the_callee(self):
        """What the page plays: the callee's tone, once that is there and loud enough."""
        for _ in range(10):
            heard = await self.value(HEARD)
            if abs(heard["hz"] - 1_000) < 15 and heard["level_db"] > -50:
                break
        return heard

    async def state(self, words):
        await self.until(f"document.getElementById('state').textContent === {json.dumps(words)}")


def say(**what):
    print(json.dumps(what), flush=True)


async def go():
    """Waits until the test says to go on."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def step(name, **what):
    say(step=name, **what)
    await go()


async def chromium(folder, microphone):
    process = await asyncio.create_subprocess_exec(
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}", "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={folder}", "--remote-debugging-port=0",
        "about:blank", stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stderr:
            if b"DevTools listening on" in line:
                address = line.split()[-1].decode()
                break
    # What it has to say later fills no pipe.
    drain = asyncio.create_task(process.stderr.read())
    return process, address.split("/")[2], drain


async def main(url, token, microphone):
    with tempfile.TemporaryDirectory(prefix="trunkline-chromium-", ignore_cleanup_errors=True) as folder:
        process, address, drain = await chromium(folder, microphone)
        try:
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://{address}/json/list") as answer:
                    tab = next(tab for tab in await answer.json() if tab["type"] == "page")
                async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    reading = asyncio.create_task(page.read())
                    await at_the_console(page, url, token)
                    reading.cancel()
        finally:
            process.terminate()
            await process.wait()
            drain.cancel()


async def at_the_console(page, url, secret):
    for domain in ("Page", "Runtime", "Log"):
        await page.call(f"{domain}.enable")
    await page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    await page.call("Page.navigate", url=f"{url}/console/")
    await page.until("document.getElementById('sign-in')?.checkVisibility()")
    await page.fill("#token", secret)
    await page.click("#sign-in button")
    await page.until("document.getElementById('audio').textContent === 'ready'")
    await page.until("document.getElementById('link').textContent === 'connected'")
    await page.click("#available")
    await page.state("Waiting for a call")
    say(step="available")

    # The first call comes in: it rings.
    await page.state("Incoming call")
    about = await page.value("document.getElementById('call-number').textContent")
    wide = await page.value("document.documentElement.scrollWidth")
    await page.click("#accept")
    await page.state("On a call")
    say(step="rang", about=about, width=wide)
    await page.click("#hang-up")
    await page.state("Wrap-up")
    await go()
    await page.click("#available")
    await page.state("Waiting for a call")
    say(step="ready")

    # The second one is on at once.
    await page.state("On a call")
    about = await page.value("document.getElementById('call-number').textContent")
    brief = await page.value("document.getElementById('call-brief').textContent")
    details = await page.value("[...document.querySelectorAll('#call-details dt, #call-details dd')].map(at => at.textContent)")
    heard = await page.hears_the_callee()
    await step("talking", about=about, brief=brief, details=details, heard=heard)
    await page.click("#keypad summary")
    for key in "5#":
        await page.click(f"#keys button:nth-child({'123456789*0#'.index(key) + 1})")
    await step("pressed")
    for button, is_so, is_not in (("mute", "muted", None), ("hold", "held", "taken back")):
        await page.click(f"#{button}")
        await page.until(f"document.getElementById('{button}').ariaPressed === 'true'")
        await step(is_so)
        await page.click(f"#{button}")
        await page.until(f"document.getElementById('{button}').ariaPressed === 'false'")
        if is_not:
            await step(is_not)
    # A page that is loaded again in the midst of a call is in it still.
    await page.value("window.isOld = true")
    await page.call("Page.reload")
    await page.until("!window.isOld && document.getElementById('audio')?.textContent === 'ready'")
    await page.state("On a call")
    heard = await page.hears_the_callee()
    await step("back", heard=heard)
    await page.click("#objection summary")
    await page.click("#object")
    await page.until("document.getElementById('notice').textContent.startsWith('This number is not called')")
    await step("objected")
    await page.click("#hang-up")
    await page.state("Wrap-up")
    await step("hung up")
    # A page that is loaded again is signed in still, and its audio comes back.
    await page.call("Page.reload")
    await page.until("document.getElementById('audio')?.textContent === 'ready'")
    await step("reloaded", state=await page.value("document.getElementById('state').textContent"))
    await page.click("#sign-out")
    await page.until("document.getElementById('sign-in').checkVisibility()")
    say(step="signed out", complaints=page.complaints)


asyncio.run(main(*sys.argv[1:4]))

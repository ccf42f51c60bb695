"""Twilio's own library against a switch: places calls, watches and ends them, fetches what was recorded. Only the host of its requests is another one."""

import json
import sys
import time

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class AtTheSwitch(TwilioHttpClient):
    """The library's HTTP client, with the switch's scheme and host in the place of Twilio's."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def request(self, method, url, *args, **kwargs):
        return super().request(method, url.replace("https://api.twilio.com", self.base), *args, **kwargs)


def until(call, done):
    for _ in range(400):
        now = call.fetch()
        if done(now):
            return now
        time.sleep(0.1)
    raise AssertionError(f"the call stays {now.status}")


base, account, token, ours, rings, answers, hook = sys.argv[1:]
client = Client(account, token, http_client=AtTheSwitch(base))
told = {}

call = client.calls.create(to=rings, from_=ours, twiml="<Response><Say>Hello.</Say></Response>", timeout=30)
told["created"] = [call.sid, call.status, call.direction, call.to, call._from]
told["ended"] = [client.calls(call.sid).update(status="completed").sid == call.sid]
told["canceled"] = until(client.calls(call.sid), lambda now: now.end_time).status

call = client.calls.create(
    to=answers,
    from_=ours,
    twiml="<Response><Say>Hello.</Say><Pause length='5'/></Response>",
    machine_detection="DetectMessageEnd",
    async_amd="true",
    async_amd_status_callback=hook,
    async_amd_status_callback_method="POST",
    record=True,
    recording_status_callback=hook,
    recording_status_callback_event=["in-progress", "completed", "absent"],
)
over = until(client.calls(call.sid), lambda now: now.end_time)
for _ in range(100):
    recordings = client.calls(call.sid).recordings.list()
    if recordings:
        break
    time.sleep(0.1)
recording = client.recordings(recordings[0].sid).fetch()
audio = client.http_client.request("GET", f"https://api.twilio.com{recording.media_url}.wav", auth=(account, token))
told["recorded"] = [recording.call_sid == call.sid, recording.status, int(recording.channels), audio.status_code]
told["removed"] = [client.recordings(recording.sid).delete(), client.calls(call.sid).recordings.list()]
told["completed"] = [over.status, over.answered_by, over.start_time is not None, int(over.duration) >= 0]

try:
    client.calls.create(to=rings, from_="+15559999999", twiml="<Response><Say>Hello.</Say></Response>")
except TwilioRestException as error:
    told["refused"] = [error.status, error.code]
try:
    client.calls("CA" + "0" * 31 + "7").fetch()
except TwilioRestException as error:
    told["missing"] = [error.status, error.code]
json.dump(told, sys.stdout)

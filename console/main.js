// Ties together what the person does, what the switch tells, and the audio.

import { Audio, Bell } from "./audio.js";
import * as view from "./view.js";
import * as wire from "./wire.js";

const bell = new Bell();
let audio = null;
let stopListening = () => {};
let now = { state: "offline", audio: false };
let isMuted = false;
let isHeld = false;

view.bind({
  "sign-in": ({ token }) => attempt(async () => {
    bell.wake();
    await wire.signIn(token.trim());
    begin();
  }),
  "sign-out": () => attempt(async () => {
    await audio?.stop();
    await wire.signOut().finally(end);
  }),
  available: () => attempt(() => wire.available(!view.takesCalls(now))),
  accept: () => attempt(() => wire.act(now.call, "accept")),
  decline: () => attempt(() => wire.act(now.call, "decline")),
  "hang-up": () => attempt(() => wire.act(now.call, "hangup")),
  "transfer-form": ({ to }) => attempt(() => wire.transfer(now.call, to.trim())),
  object: () => attempt(async () => {
    await wire.act(now.call, "do-not-call");
    view.objected();
  }),
  mute: () => mute(!isMuted),
  hold: () => attempt(async () => {
    const before = isHeld;
    // What the switch tells meanwhile is later, and holds.
    hold(!before);
    try {
      await wire.act(now.call, before ? "resume" : "hold");
    } catch (error) {
      hold(before);
      throw error;
    }
  }),
});
view.keys((key) => audio?.press(key));
addEventListener("pointerdown", () => bell.wake(), { passive: true });
addEventListener("online", () => audio?.hurry());
addEventListener("pagehide", () => audio?.stop());
// A page that was put aside comes back without its audio.
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
if (wire.session.get()) begin(); else view.signedOut();

/** Does something that the switch may refuse. */
async function attempt(what) {
  view.notice(null);
  try {
    await what();
  } catch (error) {
    if (error instanceof wire.Refusal && error.error === "no_session") end();
    view.notice(error instanceof wire.Refusal ? error.message : "The switch cannot be reached.");
  }
}

function begin() {
  const { name, ice_servers } = wire.session.get();
  view.signedIn(name);
  view.link(false);
  stopListening = wire.listen({ told, linked: view.link, over: end });
  audio = new Audio(document.getElementById("voice"), ice_servers, view.audio);
  audio.start();
}

function end() {
  wire.session.clear();
  stopListening();
  audio?.stop();
  audio = null;
  bell.quiet();
  view.signedOut();
}

/** Another page shows the session: this one leaves it alone, and does not end it. */
function giveWay() {
  stopListening();
  audio?.stop();
  audio = null;
  bell.quiet();
  view.elsewhere();
}

function told(event) {
  switch (event.type) {
    case "state": return changed(event);
    case "over": return view.over(event.why);
    // It says whether the far end is on hold, too: that may be what did not come to pass.
    case "failed":
      hold(event.held === true);
      return view.notice(`That was not done: ${event.why}.`);
    case "replaced":
      giveWay();
      return view.notice("The console was opened in another tab. Close this one, or load it again to work here.");
    case "signed_out":
      end();
      return view.notice("You were signed out: the session was opened elsewhere, or is over.");
  }
}

/** Is a call on, heard or not? */
const isOn = ({ state }) => state === "talking" || state === "away";

function changed(next) {
  const before = now;
  now = next;
  view.state(next);
  if (before.audio && !next.audio) audio?.lost();
  if (next.state === "ringing") bell.ring(); else bell.quiet();
  // A call that did not ring is on all of a sudden.
  if (next.state === "talking" && before.state === "available") bell.beep();
  // Who was cut off is in the same call still, as muted as before; a page that was loaded anew does not know of its hold.
  if (!isOn(next) || !isOn(before)) mute(false);
  if (!isOn(next) || !isOn(before) || before.state === "away") hold(next.held === true);
}

function hold(value) {
  isHeld = value;
  view.held(value);
}

function mute(value) {
  isMuted = value;
  audio?.mute(value);
  view.muted(value);
}

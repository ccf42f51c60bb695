// What the page and the switch say to each other. Knows nothing of buttons or of audio.

const SESSION = "trunkline-session";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
// The switch says at least every ten seconds that it lives.
const SILENCE_MAX_MS = 25_000;
// A request that a lost network swallowed is not waited for.
const OFFER_MAX_MS = 5_000;

/** The switch refused; `error` is its word for why. */
export class Refusal extends Error {
  constructor(status, error, message) {
    super(message);
    this.status = status;
    this.error = error;
  }
}

/** The session, which survives a reload of the page but not its tab. */
export const session = {
  get: () => JSON.parse(sessionStorage.getItem(SESSION) ?? "null"),
  set: (value) => sessionStorage.setItem(SESSION, JSON.stringify(value)),
  clear: () => sessionStorage.removeItem(SESSION),
};

async function ask(method, path, { body, type = "application/json", keepalive = false, signal } = {}) {
  const headers = {};
  const held = session.get();
  if (held) headers.authorization = `Bearer ${held.session}`;
  if (body !== undefined) headers["content-type"] = type;
  const response = await fetch(`/v1/people/${path}`, { method, headers, body, keepalive, signal, cache: "no-store" });
  if (response.ok) return response;
  const wrong = await response.json().catch(() => ({}));
  throw new Refusal(response.status, wrong.error ?? "unknown", wrong.message ?? `The switch answered ${response.status}.`);
}

const tell = (method, path, value) =>
  ask(method, path, { body: value === undefined ? undefined : JSON.stringify(value) });

export async function signIn(token) {
  session.clear();
  const response = await tell("POST", "session", { token });
  session.set(await response.json());
}

export const signOut = () => tell("DELETE", "session").finally(session.clear);
export const available = (value) => tell("POST", "availability", { available: value });
export const act = (call, what) => tell("POST", `calls/${encodeURIComponent(call)}/${what}`);
export const transfer = (call, to) => tell("POST", `calls/${encodeURIComponent(call)}/transfer`, { to });

/** An SDP offer for an answer (WHIP, RFC 9725). */
export async function offer(sdp) {
  const response = await ask("POST", "whip", { body: sdp, type: "application/sdp", signal: AbortSignal.timeout(OFFER_MAX_MS) });
  const path = response.headers.get("location").replace("/v1/people/", "");
  // It ends with the session by itself.
  const end = () => session.get() && ask("DELETE", path, { keepalive: true }).catch(() => {});
  return { answer: await response.text(), end };
}

/**
 * Listens until `stop()`; comes back by itself when the stream breaks. `told` gets each event, `linked` whether the switch is
 * heard, `over` that the session is.
 */
export function listen({ told, linked, over }) {
  const stopped = new AbortController();
  run(stopped.signal, told, linked, over);
  return () => stopped.abort();
}

async function run(stopped, told, linked, over) {
  let wait = FIRST_WAIT_MS;
  while (!stopped.aborted) {
    try {
      await once(stopped, (event) => {
        wait = FIRST_WAIT_MS;
        told(event);
      }, linked);
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return over();
    }
    if (stopped.aborted) return;
    linked(false);
    await pause(wait * (0.5 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

/** So long, or until the network is back. */
function pause(ms) {
  return new Promise((resume) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      resume();
    };
    const timer = setTimeout(over, ms);
    addEventListener("online", over);
  });
}

/** One stream, until it breaks. `EventSource` cannot show who asks, so it is read by hand. */
async function once(stopped, told, linked) {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), SILENCE_MAX_MS);
  try {
    const signal = AbortSignal.any([stopped, quiet.signal]);
    // Of a stream by the network that was there before nothing more will come.
    addEventListener("online", () => quiet.abort(), { signal });
    const response = await ask("GET", "events", { signal });
    linked(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENCE_MAX_MS);
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
        if (data) told(JSON.parse(data));
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

// What is shown. Knows the page's elements, and neither the switch nor the audio.

const at = (id) => document.getElementById(id);

const STATES = {
  offline: "Offline",
  available: "Waiting for a call",
  ringing: "Incoming call",
  talking: "On a call",
  away: "Audio lost: reconnecting",
  wrap_up: "Wrap-up",
};

const OVER = {
  missed: "You missed a call, and are offline now.",
  audio_lost: "The audio was lost, and the call with it.",
};

let clock = null;

/** Ties the buttons to what they do: each name is an element's id. */
export function bind(acts) {
  for (const [id, act] of Object.entries(acts)) {
    const element = at(id);
    const kind = element.tagName === "FORM" ? "submit" : "click";
    element.addEventListener(kind, (event) => {
      event.preventDefault();
      act(element.tagName === "FORM" ? Object.fromEntries(new FormData(element)) : event);
    });
  }
}

/** The keys of the keypad, and the same on the keyboard while it is open. */
export function keys(press) {
  for (const key of "123456789*0#") {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = key;
    button.addEventListener("click", () => press(key));
    at("keys").append(button);
  }
  at("keypad").addEventListener("keydown", (event) => {
    if (/^[0-9*#]$/.test(event.key)) press(event.key);
  });
}

export function signedIn(name) {
  at("sign-in").hidden = true;
  at("sign-in").reset();
  at("desk").hidden = at("who").hidden = at("sign-out").hidden = false;
  at("who").textContent = name;
  at("available").focus();
}

export function signedOut() {
  at("sign-in").hidden = false;
  at("desk").hidden = at("who").hidden = at("sign-out").hidden = true;
  document.title = "Trunkline console";
  at("token").focus();
}

/** Another page shows the session. */
export function elsewhere() {
  at("sign-in").hidden = at("desk").hidden = at("who").hidden = at("sign-out").hidden = true;
  document.title = "Trunkline console";
}

export const link = (heard) => { at("link").textContent = heard ? "connected" : "reconnecting"; };

export function audio(state) {
  at("audio").textContent = state;
  if (state === "no microphone") notice("The page needs a microphone. Plug one in; or allow it, and load the page again.");
}

export function notice(text) {
  at("notice").textContent = text ?? "";
  at("notice").hidden = !text;
}

export const over = (why) => { if (OVER[why]) notice(OVER[why]); };

export function muted(is) {
  at("mute").setAttribute("aria-pressed", String(is));
}

export function held(is) {
  at("hold").setAttribute("aria-pressed", String(is));
}

export function objected() {
  at("object").disabled = true;
  notice("This number is not called any more.");
}

/** Is the person there for the next call, once this one is over? */
export const takesCalls = ({ state, leaves }) => ["available", "ringing", "talking", "away"].includes(state) && !leaves;

/** The person's state, as the switch told it. */
export function state(told) {
  const { state, about, call } = told;
  at("state").textContent = STATES[state];
  document.title = state === "ringing" ? `☎ ${about?.number ?? "Call"}` : `${STATES[state]} · Trunkline`;
  const takes = takesCalls(told);
  at("available").classList.toggle("takes", takes);
  at("available").textContent = { wrap_up: "Ready for the next call" }[state] ?? (takes ? "Take no more calls" : "Take calls");
  at("available").disabled = !told.audio;
  at("call").hidden = !call;
  at("call").classList.toggle("ringing", state === "ringing");
  at("ringing").hidden = state !== "ringing";
  const on = state === "talking" || state === "away";
  at("talking").hidden = !on;
  at("call-number").textContent = about?.name ?? about?.number ?? "";
  at("call-about").textContent = [about?.name && about.number, about?.campaign].filter(Boolean).join(" · ");
  at("call-brief").textContent = about?.brief ?? "";
  at("call-details").replaceChildren(...(about?.details ?? []).map(detail));
  if (state === "ringing") at("accept").focus();
  if (!on) {
    at("keypad").open = at("transfer").open = at("objection").open = at("object").disabled = false;
    at("transfer-form").reset();
  }
  run(told);
}

function detail({ name, value }) {
  const [row, term, text] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name.replaceAll("_", " ");
  text.textContent = value;
  row.append(term, text);
  return row;
}

/** Counts up from when a state began, or down to when it ends. */
function run({ since_ms, ends_ms }) {
  clearInterval(clock);
  const [came, counts] = [performance.now(), ends_ms !== undefined];
  const show = () => {
    const passed = performance.now() - came;
    const seconds = Math.max(0, Math.round((counts ? ends_ms - passed : since_ms + passed) / 1_000));
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    at("since").textContent = counts ? `${text} left` : text;
  };
  show();
  clock = setInterval(show, 1_000);
}

// The microphone, the connection that carries it, and the page's own sounds. Knows nothing of calls.

import { offer } from "./wire.js";

const GATHER_MAX_MS = 2_000;
const FIRST_WAIT_MS = 500;
// A call is kept for some seconds alone.
const LONGEST_WAIT_MS = 3_000;
// A connection that is not heard for so long is replaced; browsers themselves wait much longer.
const DISCONNECTED_MAX_MS = 2_000;
const DIGIT_MS = 120;
const GAP_MS = 70;

/** Audio both ways, for as long as the person is signed in: it comes back by itself when it is lost. */
export class Audio {
  #changed;
  #player;
  #servers;
  #microphone = null;
  #connection = null;
  #end = null;
  #muted = false;
  #stopped = false;
  #wait = FIRST_WAIT_MS;
  #timer = 0;
  #patience = 0;

  /** `changed` gets "connecting", "ready", "lost" or "no microphone". */
  constructor(player, servers, changed) {
    [this.#player, this.#servers, this.#changed] = [player, servers, changed];
  }

  async start() {
    if (this.#stopped) return;
    this.#changed("connecting");
    try {
      if (this.#microphone?.getAudioTracks()[0].readyState !== "live") this.#microphone = await this.#plug();
      // Signed out while the person was asked.
      if (this.#stopped) return this.stop();
    } catch {
      this.#changed("no microphone");
      // One that is plugged in is tried.
      navigator.mediaDevices?.addEventListener("devicechange", () => this.start(), { once: true });
      return;
    }
    let connection = null;
    try {
      connection = this.#connection = new RTCPeerConnection({ iceServers: this.#servers });
      await this.#connect(connection);
    } catch {
      // One that was given up meanwhile is no loss.
      if (this.#connection === connection) this.#again();
    }
  }

  /** The switch says that it lost the audio, whatever the browser thinks. */
  lost() {
    if (["connected", "disconnected"].includes(this.#connection?.connectionState)) this.#again();
  }

  /** The network is back: what was waited for is tried now. */
  hurry() {
    this.#wait = FIRST_WAIT_MS;
    if (!this.#stopped && this.#microphone && this.#connection?.connectionState !== "connected") {
      this.#drop();
      this.start();
    }
  }

  /** A microphone. When a headset is pulled out it ends for good, and whatever else is there takes its place. */
  async #plug() {
    const microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
    const [track] = microphone.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => {
      if (this.#microphone !== microphone) return;
      this.#microphone = null;
      this.#drop();
      this.start();
    };
    return microphone;
  }

  async #connect(connection) {
    connection.ontrack = ({ streams: [stream], track }) => {
      this.#player.srcObject = stream ?? new MediaStream([track]);
      this.#player.play().catch(() => {});
    };
    connection.onconnectionstatechange = () => {
      if (this.#connection !== connection) return;
      clearTimeout(this.#patience);
      if (connection.connectionState === "connected") {
        this.#wait = FIRST_WAIT_MS;
        this.#changed("ready");
      } else if (connection.connectionState === "disconnected") {
        this.#patience = setTimeout(() => this.#again(), DISCONNECTED_MAX_MS);
      } else if (["failed", "closed"].includes(connection.connectionState)) {
        this.#again();
      }
    };
    const line = connection.addTransceiver(this.#microphone.getAudioTracks()[0], { direction: "sendrecv" });
    telephone(line);
    await connection.setLocalDescription();
    await gathered(connection);
    const { answer, end } = await offer(connection.localDescription.sdp);
    if (this.#stopped || this.#connection !== connection) return end();
    this.#end = end;
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
  }

  #again() {
    this.#drop();
    if (this.#stopped) return;
    this.#changed("lost");
    this.#timer = setTimeout(() => this.start(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    const [connection, end] = [this.#connection, this.#end];
    [this.#connection, this.#end] = [null, null];
    const told = end?.();
    connection?.close();
    return told;
  }

  /** For good. Gives a promise if the switch is still to be told. */
  stop() {
    this.#stopped = true;
    this.#microphone?.getTracks().forEach((track) => track.stop());
    this.#player.srcObject = null;
    return this.#drop();
  }

  mute(muted) {
    this.#muted = muted;
    this.#microphone?.getAudioTracks().forEach((track) => { track.enabled = !muted; });
  }

  /** A key, as a telephone event in the audio (RFC 4733). */
  press(key) {
    const keys = this.#connection?.getSenders().map((sender) => sender.dtmf).find((dtmf) => dtmf?.canInsertDTMF);
    // What was pressed before and is not sent yet stays in front.
    keys?.insertDTMF(keys.toneBuffer + key, DIGIT_MS, GAP_MS);
  }
}

/** What the telephone network speaks, so that nothing has to be transcoded. */
function telephone(line) {
  const all = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const is = (name) => (codec) => codec.mimeType.toLowerCase() === name && codec.clockRate === 8_000;
  const wanted = [...all.filter(is("audio/pcmu")), ...all.filter(is("audio/telephone-event"))];
  if (wanted.length) line.setCodecPreferences(wanted);
}

/** All candidates go with the offer; those that take too long are left out. */
function gathered(connection) {
  return new Promise((done) => {
    const look = () => { if (connection.iceGatheringState === "complete") done(); };
    connection.addEventListener("icegatheringstatechange", look);
    setTimeout(done, GATHER_MAX_MS);
    look();
  });
}

/** The page's own sounds: a ring until it is taken, and a short tone when a call is on at once. */
export class Bell {
  #context = null;
  #timer = 0;

  /** Browsers allow sound once the person has touched the page. */
  wake() {
    this.#context ??= new AudioContext();
    this.#context.resume().catch(() => {});
  }

  ring() {
    if (this.#timer) return;
    const twice = () => { this.#tone(440, 0, 0.4); this.#tone(480, 0.5, 0.4); };
    twice();
    this.#timer = setInterval(twice, 2_500);
  }

  quiet() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  beep() {
    this.#tone(880, 0, 0.15);
  }

  #tone(frequency_hz, after_s, length_s) {
    const context = this.#context;
    if (!context) return;
    const [tone, gain, start] = [context.createOscillator(), context.createGain(), context.currentTime + after_s];
    tone.frequency.value = frequency_hz;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.15, start + 0.02);
    gain.gain.setValueAtTime(0.15, start + length_s - 0.02);
    gain.gain.linearRampToValueAtTime(0, start + length_s);
    tone.connect(gain).connect(context.destination);
    tone.start(start);
    tone.stop(start + length_s);
  }
}

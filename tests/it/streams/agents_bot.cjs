// A voice bot made of OpenAI's agents SDK with its transport for Twilio, unmodified, as its documentation has it; and at /model the
// realtime model that it talks to, which is ours. Prints what happens, a JSON object a line.
//
// The model talks for twenty seconds at 500 Hz. When the callee speaks for the second time it notices, as turn detection would; the
// rest is the SDK's. Then it says a second at 700 Hz, and the bot hangs up once it is told that this was heard.

const http = require('http');
const { WebSocketServer } = require('ws');
const { RealtimeAgent, RealtimeSession } = require('@openai/agents/realtime');
const { TwilioRealtimeTransportLayer } = require('@openai/agents-extensions');

const tell = (what) => console.log(JSON.stringify(what));
const PIECE = 1_111;
const LOUD = 1_000;
// In pieces of 20 ms: what is a word, and what is silence between two.
const SPOKEN = 10;
const SILENT = 50;

async function bot(twilioWebSocket) {
  const transport = new TwilioRealtimeTransportLayer({ twilioWebSocket });
  const agent = new RealtimeAgent({ name: 'Sarah', instructions: 'You are Sarah.' });
  const session = new RealtimeSession(agent, {
    transport,
    model: 'the-model',
    config: { audio: { output: { voice: 'verse' } } },
  });
  transport.on('*', (event) => {
    if (event.type !== 'twilio_message') return;
    const { message } = event;
    if (message.event === 'start') tell({ start: message.start });
    if (message.event === 'mark' && message.mark.name.startsWith('done:item_2')) twilioWebSocket.close();
    if (message.event === 'stop') tell({ stop: message.stop });
  });
  session.on('audio_interrupted', () => tell({ interrupted: true }));
  session.on('error', (error) => tell({ invalid: String(error.error?.message ?? JSON.stringify(error)) }));
  await session.connect({ apiKey: 'sk-hunter2', url: `ws://127.0.0.1:${server.address().port}/model` });
  transport.requestResponse();
}

function decoded(byte) {
  byte = ~byte & 0xff;
  const sample = (((byte & 0x0f) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84;
  return byte & 0x80 ? -sample : sample;
}

function encoded(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), 32_635) + 0x84;
  const exponent = 24 - Math.clz32(magnitude);
  return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0f) & 0xff;
}

const tone = (hz, seconds) => {
  const sample = (at) => Math.trunc(8_000 * Math.sin((2 * Math.PI * hz * at) / 8_000));
  return Buffer.from(Array.from({ length: 8_000 * seconds }, (_, at) => encoded(sample(at))));
};

class Model {
  responses = 0;
  loud = 0;
  silent = SILENT;
  words = 0;

  constructor(socket) {
    this.socket = socket;
    socket.on('message', (message) => this.read(JSON.parse(message)));
    this.say('session.created', { session: {} });
  }

  say(type, fields) {
    this.socket.send(JSON.stringify({ type, event_id: 'event', ...fields }));
  }

  read(event) {
    if (event.type === 'session.update') {
      // One of them is about tracing alone.
      if (event.session.audio) tell({ session: event.session });
      this.say('session.updated', { session: event.session });
    } else if (event.type === 'response.create') {
      this.respond(tone(500, 20));
    } else if (event.type === 'input_audio_buffer.append') {
      const pcmu = Buffer.from(event.audio, 'base64');
      for (let at = 0; at < pcmu.length; at += 160) this.hear(pcmu.subarray(at, at + 160));
    } else if (event.type === 'conversation.item.truncate') {
      tell({ truncated: event });
      this.say('conversation.item.truncated', { ...event, event_id: 'event' });
      this.respond(tone(700, 1));
    }
  }

  respond(sound) {
    const number = ++this.responses;
    const item = { response_id: `resp_${number}`, item_id: `item_${number}`, output_index: 0, content_index: 0 };
    this.say('response.created', { response: { id: item.response_id, status: 'in_progress' } });
    for (let at = 0; at < sound.length; at += PIECE) {
      this.say('response.output_audio.delta', { ...item, delta: sound.subarray(at, at + PIECE).toString('base64') });
    }
    this.say('response.output_audio.done', item);
    this.say('response.done', { response: { id: item.response_id, status: 'completed', output: [] } });
  }

  hear(frame) {
    if (!frame.some((byte) => Math.abs(decoded(byte)) > LOUD)) {
      this.silent += 1;
      return;
    }
    if (this.silent >= SILENT) this.loud = 0;
    this.silent = 0;
    this.loud += 1;
    if (this.loud !== SPOKEN) return;
    this.words += 1;
    tell({ heard: this.words });
    if (this.words === 2) this.say('input_audio_buffer.speech_started', { item_id: 'callee', audio_start_ms: 0 });
  }
}

const server = http.createServer();
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket, request) => {
  if (request.url !== '/model') return bot(socket);
  tell({ key: request.headers.authorization });
  new Model(socket);
});
server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));

// A bot made of jambonz's own SDK, unmodified, and nothing else of note: it says back what it hears. Prints what happens, a
// JSON object a line. Key 5 has it speak three seconds and interrupt itself at once, 7 has it ask to be told when it was heard.

const http = require('http');
const { createEndpoint } = require('@jambonz/sdk/websocket');

const tell = (what) => console.log(JSON.stringify(what));

const tone = (hz, seconds, rate) => {
  const pcm = Buffer.alloc(2 * seconds * rate);
  for (let n = 0; n < seconds * rate; n++) {
    pcm.writeInt16LE(Math.trunc(8000 * Math.sin((2 * Math.PI * hz * n) / rate)), 2 * n);
  }
  return pcm;
};

const server = http.createServer();
const makeService = createEndpoint({ server });
const service = makeService.audio({ path: '/jambonz' });

service.on('connection', (stream) => {
  tell({ service: 'jambonz', start: stream.metadata });
  stream.on('audio', (pcm) => stream.sendAudio(pcm));
  stream.on('dtmf', ({ digit }) => {
    tell({ digit });
    if (digit === '5') {
      stream.sendAudio(tone(440, 3, stream.sampleRate));
      stream.killAudio();
      tell({ interrupted: true });
    }
    if (digit === '7') stream.sendMark('heard');
  });
  stream.on('mark', (mark) => tell({ told: mark }));
  stream.on('close', (code) => tell({ closed: code }));
});

server.listen(0, '127.0.0.1', () => tell({ port: server.address().port }));

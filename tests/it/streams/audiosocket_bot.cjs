// Servers for Asterisk's AudioSocket that other people wrote, unmodified: `asterisk-audiosocket` and Fonoster's. Of each there are two:
// one says back what it hears, the other hangs up once it has heard two seconds. Prints what happens, a JSON object a line.

const path = require('path');
const { pathToFileURL } = require('url');

const tell = (what) => console.log(JSON.stringify(what));
const FRAMES = 100;

// What happens on a call, whoever's server it is.
function calls(kind, leaves, call) {
  let heard = 0;
  return {
    began: (id) => tell({ kind, id }),
    audio: (pcm) => {
      heard += 1;
      if (!leaves) call.say(pcm);
      if (leaves && heard === FRAMES) call.hangup();
    },
    ended: () => tell({ kind, ended: heard }),
    failed: (error) => tell({ kind, invalid: String(error) }),
  };
}

async function asterisk(leaves) {
  // It is an ES module, which NODE_PATH does not find.
  const file = path.join(process.env.NODE_PATH, 'asterisk-audiosocket/dist/index.js');
  const { AudioSocketServer } = await import(pathToFileURL(file));
  const server = new AudioSocketServer({ port: 0 });
  server.on('connection', (connection) => {
    const call = { say: (pcm) => connection.writeFrame(pcm), hangup: () => connection.hangup() };
    const on = calls('asterisk', leaves, call);
    connection.on('id', on.began).on('audio', on.audio).on('hangup', on.ended).on('error', on.failed);
  });
  await server.listen();
  return server.address.port;
}

async function fonoster(leaves) {
  const { AudioSocket } = require('@fonoster/streams');
  const socket = new AudioSocket();
  socket.onConnection((request, response) => {
    const on = calls('fonoster', leaves, { say: (pcm) => response.write(pcm), hangup: () => response.hangup() });
    let over = false;
    on.began(request.ref);
    response.onData(on.audio).onError(on.failed).onClose(() => {
      // It tells of the packet and of the connection.
      if (!over) on.ended();
      over = true;
    });
  });
  await new Promise((listening) => socket.listen(0, '127.0.0.1', listening));
  return socket.server.address().port;
}

(async () => {
  const servers = { asterisk, fonoster };
  const start = servers[process.argv[2]];
  tell({ port: await start(false), leaves: await start(true) });
})();

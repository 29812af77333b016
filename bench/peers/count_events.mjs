// Subscribers in Node that count what arrives and do nothing else: over WebSocket with the npm
// package ws, or over SSE with fetch.
// Usage: node count_events.mjs ws|sse URL TOPIC SUBSCRIBERS
import { createRequire } from 'node:module';

const [transport, url, topic, count] = process.argv.slice(2);
let events = 0;

function fail(error) {
  console.error(`${transport}: ${error.message}`);
  process.exit(1);
}

function subscribeWs() {
  const require = createRequire(import.meta.url);
  const { WebSocket } = require('/usr/share/nodejs/ws');
  const where = `${url.replace('http', 'ws')}/ws?topic=${topic}`;
  const socket = new WebSocket(where, { perMessageDeflate: false });
  socket.on('message', () => {
    events += 1;
  });
  socket.on('error', fail);
  return new Promise((resolve) => {
    socket.on('open', resolve);
  });
}

// An event ends with an empty line, wherever the pieces of the stream are cut.
async function readEvents(body) {
  let endsLine = false;
  for await (const chunk of body) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) {
      if (at === 0 ? endsLine : chunk[at - 1] === 10) events += 1;
    }
    endsLine = chunk[chunk.length - 1] === 10;
  }
}

async function subscribeSse() {
  const response = await fetch(`${url}/events?topic=${topic}`, {
    headers: { Accept: 'text/event-stream' },
  });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  readEvents(response.body).catch(fail);
}

const subscribe = transport === 'ws' ? subscribeWs : subscribeSse;
for (let started = 0; started < Number(count); started += 1) {
  await subscribe().catch(fail);
}
process.on('SIGTERM', () => {
  console.log(events);
  process.exit(0);
});

// Node's plain http module as a fan-out hub: a Set of responses per topic, one write each. And the
// npm package ws beside it: a Set of sockets per topic on /ws, and an echo on /echo.
// Usage: node node_server.mjs PORT
import http from 'node:http';
import { createRequire } from 'node:module';

const port = Number(process.argv[2] ?? 8083);
const kHistory = 100;
const kHeartbeatMs = 15000;
const kBacklogBytes = 1 << 20; // a subscriber that does not read is cut off here
const topics = new Map();

function load(name) {
  const require = createRequire(import.meta.url);
  try {
    return require(name);
  } catch {
    return require(`/usr/share/nodejs/${name}`); // Debian's place, which only Debian's node knows
  }
}
const { WebSocketServer } = load('ws');

function topicOf(name) {
  let topic = topics.get(name);
  if (topic === undefined) {
    topic = { nextId: 1, history: [], subscribers: new Set(), sockets: new Set() };
    topics.set(name, topic);
  }
  return topic;
}

function encode(id, event, data) {
  const lines = data.includes('\n') ? data.split('\n').join('\ndata: ') : data;
  return `id: ${id}\n${event ? `event: ${event}\n` : ''}data: ${lines}\n\n`;
}

function subscribe(name, response) {
  const topic = topicOf(name);
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-cache',
    'X-Accel-Buffering': 'no',
  });
  response.write('retry: 5000\n\n');
  topic.subscribers.add(response);
  response.on('close', () => topic.subscribers.delete(response));
}

function publish(name, event, data) {
  const topic = topicOf(name);
  const id = topic.nextId++;
  const block = Buffer.from(encode(id, event, data));
  topic.history.push(block);
  if (topic.history.length > kHistory) topic.history.shift();
  for (const response of topic.subscribers) {
    response.write(block);
    if (response.writableLength > kBacklogBytes) response.destroy();
  }
  if (topic.sockets.size > 0) {
    const message = JSON.stringify({ id: String(id), topic: name, event: event ?? 'message', data });
    for (const socket of topic.sockets) {
      socket.send(message);
      if (socket.bufferedAmount > kBacklogBytes) socket.terminate();
    }
  }
  return { id: String(id), topic: name };
}

function answer(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'GET' && url.pathname === '/health') {
    answer(response, 200, { status: 'ok' });
  } else if (request.method === 'GET' && url.pathname === '/events') {
    subscribe(url.searchParams.get('topic') ?? '', response);
  } else if (request.method === 'POST' && url.pathname.startsWith('/api/events/')) {
    const name = decodeURIComponent(url.pathname.slice('/api/events/'.length));
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const data = Buffer.concat(chunks).toString();
      answer(response, 200, publish(name, url.searchParams.get('event'), data));
    });
  } else {
    answer(response, 404, { error: { code: 'not_found', message: 'No such resource.' } });
  }
});

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://localhost');
  socket.setNoDelay(true);
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate());
    if (url.pathname === '/echo') {
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }));
      return;
    }
    const topic = topicOf(url.searchParams.get('topic') ?? '');
    topic.sockets.add(client);
    client.on('close', () => topic.sockets.delete(client));
  });
});

server.keepAliveTimeout = 3600_000;
server.maxRequestsPerSocket = 0;
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen({ port, host: '127.0.0.1', backlog: 4096 });

setInterval(() => {
  for (const topic of topics.values()) {
    for (const response of topic.subscribers) response.write(':\n\n');
  }
}, kHeartbeatMs);

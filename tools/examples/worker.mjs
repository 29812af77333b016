#!/usr/bin/env node
// A worker to control: worker.mjs SESSION. In browsers, and in Node 22, WebSocket is there already;
// before that the package `ws` is needed. Tells its progress on the topic progress.SESSION, obeys
// what `ringcast control SESSION …` says.
import { createRequire } from 'node:module';

const WebSocket = globalThis.WebSocket ?? createRequire(import.meta.url)('ws');
const server = (process.env.RINGCAST_URL ?? 'http://127.0.0.1:8080').replace(/^http/, 'ws');
const session = process.argv[2];
const statuses = {
  pause: 'paused', resume: 'resumed', cancel: 'cancelled',
  adjust_parameters: 'parameters_updated', adjust_quality_threshold: 'threshold_updated',
};
let running = true;
let step = 0;

const topic = encodeURIComponent(`control.${session}`);
const socket = new WebSocket(`${server}/ws?types=command&topic=${topic}`);
const publish = (topic, event, data) =>
  socket.send(JSON.stringify({ type: 'publish', topic, event, data }));

socket.onopen = () => setInterval(() => {
  if (running && step < 100) publish(`progress.${session}`, 'step_progress', { percent: ++step });
}, 1000);
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.event !== 'command') return; // answers to what we publish
  const command = JSON.parse(message.data);
  const status = statuses[command.action] ?? 'unknown_action';
  publish(`control.${session}`, 'reply', { ref: command.ref, status });
  console.log(message.data, status);
  if (status === 'paused' || status === 'resumed') running = status === 'resumed';
  if (status === 'cancelled') socket.close();
};
socket.onclose = () => process.exit();

// The page at `/`: topics on the left, live events on the right, moving plots above.
// Everything that comes from the server is shown through textContent, never parsed as HTML.
'use strict';

const kMaxRows = 500;        // events kept and shown
const kMaxTopicRows = 200;   // topics listed
const kMaxDataChars = 4000;  // shown of one event
const kPlotSamples = 120;    // one a second: two minutes
const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// A key or token, kept for this tab alone. Without one that counts nothing is asked again, so that
// a page left open does not use up the attempts that its address has.
let token = sessionStorage.getItem('token') ?? '';
let locked = false;

async function ask(url, options = {}) {
  const headers = {...options.headers};
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(url, {cache: 'no-store', ...options, headers});
  if (response.status === 401) {
    locked = true;
    byId('topic-note').textContent = 'This server wants a key or token.';
  }
  // Where everybody may do something, a token may do more.
  if (response.status === 401 || (response.status === 403 && !token)) {
    byId('sign-in').hidden = false;
    byId('sign-in-problem').textContent = token ? await errorMessage(response.clone()) : '';
  }
  return response;
}

// An SSE client over fetch. EventSource only delivers types it was told of beforehand and hides the
// `topic:` line; a page that shows whatever is published needs both. Resumes after the last id.
class EventStream {
  constructor(url, on_event, on_state) {
    Object.assign(this, {url, on_event, on_state, last_id: '', retry_ms: 2000});
    this.block = {data: []};
    this.abort = null;
    this.timer = 0;
    this.connect();
  }

  async connect() {
    const abort = this.abort = new AbortController();
    this.on_state('connecting', this.last_id ? 'reconnecting' : 'connecting');
    try {
      const headers = {Accept: 'text/event-stream'};
      if (this.last_id) headers['Last-Event-ID'] = this.last_id;
      const response = await ask(this.url, {headers, signal: abort.signal});
      if (!response.ok) {
        const message = await errorMessage(response);
        // What the server refuses it will refuse again.
        if (response.status < 500) return this.on_state('failed', message);
        throw new Error(message);
      }
      this.on_state('open', 'live');
      await this.read(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch (error) {
      if (abort.signal.aborted) return;
    }
    if (abort.signal.aborted) return;
    this.on_state('connecting', `reconnecting in ${(this.retry_ms / 1000).toFixed(1)} s`);
    this.timer = setTimeout(() => this.connect(), this.retry_ms);
  }

  async read(reader) {
    this.block = {data: []};  // a block cut off by the end of a connection does not count
    let rest = '';
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) this.line(line);
    }
  }

  line(line) {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.block.data.push(value);
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry_ms = Number(value);
    else if (name === 'id' || name === 'event' || name === 'topic') this.block[name] = value;
  }

  dispatch() {
    const {id, event, topic, data} = this.block;
    this.block = {data: []};
    if (id !== undefined) this.last_id = id;
    if (!data.length) return;
    const type = event || 'message';
    this.on_event({id, topic, type, data: data.join('\n'), time: new Date()});
  }

  close() {
    clearTimeout(this.timer);
    if (this.abort) this.abort.abort();
  }
}

async function errorMessage(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

// --- Live events ---------------------------------------------------------------------------------
const watched = new Set();
const types_seen = new Set();
let events = [];       // newest last, at most kMaxRows
let unseen = 0;        // came in while paused
let paused = false;
let stream = null;
let fresh = [];        // to be drawn with the next frame
let frame = 0;

const shownTypes = () => byId('types').value.split(',').map((s) => s.trim()).filter(Boolean);

function eventRow(event) {
  const row = element('li', event.type === 'gap' ? 'gap' : '');
  row.append(element('time', '', event.time.toTimeString().slice(0, 8)),
             element('span', 'type', event.type), element('span', 'topic', event.topic ?? ''),
             element('span', 'id', event.id ?? ''));
  const cut = event.data.length - kMaxDataChars;
  const data = cut > 0 ? `${event.data.slice(0, kMaxDataChars)}… ${cut} more` : event.data;
  row.append(element('pre', '', data));
  return row;
}

function drawEvents() {
  frame = 0;
  const list = byId('events');
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const types = shownTypes();
  const wanted = (event) => !types.length || types.includes(event.type);
  const rows = fresh.slice(-kMaxRows).filter(wanted);
  fresh = [];
  list.append(...rows.map(eventRow));
  while (list.childElementCount > kMaxRows) list.firstElementChild.remove();
  if (follow) list.scrollTop = list.scrollHeight;
}

function redrawEvents() {
  byId('events').replaceChildren();
  fresh = events.slice();
  drawEvents();
}

function onEvent(event) {
  events.push(event);
  if (events.length > 2 * kMaxRows) events = events.slice(-kMaxRows);
  if (!types_seen.has(event.type) && types_seen.size < 100) {
    types_seen.add(event.type);
    const option = element('option');
    option.value = event.type;
    byId('type-names').append(option);
  }
  if (paused) {
    byId('pause').textContent = `Resume (${++unseen} new)`;
    return;
  }
  fresh.push(event);
  if (fresh.length > 2 * kMaxRows) fresh = fresh.slice(-kMaxRows);
  if (!frame) frame = requestAnimationFrame(drawEvents);
}

function setState(state, text) {
  byId('state').dataset.state = state;
  byId('state').textContent = text;
}

function openStream() {
  if (stream) stream.close();
  stream = null;
  if (!watched.size) return setState('idle', 'no topic chosen');
  const query = new URLSearchParams([...watched].map((topic) => ['topic', topic]));
  query.set('from', byId('history').checked ? 'earliest' : 'latest');
  stream = new EventStream(`/events?${query}`, onEvent, setState);
}

function clearEvents() {
  events = [];
  fresh = [];
  unseen = 0;
  if (paused) byId('pause').textContent = 'Resume';
  byId('events').replaceChildren();
}

function watch(topic) {
  if (!watched.delete(topic)) watched.add(topic);
  byId('watched').replaceChildren(...[...watched].map((name) => {
    const button = element('button', '', `${name} ×`);
    button.setAttribute('aria-label', `Stop watching ${name}`);
    button.addEventListener('click', () => watch(name));
    return button;
  }));
  for (const [name, row] of topic_rows) {
    row.button.setAttribute('aria-pressed', String(watched.has(name)));
  }
  clearEvents();
  openStream();
}

// --- Topics --------------------------------------------------------------------------------------
const topic_rows = new Map();
const plural = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

function topicRow(name) {
  const row = {item: element('li'), button: element('button'), figures: element('small')};
  row.option = element('option');
  row.option.value = name;
  row.button.setAttribute('aria-pressed', String(watched.has(name)));
  row.button.append(element('b', '', name), row.figures);
  row.button.addEventListener('click', () => watch(name));
  row.item.append(row.button);
  byId('topic-list').append(row.item);
  byId('topic-names').append(row.option);
  topic_rows.set(name, row);
  return row;
}

function showTopics(topics) {
  const shown = new Set();
  topics.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  for (const {topic, events: count, subscribers, last_id} of topics.slice(0, kMaxTopicRows)) {
    shown.add(topic);
    const row = topic_rows.get(topic) ?? topicRow(topic);
    const figures = [plural(count, 'event'), plural(subscribers, 'subscriber'), last_id];
    row.figures.textContent = figures.filter(Boolean).join(' · ');
  }
  for (const [name, row] of topic_rows) {
    if (shown.has(name)) continue;
    row.item.remove();
    row.option.remove();
    topic_rows.delete(name);
  }
  byId('topic-count').textContent = topics.length ? `(${topics.length})` : '';
  const left_out = topics.length - shown.size;
  const note = left_out > 0 ? `${left_out} more are not listed.`
                            : 'Nothing has been published yet. Use the form below the events.';
  byId('topic-note').hidden = topics.length > 0 && left_out <= 0;
  byId('topic-note').textContent = note;
}

async function refreshTopics() {
  if (document.hidden || locked) return;
  try {
    const response = await ask('/api/topics', {signal: AbortSignal.timeout(5000)});
    if (response.ok) showTopics((await response.json()).topics);
  } catch {
    byId('topic-count').textContent = '(server not reachable)';
  }
}

// --- Plots ---------------------------------------------------------------------------------------
function bytes(n) {
  if (n >= 2 ** 30) return `${(n / 2 ** 30).toFixed(2)} GiB`;
  return n >= 2 ** 20 ? `${(n / 2 ** 20).toFixed(1)} MiB` : `${(n / 1024).toFixed(1)} KiB`;
}
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
const count = (n) => compact.format(n);

class Plot {
  constructor(name, format, max) {
    const figure = document.querySelector(`[data-plot="${name}"]`);
    Object.assign(this, {format, max, samples: [], canvas: figure.querySelector('canvas')});
    this.output = figure.querySelector('output');
    this.title = figure.querySelector('figcaption').firstChild.textContent.trim();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  add(value, max) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return;
    if (typeof max === 'number') this.max = max;
    this.samples.push(value);
    if (this.samples.length > kPlotSamples) this.samples.shift();
    this.output.textContent = this.format(value);
    this.canvas.setAttribute('aria-label', `${this.title}: now ${this.format(value)}`);
    this.draw();
  }

  draw() {
    const {canvas, samples} = this;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (!samples.length) return;
    const style = getComputedStyle(document.documentElement);
    const context = canvas.getContext('2d');
    const top = this.max ?? Math.max(1, ...samples) * 1.15;
    const x = (i) => width - 3 - (samples.length - 1 - i) * ((width - 3) / (kPlotSamples - 1));
    const y = (value) => height - 1 - Math.min(value / top, 1) * (height - 4);
    context.scale(ratio, ratio);
    context.strokeStyle = style.getPropertyValue('--line');
    for (const part of [0, 0.5, 1]) {
      context.strokeRect(0, Math.round(y(top * part)) + 0.5, width, 0);
    }
    context.beginPath();
    samples.forEach((value, i) => context.lineTo(x(i), y(value)));
    context.strokeStyle = context.fillStyle = style.getPropertyValue('--accent');
    context.lineWidth = 1.6;
    context.lineJoin = 'round';
    context.stroke();
    context.lineTo(x(samples.length - 1), height);
    context.lineTo(x(0), height);
    context.globalAlpha = 0.13;
    context.fill();
    context.globalAlpha = 1;
    context.beginPath();
    context.arc(x(samples.length - 1), y(samples.at(-1)), 2.6, 0, 2 * Math.PI);
    context.fill();
  }
}

const plots = {
  cpu: new Plot('cpu', (n) => `${n.toFixed(0)} %`, 100),
  memory: new Plot('memory', bytes),
  events: new Plot('events', count),
  deliveries: new Plot('deliveries', count),
};

function onFigures(type, text) {
  let figures;
  try {
    figures = JSON.parse(text);
  } catch {
    return;  // anybody may publish to the topic; what is not JSON is not for the plots
  }
  if (figures === null || typeof figures !== 'object') return;
  if (type === 'machine') {
    plots.cpu.add(figures.cpu_percent);
    plots.memory.add(figures.memory_used_bytes, figures.memory_total_bytes);
    return;
  }
  plots.events.add(figures.events_per_s);
  plots.deliveries.add(figures.deliveries_per_s);
  const known = {
    connections: (n) => plural(n, 'connection'),
    subscribers: (n) => plural(n, 'subscriber'),
    log_bytes: (n) => `${bytes(n)} history`,
    rss_bytes: (n) => `${bytes(n)} resident`,
    cpu_percent: (n) => `${n.toFixed(1)} % server CPU`,
  };
  byId('figures').textContent = Object.keys(known).filter((key) => Number.isFinite(figures[key]))
      .map((key) => known[key](figures[key])).join(' · ');
}

let figures_stream = null;
function openFigures() {
  if (figures_stream) figures_stream.close();
  const on_event = ({type, data}) => onFigures(type, data);
  const on_state = (state) => {
    // Full, say: it is tried again, unless it is for want of a token.
    if (state !== 'failed' || locked || document.hidden) return;
    setTimeout(() => locked || document.hidden || openFigures(), 5000);
  };
  figures_stream = new EventStream('/api/stream/metrics?from=earliest', on_event, on_state);
}

// --- Publish -------------------------------------------------------------------------------------
async function publish(form) {
  const output = byId('published');
  const {topic, event, data} = Object.fromEntries(new FormData(form));
  const query = event ? `?${new URLSearchParams({event})}` : '';
  const headers = {'Content-Type': 'text/plain; charset=utf-8'};
  try {
    const url = `/api/events/${encodeURIComponent(topic)}${query}`;
    const response = await ask(url, {method: 'POST', body: data, headers});
    output.className = response.ok ? '' : 'bad';
    output.textContent = response.ok ? `Published as ${(await response.json()).id}`
                                     : await errorMessage(response);
  } catch {
    output.className = 'bad';
    output.textContent = 'The server cannot be reached.';
  }
  refreshTopics();
}

// --- Wiring --------------------------------------------------------------------------------------
byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value.trim();
  byId('token').value = '';
  sessionStorage.setItem('token', token);
  locked = false;
  byId('sign-in').hidden = true;
  openFigures();
  openStream();
  refreshTopics();
});
byId('publish').addEventListener('submit', (event) => {
  event.preventDefault();
  publish(event.target);
});
byId('publish').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.currentTarget.requestSubmit();
});
byId('add-topic').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = byId('topic-name').value.trim();
  byId('topic-name').value = '';
  if (name && !watched.has(name)) watch(name);
});
byId('pause').addEventListener('click', () => {
  paused = !paused;
  unseen = 0;
  byId('pause').setAttribute('aria-pressed', String(paused));
  byId('pause').textContent = paused ? 'Resume' : 'Pause';
  if (!paused) redrawEvents();
});
byId('clear').addEventListener('click', clearEvents);
byId('types').addEventListener('input', redrawEvents);
byId('history').addEventListener('change', () => {
  clearEvents();
  openStream();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const plot of Object.values(plots)) plot.draw();
});
// Browsers allow six connections to a server over all tabs. A hidden tab gives its two back and
// resumes after its last id when it is looked at again, so nothing is missed meanwhile.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    figures_stream.close();
    if (stream) stream.close();
    return;
  }
  for (const plot of Object.values(plots)) plot.samples = [];
  if (locked) return;
  openFigures();
  if (stream) stream.connect();
  refreshTopics();
});

openFigures();
refreshTopics();
setInterval(refreshTopics, 2000);

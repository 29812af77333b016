// The official TypeScript clients, each using every feature of example_mcp_everything:
//   node mcp_client.mjs '{"modules":DIR,"sdk":"v1"|"v2","era":"legacy"|"modern","transport":…,"url":…}'
// Prints a line of JSON for each feature: {"feature", "error"?}. Run by test_mcp_clients.py.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const { modules, sdk, era, transport, url, command } = JSON.parse(process.argv[2]);
const load = (path) => import(pathToFileURL(`${modules}/@modelcontextprotocol/${path}`));
const modern = era === 'modern';

const capabilities = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
};
const asked = {
  'sampling/createMessage': async () => ({
    role: 'assistant',
    model: 'test',
    content: { type: 'text', text: 'Paris' },
  }),
  'elicitation/create': async (request) =>
    request.params.mode === 'url'
      ? { action: 'accept' }
      : { action: 'accept', content: { username: 'ada', email: 'ada@example.com', name: 'Ada' } },
  'roots/list': async () => ({ roots: [{ uri: 'file:///home', name: 'home' }] }),
};
const info = { name: 'test', version: '1.0' };

async function clientV1() {
  const { Client } = await load('sdk/dist/esm/client/index.js');
  const types = await load('sdk/dist/esm/types.js');
  const client = new Client(info, { capabilities });
  client.setRequestHandler(types.CreateMessageRequestSchema, asked['sampling/createMessage']);
  client.setRequestHandler(types.ElicitRequestSchema, asked['elicitation/create']);
  client.setRequestHandler(types.ListRootsRequestSchema, asked['roots/list']);
  return client;
}

async function clientV2() {
  const { Client } = await load('client/dist/index.mjs');
  const versionNegotiation = modern ? { mode: { pin: '2026-07-28' } } : undefined;
  const client = new Client(info, { capabilities, versionNegotiation });
  for (const method of Object.keys(asked)) client.setRequestHandler(method, asked[method]);
  return client;
}

async function openTransport() {
  const target = url && new URL(url);
  if (sdk === 'v2') {
    const all = await load('client/dist/index.mjs');
    if (transport === 'http') return new all.StreamableHTTPClientTransport(target);
    if (transport === 'sse') return new all.SSEClientTransport(target);
    const { StdioClientTransport } = await load('client/dist/stdio.mjs');
    return new StdioClientTransport({ command: command[0], args: command.slice(1) });
  }
  const from = (name) => load(`sdk/dist/esm/client/${name}.js`);
  if (transport === 'http') {
    return new (await from('streamableHttp')).StreamableHTTPClientTransport(target);
  }
  if (transport === 'sse') return new (await from('sse')).SSEClientTransport(target);
  if (transport === 'websocket') {
    return new (await from('websocket')).WebSocketClientTransport(target);
  }
  const { StdioClientTransport } = await from('stdio');
  return new StdioClientTransport({ command: command[0], args: command.slice(1) });
}

const client = sdk === 'v1' ? await clientV1() : await clientV2();
const notices = [];
client.fallbackNotificationHandler = async (notice) => void notices.push(notice);
client.onerror = () => {};

const call = (name, args = {}, options = undefined) =>
  sdk === 'v1'
    ? client.callTool({ name, arguments: args }, undefined, options)
    : client.callTool({ name, arguments: args }, options);
const textOf = (result) => result.content[0].text;
async function until(condition, what) {
  for (let n = 0; n < 400; ++n) {
    const value = condition();
    if (value) return value;
    await new Promise((resume) => setTimeout(resume, 25));
  }
  throw new Error(`waited for ${what}`);
}
const noticed = (method) =>
  until(() => notices.find((notice) => notice.method === method), method);

const features = {
  async greeting() {
    assert.equal(client.getServerVersion().name, 'everything');
    assert.ok(client.getServerCapabilities().tools.listChanged);
    assert.ok(client.getInstructions().length > 0);
    if (!modern) await client.ping();
  },
  async tools() {
    const { tools } = await client.listTools();
    assert.ok(tools.length > 30);
    assert.ok(tools.every((tool) => tool.inputSchema.type === 'object' && tool.description));
    assert.equal(textOf(await call('echo', { text: 'é𝄞\n' })), 'é𝄞\n');
    assert.equal((await call('test_image_content')).content[0].mimeType, 'image/png');
    assert.equal((await call('test_audio_content')).content[0].type, 'audio');
    assert.equal((await call('test_embedded_resource')).content[0].type, 'resource');
    assert.equal((await call('test_resource_link')).content[0].type, 'resource_link');
    assert.equal((await call('test_multiple_content_types')).content.length, 3);
    assert.ok((await call('test_error_handling')).isError);
    await assert.rejects(call('no_such_tool'), (error) => error.code === -32602);
  },
  async structured() {
    assert.deepEqual((await call('sum', { a: 1, b: 2.5 })).structuredContent, { sum: 3.5 });
    assert.ok((await call('sum', { a: 'x' })).isError);
  },
  async progress() {
    const seen = [];
    const onprogress = (progress) => seen.push([progress.progress, progress.total]);
    await call('test_tool_with_progress', {}, { onprogress });
    assert.deepEqual(seen, [[0, 100], [50, 100], [100, 100]]);
    seen.length = 0;
    assert.equal(textOf(await call('count', { to: 500 }, { onprogress })), 'counted to 500');
    // Over other transports it drops progress that comes in one packet with the response.
    if (transport === 'http') assert.equal(seen.length, 500);
  },
  async cancellation() {
    const before = (await call('waited')).structuredContent;
    const stop = new AbortController();
    const waiting = call('wait', { ms: 60000 }, { signal: stop.signal });
    waiting.catch(() => {});
    let now = before;
    for (let n = 0; n < 200 && now.running <= before.running; ++n) {
      now = (await call('waited')).structuredContent;
    }
    assert.ok(now.running > before.running);
    stop.abort('enough');
    await assert.rejects(waiting);
    for (let n = 0; n < 200 && now.cancelled <= before.cancelled; ++n) {
      now = (await call('waited')).structuredContent;
    }
    assert.equal(now.cancelled, before.cancelled + 1);
  },
  async prompts() {
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.some((prompt) => prompt.arguments?.length === 2));
    const args = { arg1: 'a', arg2: 'b' };
    const got = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: args });
    assert.equal(got.messages[0].content.text, "Prompt with arguments: arg1='a', arg2='b'");
    const two = await client.getPrompt({ name: 'test_dialogue' });
    assert.deepEqual(two.messages.map((message) => message.role), ['user', 'assistant']);
    await assert.rejects(client.getPrompt({ name: 'no_such' }), (error) => error.code === -32602);
  },
  async resources() {
    const { resources } = await client.listResources();
    assert.equal(resources.length, 3);
    const { resourceTemplates } = await client.listResourceTemplates();
    assert.equal(resourceTemplates[0].uriTemplate, 'test://template/{id}/data');
    const text = await client.readResource({ uri: 'test://static-text' });
    assert.ok(text.contents[0].text.startsWith('This is'));
    const binary = await client.readResource({ uri: 'test://static-binary' });
    assert.ok(Buffer.from(binary.contents[0].blob, 'base64').length > 50);
    const made = await client.readResource({ uri: 'test://template/a%20b/data' });
    assert.equal(JSON.parse(made.contents[0].text).id, 'a b');
    await assert.rejects(client.readResource({ uri: 'test://none' }));
  },
  async completion() {
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
    const found = await client.complete({ ref, argument: { name: 'arg1', value: 'Pa' } });
    assert.deepEqual(found.completion.values, ['Paris', 'Parma', 'Palermo']);
  },
  async notices() {
    const uri = 'test://watched-resource';
    const filter = {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: [uri],
    };
    const listening = modern ? await client.listen(filter) : null;
    if (!modern) await client.subscribeResource({ uri });
    const changes = {
      test_trigger_tool_change: 'notifications/tools/list_changed',
      test_trigger_prompt_change: 'notifications/prompts/list_changed',
      test_trigger_resources_change: 'notifications/resources/list_changed',
      test_trigger_resource_change: 'notifications/resources/updated',
    };
    for (const [tool, method] of Object.entries(changes)) {
      await call(tool);
      const notice = await noticed(method);
      if (tool === 'test_trigger_resource_change') assert.equal(notice.params.uri, uri);
    }
    if (listening) await listening.close();
    else await client.unsubscribeResource({ uri });
  },
  async logging() {
    if (!modern) {
      await client.setLoggingLevel('info');
      await call('test_tool_with_logging');
    } else {
      const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
      await client.callTool({ name: 'test_logging_tool', arguments: {}, _meta: meta });
    }
    const said = (notice) => notice.params?.data === 'Tool execution completed';
    await until(() => notices.some(said), 'log messages');
  },
  async sampling() {
    const name = modern ? 'test_input_required_result_sampling' : 'test_sampling';
    assert.ok(textOf(await call(name, { prompt: 'Capital?' })).includes('Paris'));
  },
  async elicitation() {
    assert.ok(textOf(await call('test_elicitation', { message: 'Who?' })).includes('"ada"'));
    assert.ok(textOf(await call('test_elicitation_url')).includes('accept'));
    const greeted = await call('test_input_required_result_elicitation');
    assert.equal(textOf(greeted), 'Hello, Ada!');
  },
  async roots() {
    assert.ok(textOf(await call('test_roots')).includes('file:///home'));
    if (!modern) await client.sendRootsListChanged();
    assert.ok(textOf(await call('test_input_required_result_multiple_inputs')).includes('Paris'));
  },
  async tasks() {
    if (sdk === 'v1') await tasksV1();
    else if (!modern || url) await tasksV2();  // else there is no way past the client
  },
  async many() {
    const numbers = Array.from({ length: 200 }, (_, n) => String(n));
    const texts = await Promise.all(numbers.map((text) => call('echo', { text })));
    assert.deepEqual(texts.map(textOf), numbers);
  },
};

async function tasksV1() {
  const params = { name: 'slow_compute', arguments: { seconds: 0.2, label: 'it' } };
  const tasks = client.experimental.tasks;
  const seen = [];
  for await (const message of tasks.callToolStream(params, undefined, { task: { ttl: 60000 } })) {
    seen.push(message.type);
    if (message.type === 'error') throw message.error;
    if (message.type === 'result') assert.equal(textOf(message.result), 'it is computed.');
  }
  assert.equal(seen[0], 'taskCreated');
  assert.equal(seen.at(-1), 'result');
  const asking = { name: 'confirm_delete', arguments: { filename: 'f.txt' } };
  for await (const message of tasks.callToolStream(asking, undefined, { task: {} })) {
    if (message.type === 'error') throw message.error;
    if (message.type === 'result') assert.match(textOf(message.result), /^f.txt is (deleted|kept)/);
  }
  assert.ok((await tasks.listTasks()).tasks.some((task) => task.status === 'completed'));
  let id = null;
  const slow = { name: 'slow_compute', arguments: { seconds: 60 } };
  for await (const message of tasks.callToolStream(slow, undefined, { task: {} })) {
    if (message.type !== 'taskCreated') continue;
    id = message.task.taskId;
    assert.equal((await tasks.cancelTask(id)).status, 'cancelled');
    break;
  }
  assert.equal((await tasks.getTask(id)).status, 'cancelled');
}

// The client itself does not let requests about tasks through; the package for them takes this.
let lastId = 0;
async function postByHand(request) {
  const { method, params } = request;
  const headers = {
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': method,
  };
  const name = params.name ?? params.taskId;
  if (name) headers['Mcp-Name'] = name;
  const body = JSON.stringify({ jsonrpc: '2.0', id: `task-${++lastId}`, ...request });
  const response = await fetch(url, { method: 'POST', headers, body });
  return await response.json();
}

async function tasksV2() {
  const { createTaskSessionFromClient, resultFromTaskOutcome } = await load(
    'ext-tasks/dist/client/index.js',
  );
  const options = { endpointId: 'everything' };
  if (modern) {
    const clientCapabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
    options.v2RequestFraming = { protocolVersion: '2026-07-28', clientInfo: info, clientCapabilities };
    options.rawDispatch = postByHand;
  }
  const session = createTaskSessionFromClient(client, options);
  try {
    const execution = await session.callTool('slow_compute', { seconds: 0.2, label: 'it' });
    const { outcome } = await execution.settle();
    assert.equal(textOf(resultFromTaskOutcome(outcome)), 'it is computed.');
  } finally {
    await session.close();
  }
}

function report(feature, error) {
  const line = error ? { feature, error: String(error.stack ?? error) } : { feature };
  console.log(JSON.stringify(line));
}

try {
  await client.connect(await openTransport());
  report('connect');
} catch (error) {
  report('connect', error);
  process.exit(0);
}
for (const [feature, run] of Object.entries(features)) {
  try {
    await run();
    report(feature);
  } catch (error) {
    report(feature, error);
  }
}
try {
  await client.transport.terminateSession?.();
  await client.close();
  report('close');
} catch (error) {
  report('close', error);
}
process.exit(0);

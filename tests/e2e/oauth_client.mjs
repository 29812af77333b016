// The official TypeScript client with a client's secret and nothing else:
//   node oauth_client.mjs NODE_MODULES URL
// Prints the names of the tools that it gets to. Run by test_mcp_authorization.py.
import { pathToFileURL } from 'node:url';

const [modules, url] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${modules}/@modelcontextprotocol/sdk/dist/esm/${path}`));
const { Client } = await load('client/index.js');
const { StreamableHTTPClientTransport } = await load('client/streamableHttp.js');
const { ClientCredentialsProvider } = await load('client/auth-extensions.js');

const authProvider = new ClientCredentialsProvider({ clientId: 'me', clientSecret: 'secret' });
const client = new Client({ name: 'test', version: '1.0' });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
const { tools } = await client.listTools();
console.log(JSON.stringify(tools.map((tool) => tool.name)));
await client.close();

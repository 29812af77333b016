// The TypeScript SDK of MCP with one tool, `echo`, stateless, the way its users write it.
// Usage: node mcp_sdk_server.mjs PORT, where the packages of package.json are installed.
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'echo', version: '1.0' });
  server.registerTool(
    'echo',
    { description: 'Gives back its text.', inputSchema: z.object({ text: z.string() }) },
    async ({ text }) => ({ content: [{ type: 'text', text }] }),
  );
  return server;
});

const server = createServer(toNodeHandler(handler));
server.keepAliveTimeout = 3600_000;
server.listen({ port: Number(process.argv[2] ?? 8084), host: '127.0.0.1', backlog: 4096 });

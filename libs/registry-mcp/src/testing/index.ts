export { FakeMcp } from './fake-mcp.ts';
export { serviceEntry } from './mcp-resource.ts';

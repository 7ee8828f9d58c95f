import { describeFaultTable } from '@isthmus/registry/testing';
import { bridgeBackend } from './testing/bridge-backend.ts';
import { MCP_FAULTS, mcpHarness } from './testing/harness.ts';

// The server is the one that bridges run.
describeFaultTable('the MCP server of a bridge', async () => mcpHarness(await bridgeBackend()), MCP_FAULTS, { row: 'mcp' });

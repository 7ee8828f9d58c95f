import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';

export const TARGETS = 500;
export const ENDPOINTS = 20;
/** At `sdk` and at `traffic`, in gRPC; at `resilience`, for breakers. */
export const DIRECT = 'direct.mesh';
export const MOVED = 'orders.mesh';
export const HANDED = 'handed.mesh';
export const AGENT = join(import.meta.dirname, '../../../dist/packages/agent/agent/src');
export const REGISTER = join(AGENT, 'register.js');

/** Of many targets whose calls are all the sidecar's, none of which is called, and of those that are given. */
export async function writePlan(file: string, more: readonly AgentTarget[] = []): Promise<void> {
  const targets = Array.from({ length: TARGETS }, (_, at): AgentTarget => {
    const network = `10.${Math.floor(at / 250)}.${at % 250}`;
    const addresses = Array.from({ length: ENDPOINTS }, (_unused, endpoint) => `${network}.${endpoint + 1}:8080`);
    return { host: `service-${at}.default-group.public.nacos`, rung: 'traffic', addresses };
  });
  const plan: AgentPlan = { schema: 1, version: 'bench', targets: [...targets, ...more] };
  await writeFile(file, JSON.stringify(plan));
}

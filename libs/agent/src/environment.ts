import { isAbsolute } from 'node:path';
import { readControl } from './control/control-environment.ts';
import type { ControlOptions } from './control/follow-control.ts';
import { readProvider } from './provider/provider-environment.ts';
import type { ProviderEnvironment } from './provider/provider-environment.ts';
import type { Place, SidecarPlaces } from './sidecar-probe.ts';

export interface AgentEnvironment {
  /** The plan as a file; with one the control plane is not asked. */
  readonly planFile?: string;
  /** The control plane; without one and without a file the agent does nothing. */
  readonly control?: ControlOptions;
  readonly places: SidecarPlaces;
  /** `ISTHMUS_ZONE`, `region/zone` of this process. */
  readonly zone?: string;
  /** `ISTHMUS_INTERCEPT=off`: only what the application wraps itself follows the plan. */
  readonly intercept: boolean;
  readonly provider: ProviderEnvironment;
  /** `ISTHMUS_AGENT_LINK`, absolute: a link to the package's folder; when it leads elsewhere that version takes over. */
  readonly link?: string;
}

const DEFAULT_EGRESS: Place = { host: '127.0.0.1', port: 15_004 };

/**
 * @returns undefined without `ISTHMUS_PLAN_FILE` and `ISTHMUS_CONTROL`: nothing is asked of the agent
 * @throws {Error} for a value that cannot be meant
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): AgentEnvironment | undefined {
  const planFile = env['ISTHMUS_PLAN_FILE'] ?? '';
  const control = planFile === '' ? readControl(env) : undefined;
  if (planFile === '' && control === undefined) return undefined;
  const readyUrl = urlOf('ISTHMUS_SIDECAR_READY', env['ISTHMUS_SIDECAR_READY']);
  const adminUrl = urlOf('ISTHMUS_SIDECAR_ADMIN', env['ISTHMUS_SIDECAR_ADMIN'])?.replace(/\/$/, '');
  const link = env['ISTHMUS_AGENT_LINK'] ?? '';
  if (link !== '' && !isAbsolute(link)) throw new Error(`ISTHMUS_AGENT_LINK is no absolute path: ${link}`);
  const zone = env['ISTHMUS_ZONE']?.trim() ?? '';
  return {
    ...(planFile === '' ? {} : { planFile }),
    ...(control === undefined ? {} : { control }),
    intercept: interceptOf(env['ISTHMUS_INTERCEPT']),
    provider: readProvider(env),
    ...(zone === '' ? {} : { zone }),
    ...(link === '' ? {} : { link }),
    places: {
      egress: placeOf(env['ISTHMUS_EGRESS']),
      ...(readyUrl === undefined ? {} : { readyUrl }),
      ...(adminUrl === undefined ? {} : { adminUrl }),
    },
  };
}

function interceptOf(text: string | undefined): boolean {
  if (text === undefined || text === '' || text === 'on') return true;
  if (text === 'off') return false;
  throw new Error(`ISTHMUS_INTERCEPT is neither on nor off: ${text}`);
}

function placeOf(text: string | undefined): Place {
  if (text === undefined || text === '') return DEFAULT_EGRESS;
  const [, host = '', port = ''] = /^(?:http:\/\/)?([^\s:/]+|\[[0-9a-f:]+\]):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) throw new Error(`ISTHMUS_EGRESS is no HOST:PORT: ${text}`);
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function urlOf(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^http:\/\/[^\s/]+/.test(text)) throw new Error(`${name} is no http:// address: ${text}`);
  return text;
}

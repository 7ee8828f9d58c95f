import { connect } from 'node:net';
import { configError, formatListen, loadConfig } from '@isthmus/config';
import { messageOf, systemClock } from '@isthmus/model';
import type { Finding } from '@isthmus/registry';
import { stringify } from 'yaml';
import { examineCluster, examineFiles } from './doctor-outputs.ts';
import { examineLedger } from './doctor-ledger.ts';
import { examineIstio } from './doctor-istio.ts';
import { examineIstiod } from './doctor-istiod.ts';
import { examinePolicies } from './doctor-policies.ts';
import type { DoctorFormat } from './doctor-formats.ts';
import { survey } from './doctor-survey.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { sharedStore } from './engine/open-ledger.ts';
import { registryKinds } from './registries.ts';

interface Report {
  readonly part: string;
  readonly findings: readonly Finding[];
}

const WITHIN_MS = 15_000;
/** All registries are read at once; what is not read by then is named. */
const SURVEY_MS = 10_000;
const SIGNS = { ok: '✔', warning: '!', error: '✘' } as const;

/** `isthmus doctor`: can every source and output be reached, with enough rights. 0: fine, 1: it found something. */
export async function doctor(file: string, format: DoctorFormat): Promise<number> {
  const loaded = await loadConfig(file, { kinds: registryKinds });
  if (!loaded.ok) throw configError(loaded.problems);
  const { config } = loaded;
  // Deadlines and pauses keep no process alive by themselves, and doctor waits for little else.
  const alive = setInterval(() => undefined, 60_000);
  const reports = await examineAll(config).finally(() => clearInterval(alive));
  if (format === 'json') process.stdout.write(`${JSON.stringify({ items: reports }, null, 2)}\n`);
  else if (format === 'yaml') process.stdout.write(stringify({ items: reports }, { lineWidth: 0 }));
  else for (const report of reports) print(report);
  return reports.some((r) => r.findings.some((f) => f.level === 'error')) ? 1 : 0;
}

async function examineAll(config: BridgeConfig): Promise<readonly Report[]> {
  const registries = await Promise.all(config.registries.map((entry) => examine(config, entry)));
  const shared = await sharedLedger(config);
  const out = await outputs(config);
  const rules = await examineIstio(config, AbortSignal.timeout(WITHIN_MS));
  const kept = await examinePolicies(config, AbortSignal.timeout(WITHIN_MS));
  const { published, written } = await survey(config, SURVEY_MS);
  return [
    ...registries,
    ...shared,
    out,
    ...(rules.length === 0 ? [] : [{ part: 'traffic rules', findings: rules }]),
    ...(kept.length === 0 ? [] : [{ part: 'policies that registries keep', findings: kept }]),
    { part: 'what would be published', findings: published },
    ...(written.length === 0 ? [] : [{ part: 'what would be written into registries', findings: written }]),
  ];
}

async function examine(config: BridgeConfig, entry: BridgeConfig['registries'][number]): Promise<Report> {
  const deps = { clock: systemClock, random: Math.random, baseDir: config.baseDir };
  const part = `${entry.kind.kind} ${entry.id}`;
  try {
    return { part, findings: await entry.kind.doctor(entry.id, entry.config, deps, AbortSignal.timeout(WITHIN_MS)) };
  } catch (error) {
    return {
      part,
      findings: [
        {
          level: 'error',
          what: messageOf(error),
          remedy: 'this is a bug of doctor: report it with the config, without its secrets',
        },
      ],
    };
  }
}

async function sharedLedger(config: BridgeConfig): Promise<readonly Report[]> {
  const store = sharedStore(config);
  if (store === undefined) return [];
  return [{ part: 'shared ledger', findings: await examineLedger(store, AbortSignal.timeout(WITHIN_MS)) }];
}

async function outputs(config: BridgeConfig): Promise<Report> {
  const findings: Finding[] = [];
  const { mcp, xds } = config.outputs;
  for (const [name, listener] of Object.entries({ mcp, xds, control: config.control })) {
    if (listener === undefined) continue;
    const at = formatListen(listener.listen);
    const taken = await answers(listener.listen.host, listener.listen.port);
    findings.push(
      taken
        ? { level: 'ok', what: `${name}: something listens on ${at} (a bridge that runs?)` }
        : { level: 'ok', what: `${name}: ${at} is free` },
    );
  }
  if (config.outputs.files !== undefined) findings.push(await examineFiles(config.outputs.files.dir));
  findings.push(...(await examineCluster(config, AbortSignal.timeout(WITHIN_MS))));
  findings.push(...(await examineIstiod(config, AbortSignal.timeout(WITHIN_MS))));
  return { part: 'outputs', findings };
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

function print(report: Report): void {
  process.stdout.write(`${report.part}\n`);
  for (const { level, what, remedy } of report.findings) {
    process.stdout.write(`  ${SIGNS[level]} ${what}\n`);
    if (remedy !== undefined && level !== 'ok') process.stdout.write(`      try: ${remedy}\n`);
  }
}

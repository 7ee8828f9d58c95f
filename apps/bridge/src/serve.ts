import { dirname, join } from 'node:path';
import { readFile } from 'node:fs/promises';
import type { Server as HttpsServer } from 'node:https';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { configError, formatListen, isLoopback, loadConfig, watchConfig } from '@isthmus/config';
import type { ListenerConfig } from '@isthmus/config';
import { IsthmusError, formatDiagnostic, messageOf } from '@isthmus/model';
import { MOST_PLAN_BYTES } from '@isthmus/plans';
import { AdsTransport } from '@isthmus/xds/nest';
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { Agents } from './agents/agents.ts';
import { lossyPolicies } from './agents/lifted-policies.ts';
import { openAgents } from './agents/open-agents.ts';
import { LONGEST_REPORT } from './agents/read-report.ts';
import { BridgeModule } from './bridge.module.ts';
import { AdminTokens } from './control/admin-token.ts';
import { apiDocument } from './control/api-document.ts';
import { LiveEvents, summariesOf } from './control/live-events.ts';
import { ProblemFilter, problemOf } from './control/problem.ts';
import { guardRequests } from './control/request-guard.ts';
import { Engine } from './engine/engine.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { Metrics } from './engine/metrics.ts';
import { openCluster } from './engine/object-outputs.ts';
import { openLedger } from './engine/open-ledger.ts';
import { renewCertificates } from './engine/renew-certificates.ts';
import type { CertifiedServer } from './engine/renew-certificates.ts';
import { StateLog } from './engine/state-log.ts';
import { XdsServers } from './engine/xds-servers.ts';
import { LONGEST_REGISTRATIONS } from './istio/registration/registration-report.ts';
import { REGISTRATIONS_PATH } from './istio/registration/shared-registrations.ts';
import { NestLog } from './nest-log.ts';
import { registryKinds } from './registries.ts';

/** A stuck socket must not keep the process: SIGTERM ends within this. */
const STOP_WITHIN_MS = 4_500;

/** Swagger's page has no viewport, so a phone draws it as a desktop's and shrinks it until nothing can be read. */
const PHONE_WIDTH =
  "document.head.append(Object.assign(document.createElement('meta'), { name: 'viewport', content: 'width=device-width, initial-scale=1' }))";

/** Runs the bridge until SIGTERM or SIGINT. Logs are JSON lines on stderr. */
export async function serve(file: string, dryRun = false): Promise<number> {
  const loaded = await loadConfig(file, { kinds: registryKinds });
  if (!loaded.ok) throw configError(loaded.problems);
  const { config } = loaded;
  const log = pino({ name: 'isthmus', level: process.env['ISTHMUS_LOG'] ?? 'info' }, pino.destination({ dest: 2, sync: true }));
  setLogVerbosity(logVerbosity.NONE); // it prints plain lines among ours; what matters comes back as an error
  const cluster = await openCluster(config);
  const ledger = await openLedger(config);
  const stopped = new AbortController();
  const agents = await openAgents(config, () => engine, stopped.signal);
  const engine: Engine = new Engine(config, ledger, {
    cluster,
    dryRun,
    touched: (hosts) => agents.touch(hosts),
    plans: {
      fleet: (book) => agents.follow(book),
      lossyOf: (target, migration) => lossyPolicies(agents, target, migration),
      log: (plan, entry) => log.info({ plan, ...entry }, `plan ${plan}: ${entry.what}: ${entry.why}`),
    },
    onFault: (fault, err) => log.error({ err, code: fault.code, where: fault.where }, formatDiagnostic(fault)),
    audit: (entry) =>
      log.warn(entry, `registry: ${entry.action} ${entry.address}:${entry.port} of ${entry.service}: ${entry.reason}`),
  });
  const states = new StateLog(log, () => engine.catalog.scopes());
  engine.onChange(() => states.wanted());
  try {
    const app = await startApp({ agents, engine, config, log, signal: stopped.signal });
    engine.start();
    agents.kept.follow(config, stopped.signal);
    await watchConfig(config.file, {
      kinds: registryKinds,
      signal: stopped.signal,
      onGood: (next) => {
        void engine.reconfigure(next).then((isInForce) => {
          if (!isInForce) return;
          agents.kept.follow(next, stopped.signal);
          app.get(XdsServers).configure(next);
          log.info({ file: next.file }, 'the config changed and is in force');
        });
      },
      onBad: (diagnostics) => {
        for (const d of diagnostics) log.error(formatDiagnostic(d));
        engine.rejectConfig(diagnostics);
      },
    });
    announce(config, log, app);
    if (dryRun)
      log.warn(
        'dry run: nothing is written; `isthmus export --diff` and `isthmus export --format publications` tell what would be',
      );
    const signal = await stopSignal();
    log.info({ signal }, 'stopping: streams are closed, proxies keep what they have');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    stopped.abort();
    // Before their streams end, however short the grace: workloads are to be known after the restart.
    engine.istio.registration.close();
    await app.close();
    return 0;
  } finally {
    states.close();
    stopped.abort();
    await engine.stop();
  }
}

interface AppParts {
  readonly agents: Agents;
  readonly engine: Engine;
  readonly config: BridgeConfig;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function startApp({ agents, engine, config, log, signal }: AppParts): Promise<NestFastifyApplication> {
  const metrics = new Metrics(engine);
  metrics.observeAgents(agents);
  const live = new LiveEvents(() => summariesOf(engine));
  metrics.observeLiveEvents(live);
  const servers = new XdsServers(engine, metrics, log);
  const tokens = await AdminTokens.open(join(dirname(config.ledger.file), 'admin.token'), config.control.auth?.tokensFile);
  const adapter = new FastifyAdapter({
    bodyLimit: 64 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 1_000 },
    // What the router refuses, such as a path that cannot be decoded, comes to no filter.
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
      const problem = problemOf(error);
      void reply.code(problem.status).type('application/problem+json').send(problem);
    },
    ...(await https(config.control)),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    BridgeModule.with({ agents, engine, live, metrics, servers }),
    adapter,
    {
      logger: new NestLog(log),
      abortOnError: false,
    },
  );
  app.useBodyParser('application/yaml', { bodyLimit: MOST_PLAN_BYTES }, (_request, body: Buffer, done) =>
    done(null, body.toString('utf8')),
  );
  const http = app.getHttpAdapter().getInstance();
  http.addHook('onRoute', (route) => {
    if (route.url === '/api/v1/agents/reports') route.bodyLimit = LONGEST_REPORT;
    if (route.url === REGISTRATIONS_PATH) route.bodyLimit = LONGEST_REGISTRATIONS;
  });
  guardRequests(http, config.control, tokens, agents.tokens);
  app.useGlobalFilters(new ProblemFilter(log));
  SwaggerModule.setup('api/docs', app, apiDocument(app), {
    jsonDocumentUrl: 'api/openapi.json',
    customSiteTitle: 'Isthmus API',
    customJsStr: PHONE_WIDTH,
  });
  for (const server of servers.all) app.connectMicroservice({ strategy: new AdsTransport(server) });
  try {
    await app.startAllMicroservices();
    if (config.roles.includes('control')) await listen(app, config.control);
    else await app.init();
    await renewCertificates([...servers.certified, controlServer(app, config)], log, signal);
  } catch (error) {
    await app.close(); // an output that listens already would keep the process
    throw error;
  }
  return app;
}

async function listen(app: NestFastifyApplication, { listen: at }: ListenerConfig): Promise<void> {
  try {
    await app.listen(at.port, at.host);
  } catch (cause) {
    throw new IsthmusError('listen.refused', `the control API cannot listen on ${formatListen(at)}: ${messageOf(cause)}`, {
      where: formatListen(at),
      meaning: 'nobody could ask or steer the bridge',
      remedy: 'stop what listens there, or choose another address under control.listen',
      cause,
    });
  }
}

function controlServer(app: NestFastifyApplication, { control, roles }: BridgeConfig): CertifiedServer {
  const server = app.getHttpServer() as HttpsServer;
  const renew = async () => {
    const context = (await https(control)).https;
    if (context !== undefined) server.setSecureContext(context);
  };
  return { name: 'control', tls: roles.includes('control') ? control.tls : undefined, renew };
}

async function https({
  tls,
}: ListenerConfig): Promise<{ https?: { cert: Buffer; key: Buffer; ca?: Buffer; requestCert?: boolean } }> {
  if (tls === undefined) return {};
  const [cert, key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)]);
  const client = tls.clientCaFile === undefined ? {} : { ca: await readFile(tls.clientCaFile), requestCert: true };
  return { https: { cert, key, ...client } };
}

/** Where it really listens: port 0 in the config takes a free one. */
function portsOf(app: NestFastifyApplication): ReadonlyMap<string, number> {
  const ports = new Map<string, number>(
    app.get(XdsServers).all.map(({ name, port }) => [name === 'ads' ? 'xds' : name, port ?? 0]),
  );
  const control: unknown = app.getHttpServer().address();
  if (typeof control === 'object' && control !== null && 'port' in control) ports.set('control', Number(control.port));
  return ports;
}

function announce(config: BridgeConfig, log: Logger, app: NestFastifyApplication): void {
  const ports = portsOf(app);
  const { mcp, xds } = config.outputs;
  const listeners = { ...(config.roles.includes('control') ? { control: config.control } : {}), mcp, xds };
  const { files, kubernetes } = config.outputs;
  if (files !== undefined) log.info(`files are written to ${files.dir}`);
  if (kubernetes !== undefined)
    log.info(`ServiceEntries are written to Kubernetes, at most ${kubernetes.rate.perSecond} a second`);
  for (const [name, listener] of Object.entries(listeners)) {
    if (listener === undefined) continue;
    const { host, port } = listener.listen;
    log.info(`${name} listens on ${formatListen({ host, port: port === 0 ? (ports.get(name) ?? 0) : port })}`);
    if (!isLoopback(listener.listen.host) && listener.insecure) {
      log.warn(
        `${name} listens beyond loopback without ${lacking(listener)} (insecure: true): everyone who reaches ${formatListen(listener.listen)} can use it`,
      );
    }
  }
}

function lacking({ tls, auth }: ListenerConfig): string {
  return [tls === undefined ? 'TLS' : '', auth === undefined ? 'authentication' : ''].filter((part) => part !== '').join(' and ');
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    // Not once: a signal to the whole process group reaches us twice, and the second must not cut the closing short.
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  });
}

// By kind: makes a function that calls a URL (or its path, at the target) and resolves with the status.
'use strict';

const byHttp =
  ({ http, https }, { agent, secureAgent } = {}) =>
  (url) =>
    new Promise((resolve, reject) => {
      const isSecure = url.startsWith('https:');
      const request = (isSecure ? https : http).get(url, { agent: isSecure ? secureAgent : agent }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      });
      request.on('error', reject);
    });

const asIs = (bytes) => bytes;

/** One channel for all copies of grpc-js: each has a registry of resolvers of its own. */
const byChannel = (grpc, { id }, { agent, host, secure, authorities }) => {
  agent.grpc.registerGrpc(grpc);
  const plain = new grpc.Client(`isthmus:${host}:80`, grpc.credentials.createInsecure());
  let overTls;
  const clientFor = (url) => {
    if (!url.startsWith('https:')) return plain;
    return (overTls = overTls || new grpc.Client(`isthmus:${secure.host}:443`, grpc.credentials.createSsl(authorities)));
  };
  return (url) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + 10_000;
      clientFor(url).makeUnaryRequest(`/${id}.Names/Who`, asIs, asIs, Buffer.alloc(0), { deadline }, (error) =>
        error === null ? resolve(200) : reject(error),
      );
    });
};

/** Nest from a folder, with the module of the agent and whatever else is asked for. */
async function nestOf({ folder }, { agent, load, host }, more) {
  const { Module } = await load('@nestjs/common', folder);
  const { NestFactory } = await load('@nestjs/core', folder);
  class Application {}
  const { imports = [] } = more;
  Module({ imports: [agent.nest.IsthmusModule.forRoot({ targets: [host] }), ...imports] })(Application);
  return NestFactory.createApplicationContext(Application, { logger: ['error'] });
}

/** An Observable of one value. */
const first = (observed) => new Promise((resolve, reject) => observed.subscribe({ next: resolve, error: reject }));

exports.CALLERS = {
  http: (_, client, node) => byHttp(node),
  'http with an agent': (_, client, node) =>
    byHttp(node, { agent: new node.http.Agent({ keepAlive: true }), secureAgent: new node.https.Agent({ keepAlive: true }) }),
  fetch: () => async (url) => {
    const answer = await fetch(url);
    await answer.text();
    return answer.status;
  },
  axios: (axios) => async (url) => (await axios.get(url)).status,
  got: (got) => async (url) => (await got(url)).statusCode,
  'node-fetch': (nodeFetch) => async (url) => (await nodeFetch(url)).status,
  superagent: (superagent) => async (url) => (await superagent.get(url)).status,
  agentkeepalive: (Agent, client, node) => byHttp(node, { agent: new Agent(), secureAgent: new Agent.HttpsAgent() }),
  undici: (undici) => async (url) => {
    const { statusCode, body } = await undici.request(url);
    await body.text();
    return statusCode;
  },
  'undici with a dispatcher': (undici, client, { agent }) => {
    const dispatcher = agent.undici.wrapDispatcher(new undici.Agent());
    return async (url) => {
      const { statusCode, body } = await undici.request(url, { dispatcher });
      await body.text();
      return statusCode;
    };
  },
  opossum: (CircuitBreaker, client, { http, https, agent, host }) => {
    const Wrapped = agent.opossum.wrapOpossum(CircuitBreaker, () => ({ target: host }));
    const breaker = new Wrapped(byHttp({ http, https }), { timeout: 5_000 });
    return (url) => breaker.fire(url);
  },
  cockatiel: (cockatiel, client, { http, https, agent, host }) => {
    const breaker = new cockatiel.ConsecutiveBreaker(5);
    const policy = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 1_000, breaker });
    const wrapped = agent.resilience.wrapPolicy(policy, { target: host });
    return (url) => wrapped.execute(() => byHttp({ http, https })(url));
  },
  grpc: byChannel,
  'nest target': async (_, client, context) => {
    const application = await nestOf(client, context, {});
    const handle = application.get(context.agent.nest.targetToken(context.host));
    return async (url, path) => (await handle.call(path)).status;
  },
  'nest http': async (_, client, context) => {
    const { HttpModule, HttpService } = await context.load('@nestjs/axios', client.folder);
    const application = await nestOf(client, context, { imports: [HttpModule] });
    const service = application.get(HttpService);
    return async (url) => (await first(service.get(url))).status;
  },
  'nest grpc': async (_, client, { agent, load, host }) => {
    const { ClientProxyFactory, Transport } = await load('@nestjs/microservices', client.folder);
    agent.grpc.registerGrpc(await load('@grpc/grpc-js', client.folder));
    const options = { package: client.id.replace(/-/g, '_'), protoPath: client.proto, url: `isthmus:${host}:80` };
    const service = ClientProxyFactory.create({ transport: Transport.GRPC, options }).getService('Names');
    return async () => {
      await first(service.who({}));
      return 200;
    };
  },
};

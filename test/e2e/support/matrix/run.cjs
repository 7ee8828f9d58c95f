// What an application of the matrix does, in JavaScript that Node 16 reads. It calls by every client that it is told, and says how that went.
'use strict';

const HOST = 'orders.default-group.public.nacos';

/** An application's module, whether it was required or imported. */
const plain = (loaded) => (loaded.default === undefined ? loaded : loaded.default);

const byHttp = (http, options) => (url) =>
  new Promise((resolve, reject) => {
    const request = http.get(url, options, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    request.on('error', reject);
  });

/** By kind: makes a function that calls a URL and resolves with the status. */
const CLIENTS = {
  http: (http) => byHttp(http, {}),
  'http with an agent': (http) => byHttp(http, { agent: new http.Agent({ keepAlive: true }) }),
  fetch: () => async (url) => {
    const answer = await fetch(url);
    await answer.text();
    return answer.status;
  },
  axios: (axios) => async (url) => (await axios.get(url)).status,
  got: (got) => async (url) => (await got(url)).statusCode,
  'node-fetch': (nodeFetch) => async (url) => (await nodeFetch(url)).status,
  superagent: (superagent) => async (url) => (await superagent.get(url)).status,
  agentkeepalive: (Agent, http) => byHttp(http, { agent: new Agent() }),
  undici: (undici) => async (url) => {
    const { statusCode, body } = await undici.request(url);
    await body.text();
    return statusCode;
  },
  'undici with a dispatcher': (undici, http, agent) => {
    const dispatcher = agent.undici.wrapDispatcher(new undici.Agent());
    return async (url) => {
      const { statusCode, body } = await undici.request(url, { dispatcher });
      await body.text();
      return statusCode;
    };
  },
  opossum: (CircuitBreaker, http, agent) => {
    const Wrapped = agent.opossum.wrapOpossum(CircuitBreaker, () => ({ target: HOST }));
    const breaker = new Wrapped(byHttp(http, {}), { timeout: 5_000 });
    return (url) => breaker.fire(url);
  },
  cockatiel: (cockatiel, http, agent) => {
    const breaker = new cockatiel.ConsecutiveBreaker(5);
    const policy = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 1_000, breaker });
    const wrapped = agent.resilience.wrapPolicy(policy, { target: HOST });
    return (url) => wrapped.execute(() => byHttp(http, {})(url));
  },
};

/**
 * @param load `require`, or `import`
 * @param agentPath of a subpath of the package, for `load`
 */
module.exports = async function run(load, agentPath) {
  const told = JSON.parse(process.argv[2]);
  const http = plain(await load('http'));
  const agent = {
    undici: await load(agentPath('undici')),
    opossum: await load(agentPath('opossum')),
    resilience: await load(agentPath('resilience')),
  };
  for (const name of ['http', 'grpc', 'nacos', 'consul', 'eureka', 'nest']) await load(agentPath(name));
  const { currentAgent } = await load(agentPath(''));
  const clients = new Map();
  for (const { id, kind, module } of told.clients)
    clients.set(id, CLIENTS[kind](module === undefined ? http : plain(await load(module)), http, agent));
  process.on('message', async (asked) => {
    if (asked.view) process.send({ view: currentAgent().view() });
    else process.send({ results: await callBy(clients, asked.calls, told.instance) });
  });
  process.send({ started: process.version });
};

async function callBy(clients, calls, instance) {
  const results = {};
  for (const [id, call] of clients) {
    const failures = [];
    for (let n = 0; n < calls; n += 1) {
      try {
        const status = await call(`http://${instance}/${id}`);
        if (status !== 200) failures.push(`status ${status}`);
      } catch (error) {
        failures.push(String((error && error.stack) || error));
      }
    }
    results[id] = failures;
  }
  return results;
}

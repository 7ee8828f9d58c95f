// What an application of the matrix does, in JavaScript that Node 16 reads. It calls by every client that it is told, and says how that went.
'use strict';

const { readFileSync } = require('fs');

const { CALLERS } = require('./callers.cjs');
const { REGISTRIES } = require('./registries.cjs');

/** An application's module, whether it was required or imported. */
const plain = (loaded) => (loaded.default === undefined ? loaded : loaded.default);

/**
 * @param load `require`, or `import`, of a name or of a file
 * @param agentPath of a subpath of the package, for `load`
 * @param within what `load` takes for a package as it is found from a folder
 */
module.exports = async function run(load, agentPath, within) {
  const told = JSON.parse(process.argv[2]);
  const agent = {};
  for (const name of ['http', 'undici', 'grpc', 'nacos', 'consul', 'eureka', 'opossum', 'resilience', 'nest'])
    agent[name] = await load(agentPath(name));
  const { currentAgent, processViews, createProvider } = await load(agentPath(''));
  const provider = createProvider({ propagationMs: 0 });
  const context = {
    agent,
    host: told.host,
    /** What is called by TLS, and whom to trust there. */
    secure: told.secure,
    authorities: told.secure === undefined ? undefined : readFileSync(process.env.NODE_EXTRA_CA_CERTS),
    http: plain(await load('http')),
    https: plain(await load('https')),
    load: async (name, folder) => plain(await load(folder === undefined ? name : within(folder, name))),
  };

  const clients = new Map();
  for (const client of told.clients) {
    const module = client.module === undefined ? undefined : await context.load(client.module);
    clients.set(client.id, await CALLERS[client.kind](module, client, context));
  }
  const orders = {
    view: async () => currentAgent().view(),
    version: async () => currentAgent().planVersion,
    call: ({ calls, ids, secure }) =>
      callBy(clients, ids, calls, secure ? `https://${told.secure.at}` : `http://${told.instance}`),
    /** Registers by a client of a registry, and looks itself up. */
    join: async (client) => REGISTRIES[client.kind](await context.load(client.module), client, context),
    /** What its SDK sees of a target, as the control plane would be told. */
    seen: async ({ target }) => {
      processViews().ask(target);
      const { endpoints } = processViews().report(target) || {};
      return endpoints;
    },
    leave: () => provider.shutdown(),
  };
  process.on('message', async ({ order, ...more }) => {
    try {
      process.send({ answer: await orders[order](more) });
    } catch (error) {
      process.send({ failed: String((error && error.stack) || error) });
    }
  });
  process.send({ started: process.version });
};

async function callBy(clients, ids, calls, origin) {
  const results = {};
  for (const id of ids) {
    const failures = [];
    for (let n = 0; n < calls; n += 1) {
      try {
        const status = await clients.get(id)(`${origin}/${id}`, `/${id}`);
        if (status !== 200) failures.push(`status ${status}`);
      } catch (error) {
        failures.push(String((error && error.stack) || error));
      }
    }
    results[id] = failures;
  }
  return results;
}

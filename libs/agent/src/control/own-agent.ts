import http from 'node:http';
import https from 'node:https';

/** As it was when this was loaded, which is before anything of ours is patched. */
const { addRequest } = http.Agent.prototype as unknown as { readonly addRequest: (...values: unknown[]) => void };

/**
 * Connections of the agent itself, to the control API: never those of the application, and never through our own patch, so that no
 * plan can send the agent's own calls anywhere. They keep no process alive.
 */
export function ownAgent(secure: boolean, ca: string | undefined): http.Agent {
  const options = { keepAlive: true, maxSockets: 2, maxFreeSockets: 1 };
  const agent = secure ? new https.Agent({ ...options, ...(ca === undefined ? {} : { ca }) }) : new http.Agent(options);
  Object.defineProperty(agent, 'addRequest', { value: addRequest });
  return agent;
}

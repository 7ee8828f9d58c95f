import http from 'node:http';
import type net from 'node:net';
import type { Place } from '../sidecar-probe.ts';
import { callMover } from './call-mover.ts';
import type { CallMover } from './call-mover.ts';
import { secondAgent } from './client-seam.ts';
import type { ClientSeam } from './client-seam.ts';
import type { AgentInternals } from './egress-agent.ts';

/** At the patched prototype, so that every copy of the package knows of the one that moves calls now: additive only. */
const LAYER = Symbol.for('isthmus.agent.http');

interface Layer {
  /** Undefined: every call passes as if the patch were not there. */
  mover: CallMover | undefined;
}

/**
 * Patches `http.Agent.prototype.addRequest`, which every HTTP call with an agent passes: `http.request` and `get`, axios, got,
 * node-fetch, agentkeepalive. Not: http2, `createConnection` without an agent, upgrades, calls by a proxy or a Unix socket.
 * @returns undoes it. Where another has patched after us the patch cannot be taken out from below: it stays, and does nothing
 */
export function patchHttp(seam: ClientSeam, connect?: (place: Place) => net.Socket): () => void {
  const prototype = http.Agent.prototype as unknown as AgentInternals & { [LAYER]?: Layer };
  if (prototype[LAYER]?.mover !== undefined) {
    secondAgent(seam, 'http');
    return () => undefined;
  }
  // A new one also where an old one may still be below another's patch: nobody can tell whether it is still called.
  const layer: Layer = { mover: callMover(seam, connect) };
  const { addRequest } = prototype;
  // The four that Node's own has had since it had three: a rest parameter would be an array for each call.
  const patched: AgentInternals['addRequest'] = function (this: http.Agent, request, options, port, localAddress) {
    const beside = layer.mover === undefined ? undefined : layer.mover(this, request, options);
    addRequest.call(beside === undefined ? this : beside, request, options, port, localAddress);
  };
  prototype.addRequest = patched;
  prototype[LAYER] = layer;
  return () => {
    layer.mover = undefined;
    if (prototype[LAYER] === layer) delete prototype[LAYER];
    if (prototype.addRequest === patched) prototype.addRequest = addRequest;
  };
}

import http from 'node:http';
import type net from 'node:net';
import type { Place } from '../sidecar-probe.ts';
import { callMover } from './call-mover.ts';
import type { CallMover } from './call-mover.ts';
import { secondAgent } from './client-seam.ts';
import type { ClientSeam } from './client-seam.ts';
import type { AgentInternals } from './egress-agent.ts';

/** At the patched prototype, so that every copy of the package finds it whoever has patched after us: additive only. */
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
  const mover = callMover(seam, connect);
  const held = prototype[LAYER];
  if (held?.mover !== undefined) {
    secondAgent(seam, 'http');
    return () => undefined;
  }
  const layer = held ?? { mover };
  layer.mover = mover;
  const patched = held === undefined ? patch(prototype, layer) : undefined;
  return () => {
    if (layer.mover !== mover) return;
    layer.mover = undefined;
    patched?.();
  };
}

/** @returns takes it out if nobody has patched since */
function patch(prototype: AgentInternals & { [LAYER]?: Layer }, layer: Layer): () => void {
  const { addRequest } = prototype;
  const patched: AgentInternals['addRequest'] = function (this: http.Agent, request, options, ...more) {
    addRequest.call(layer.mover?.(this, request, options) ?? this, request, options, ...more);
  };
  prototype.addRequest = patched;
  prototype[LAYER] = layer;
  return () => {
    if (prototype.addRequest !== patched) return;
    prototype.addRequest = addRequest;
    delete prototype[LAYER];
  };
}

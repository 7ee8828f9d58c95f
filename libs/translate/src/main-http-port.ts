import { isHttpLike } from '@isthmus/model';
import type { ServicePort } from '@isthmus/model';

/** The port that a bare host means to HTTP callers: 80, or else the lowest that speaks HTTP. */
export function mainHttpPort(ports: readonly ServicePort[]): ServicePort | undefined {
  let main: ServicePort | undefined;
  for (const port of ports) {
    if (!isHttpLike(port.protocol)) continue;
    if (main === undefined || port.number === 80 || (main.number !== 80 && port.number < main.number)) main = port;
  }
  return main;
}

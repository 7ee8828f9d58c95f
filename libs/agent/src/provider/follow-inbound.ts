import diagnosticsChannel from 'node:diagnostics_channel';
import http from 'node:http';

type Told = (request: http.IncomingMessage, server: http.Server) => void;

const CHANNEL = 'http.server.request.start';

/**
 * Tells of each HTTP/1 request that a server of this process takes, by Node's own channel, where Node has it (16.17, 18.8 and newer), else by
 * the server's event. @returns ends it
 */
export function followInbound(told: Told, fault: (error: unknown) => void, hasChannel = speaksOnChannel()): () => void {
  const safely: Told = (request, server) => {
    try {
      told(request, server);
    } catch (error) {
      fault(error);
    }
  };
  if (hasChannel) {
    const channel = diagnosticsChannel.channel(CHANNEL);
    const subscriber = (message: unknown): void => {
      const { request, server } = message as { readonly request: http.IncomingMessage; readonly server: http.Server };
      safely(request, server);
    };
    channel.subscribe(subscriber);
    return () => {
      channel.unsubscribe(subscriber);
    };
  }
  const prototype = http.Server.prototype as { emit: (event: string, ...args: unknown[]) => boolean };
  const { emit } = prototype;
  const patched = function (this: http.Server, event: string, ...args: unknown[]): boolean {
    if (event === 'request') safely(args[0] as http.IncomingMessage, this);
    return emit.call(this, event, ...args);
  };
  prototype.emit = patched;
  return () => {
    if (prototype.emit === patched) prototype.emit = emit;
  };
}

function speaksOnChannel(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > 18 || (major === 18 && minor >= 8) || (major === 16 && minor >= 17);
}

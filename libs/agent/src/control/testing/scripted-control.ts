import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { AgentReport, AgentTarget } from '@isthmus/contract';

/** How it answers one request. */
export type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export const orders: AgentTarget = { host: 'orders.shop', port: 80, rung: 'traffic', addresses: ['10.0.0.1:8080'] };
/** A whole plan, as the stream says it. */
export const planEvent = (version: string, ...targets: readonly object[]): string =>
  `id: e.${version}\nevent: plan\ndata: ${JSON.stringify({ schema: 1, version, targets })}\n\n`;
/** The first event of a stream; pings and reports every second. */
export const hello = `event: hello\ndata: ${JSON.stringify({ schema: 1, bridge: 'test', pingMs: 1_000, reportEveryMs: 1_000 })}\n\n`;

/** A control API that answers what the test says. */
export class ScriptedControl {
  readonly server = http.createServer((request, response) => this.#serve(request, response));
  readonly sockets = new Set<Socket>();
  readonly streams: http.IncomingMessage[] = [];
  readonly open = new Set<http.ServerResponse>();
  readonly reports: AgentReport[] = [];
  stream: Answer = () => undefined;
  report: Answer = (_request, response) => void response.writeHead(204).end();

  async start(port = 0): Promise<number> {
    this.server.on('connection', (socket) => this.sockets.add(socket));
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Answers as the bridge does, and keeps the stream open. */
  says(...texts: readonly string[]): Answer {
    return (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(texts.join(''));
      this.open.add(response);
    };
  }

  send(text: string): void {
    for (const response of this.open) response.write(text);
  }

  #serve(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url?.startsWith('/api/v1/agents/stream') === true) {
      this.streams.push(request);
      this.stream(request, response);
      return;
    }
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      this.reports.push(JSON.parse(text) as AgentReport);
      this.report(request, response);
    });
  }
}

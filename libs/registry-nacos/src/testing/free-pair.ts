import { createServer } from 'node:net';

/** A free port whose neighbour 1,000 above is free too. */
export async function freePair(): Promise<number> {
  const listen = (port: number) =>
    new Promise<ReturnType<typeof createServer> | undefined>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => resolve(server));
    });
  for (;;) {
    const first = await listen(0);
    if (first === undefined) continue;
    const { port } = first.address() as { port: number };
    const second = port + 1_000 > 65_535 ? undefined : await listen(port + 1_000);
    await Promise.all(
      [first, second].map((server) => new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)))),
    );
    if (second !== undefined) return port;
  }
}

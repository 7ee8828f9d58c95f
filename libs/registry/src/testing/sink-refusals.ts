import { testPublication } from './publication.ts';
import { poll } from './sink-bridge.ts';
import type { Bridge, BridgeOptions } from './sink-bridge.ts';
import type { SinkHarness } from './sink-harness.ts';

export interface SinkRefusalCases {
  readonly harness: () => SinkHarness;
  readonly start: (options?: BridgeOptions) => Bridge;
  readonly publication: (service: string, ...instances: readonly string[]) => ReturnType<typeof testPublication>;
  readonly sees: (service: string, ...places: readonly string[]) => Promise<void>;
  readonly status: (bridge: Bridge, state: string) => Promise<void>;
  /** Milliseconds, as in `SinkContractOptions`. */
  readonly deadline: number;
  readonly caseTimeout: number;
}

/** Of the sink contract, what is promised of a registry that is away, or does not let us write. */
export function sinkRefusalCases({ harness, start, publication, sees, status, deadline, caseTimeout }: SinkRefusalCases): void {
  const { test, expect } = globalThis as unknown as typeof import('@jest/globals');

  test(
    'a registry that is down or hangs is told, tried again without haste, and has everything when it is back',
    async () => {
      const bridge = start();
      bridge.want(publication('outage', '10.2.9.1:8191'));
      await sees('outage', '10.2.9.1:8191');
      await harness().hang();
      try {
        await status(bridge, 'failing');
      } finally {
        await harness().resume();
      }
      await status(bridge, 'live');
      await sees('outage', '10.2.9.1:8191');
      for (const keepData of [true, false]) {
        await harness().down();
        await status(bridge, 'failing');
        expect(bridge.sink.status).toMatchObject({ cause: expect.stringMatching(/./) });
        bridge.want(publication('outage', '10.2.9.1:8191', `10.2.9.2:${keepData ? 8192 : 8193}`));
        await harness().up({ keepData });
        await sees('outage', '10.2.9.1:8191', `10.2.9.2:${keepData ? 8192 : 8193}`);
      }
    },
    caseTimeout * 2,
  );

  test(
    'the right to write a name is asked for without writing anything',
    async () => {
      const { signal } = new AbortController();
      const session = await harness().wire().connect(0, signal);
      try {
        await session.mayWrite(testPublication('asked', [], harness().ttlMs).at, signal);
        expect(await harness().seen('asked')).toEqual([]);
      } finally {
        session.close();
      }
      const refused = harness()
        .wire('wrong')
        .connect(0, signal)
        .then((open) => open.mayWrite(testPublication('asked', [], harness().ttlMs).at, signal).finally(() => open.close()));
      await expect(refused).rejects.toMatchObject({ code: 'registry.auth' });
    },
    caseTimeout,
  );

  test(
    'wrong credentials are told as such, and the rest of the bridge does not care',
    async () => {
      const bridge = start({ password: 'wrong' });
      bridge.want(publication('guarded', '10.2.10.1:8201'));
      const cause = () =>
        bridge.sink.status.state === 'failing' ? bridge.sink.status.cause : bridge.sink.publication('//guarded')?.cause;
      await poll('the cause', async () => cause() !== undefined, deadline);
      expect(cause()).toMatch(/password|auth|login|denied|forbidden|permission|credential|token/i);
      expect(await harness().seen('guarded')).toEqual([]);
    },
    caseTimeout,
  );
}

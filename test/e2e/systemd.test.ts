// deploy/systemd/isthmus.service as systemd itself reads it, and as it runs it (all of it is in Debian's package `systemd`).
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { stringify } from 'yaml';
import { SystemdMachine } from './support/systemd-machine.ts';

jest.setTimeout(120_000);

const ROOT = join(import.meta.dirname, '../..');
const UNIT = join(ROOT, 'deploy/systemd/isthmus.service');

const tries = (name: string): string =>
  `Type=oneshot\nExecStart=/usr/bin/python3 /opt/hardening.py\nStandardOutput=truncate:/var/log/${name}.json`;

interface Said {
  readonly code: number;
  readonly text: string;
}

function analyze(...args: readonly string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    execFile('systemd-analyze', args, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), text: stdout + stderr });
    });
  });
}

describe('the systemd unit', () => {
  let directory: string;
  /** On this machine nothing is below /opt/isthmus; systemd looks whether the program can be run. */
  const here = async (change: (text: string) => string = (text) => text): Promise<string> => {
    const file = join(directory, 'isthmus.service');
    await writeFile(file, change(await readFile(UNIT, 'utf8')).replace('/opt/isthmus/bin/node', process.execPath));
    return file;
  };

  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'isthmus-unit-'))));
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('has no key that systemd does not know, and a program that it would run', async () => {
    expect(await analyze('verify', '--man=no', '--recursive-errors=no', await here())).toEqual({ code: 0, text: '' });
    const wrong = await here((text) => text.replace('ProtectClock=', 'ProtectClok='));
    expect((await analyze('verify', '--man=no', '--recursive-errors=no', wrong)).text).toContain('ProtectClok');
  });

  test('leaves the process little of the machine: an exposure below 2 of 10', async () => {
    const { code, text } = await analyze('security', '--offline=yes', '--threshold=20', '--no-pager', await here());
    expect(text).toMatch(/Overall exposure level/);
    expect(code).toBe(0);
  });
});

describe('the systemd unit, run by systemd', () => {
  let machine: SystemdMachine;
  const name = 'isthmus.service';
  const LOG = '/var/log/isthmus.log';
  /** There is no such scope. */
  const API = 'http://127.0.0.1:15080/api/v1/held/nobody%2F%2F/release';
  const SECRET = 'a-token-that-root-alone-can-read';
  const config = {
    version: 1,
    meshId: 'shop',
    registries: [{ name: 'fixed', kind: 'file', path: '/etc/isthmus/services.yaml' }],
    outputs: { xds: { listen: '127.0.0.1:15012' } },
    ledger: { file: '/var/lib/isthmus/ledger' },
    control: { listen: '127.0.0.1:15080', auth: { tokensFile: '/run/credentials/isthmus.service/tokens' } },
  };
  const services = { services: [{ host: 'orders.mesh', endpoints: [{ address: '10.0.0.1', port: 8080 }] }] };
  /** What hardening.py saw in a unit with the same lines, and in one without them. */
  const reports = async () =>
    Promise.all(
      ['taken', 'open'].map(async (unit) => {
        await machine.inside('systemctl', 'start', `${unit}.service`);
        return JSON.parse(await machine.inside('cat', `/var/log/${unit}.json`)) as Readonly<Record<string, string | number>>;
      }),
    );
  const ready = () =>
    until('it is ready', () => machine.succeeds('curl', '-fsS', 'http://127.0.0.1:15080/readyz'), 90_000).catch(
      async (error: unknown) => {
        throw new Error(await machine.inside('tail', '-5', LOG), { cause: error });
      },
    );
  const token = () => machine.inside('cat', '/var/lib/isthmus/admin.token');

  beforeAll(async () => {
    const unit = await readFile(UNIT, 'utf8');
    machine = await SystemdMachine.boot({
      units: {
        [name]: unit,
        'taken.service': unit
          .replace(/^ExecStart=.*/m, tries('taken'))
          .replace('Restart=always', 'Restart=no')
          .replace('StateDirectory=isthmus\nWorkingDirectory=/var/lib/isthmus', 'StateDirectory=taken'),
        'open.service': `[Service]\n${tries('open')}\nUser=nobody\nStateDirectory=open\n`,
        // Secrets as docs/operations.md gives them.
        [`${name}.d/site.conf`]: `[Service]\nLoadCredential=tokens:/etc/isthmus/tokens\nStandardOutput=append:${LOG}\nStandardError=append:${LOG}\n`,
      },
      files: {
        '/etc/isthmus/tokens': `${SECRET}\n`,
        '/etc/isthmus/isthmus.yaml': stringify(config),
        '/etc/isthmus/services.yaml': stringify(services),
        ...Object.fromEntries(['/home', '/tmp', '/dev', '/usr/lib/modules'].map((at) => [`${at}/visible`, ''])),
      },
      binds: {
        '/opt/isthmus/bin/node': process.execPath,
        '/opt/hardening.py': join(import.meta.dirname, 'support/hardening.py'),
        ...Object.fromEntries(['dist', 'node_modules', 'package.json'].map((at) => [`/opt/isthmus/${at}`, join(ROOT, at)])),
      },
    });
    await machine.inside('chmod', '600', '/etc/isthmus/tokens');
    await machine.inside('systemctl', 'start', name);
    await ready();
  });
  afterAll(() => machine?.halt());

  test('runs the bridge as a user of its own without capabilities, behind a filter of system calls', async () => {
    const status = await machine.inside('cat', `/proc/${await machine.show(name, 'MainPID')}/status`);
    const has = (field: string) => new RegExp(`^${field}:\\s+(\\S+)`, 'm').exec(status)?.[1];
    expect(Number(has('Uid'))).toBeGreaterThan(60_000); // of those that systemd gives out for DynamicUser
    expect([has('CapEff'), has('CapBnd'), has('NoNewPrivs'), has('Seccomp')]).toEqual(['0'.repeat(16), '0'.repeat(16), '1', '2']);
    expect(await machine.show(name, 'MemoryMax')).toBe(String(2 * 2 ** 30));
  });

  test('hands it secrets that root alone can read', async () => {
    const write = (secret: string) =>
      machine.inside(
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-X',
        'POST',
        '-H',
        `Authorization: Bearer ${secret}`,
        API,
      );
    expect([await write(SECRET), await write('another')]).toEqual(['404', '401']);
  });

  test('lets it write its ledger and token below /var/lib/isthmus, and nowhere else', async () => {
    const seen = await machine.inside('stat', '-c', '%a %U %F', '/var/lib/isthmus/admin.token');
    expect(seen).toBe('600 isthmus regular file\n');
    const asIt = (path: string) =>
      machine.inside('sh', '-c', `nsenter -t $(systemctl show ${name} -P MainPID) -m touch ${path}/written`);
    await asIt('/var/lib/isthmus');
    for (const path of ['/etc/isthmus', '/opt/isthmus', '/usr', '/var/lib'])
      await expect(asIt(path)).rejects.toThrow('Read-only file system');
  });

  // Not seen here: ProtectClock and RestrictRealtime (who has no capabilities may neither set a clock nor, here, have real time), and
  // SystemCallArchitectures (it takes a program of another one). What LimitNOFILE gives ends at this machine's own limit.
  test('takes away what its lines say, which a process has without them', async () => {
    const [taken, open] = await reports();
    expect(taken).toMatchObject({
      UMask: '0o600',
      MemoryMax: String(2 * 2 ** 30),
      TasksMax: '128',
      ProtectHome: 'EACCES',
      PrivateTmp: 'ENOENT',
      PrivateDevices: 'ENOENT',
      ProtectKernelTunables: 'ro',
      ProtectKernelModules: 'EACCES',
      ProtectKernelLogs: 'ro',
      ProtectControlGroups: 'ro',
      ProtectProc: 'ENOENT',
      RestrictAddressFamilies: 'EAFNOSUPPORT',
      RestrictNamespaces: 'EPERM',
      RestrictSUIDSGID: 'EPERM',
      LockPersonality: 'EPERM',
      SystemCallFilter: 'EPERM',
    });
    for (const [line, seen] of Object.entries(taken ?? {})) expect([line, seen]).not.toEqual([line, open?.[line]]);
    expect(open?.['ProtectHostname']).toBe((await machine.inside('readlink', '/proc/1/ns/uts')).trim());
  });

  test('starts it again with what it knew when it is killed', async () => {
    const before = await token();
    await machine.inside('systemctl', 'kill', '--signal=KILL', name);
    await until('it was started again', async () => (await machine.show(name, 'NRestarts')) === '1');
    await ready();
    expect(await token()).toBe(before);
  });

  test('goes on starting it however often it fails, so that a mended config is enough', async () => {
    expect(await machine.show(name, 'StartLimitIntervalUSec')).toBe('0');
    expect(await machine.show(name, 'Restart')).toBe('always');
  });

  test('ends it in time, and it says that all is well', async () => {
    await machine.inside('systemctl', 'stop', name);
    expect(await Promise.all(['ActiveState', 'Result', 'ExecMainStatus'].map((each) => machine.show(name, each)))).toEqual([
      'inactive',
      'success',
      '0',
    ]);
  });
});

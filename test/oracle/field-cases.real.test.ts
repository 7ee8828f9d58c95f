import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { KINDS, casesByField, fieldsOf } from './field-cases.ts';
import { readCases } from './oracle-case.ts';

// docs/istio-fields.md; UPDATE_GOLDENS=1 writes it.
const page = new URL('../../docs/istio-fields.md', import.meta.url);

/** What no case can have, or none need: why. */
const WITHOUT: Readonly<Record<string, string>> = {
  'VirtualService Abort.http2Error': 'refused, as by Istio’s validator: not supported',
  'VirtualService Delay.exponentialDelay': 'refused, as by Istio’s validator: not supported',
  'Gateway Port.targetPort': 'refused, as by Istio’s validator: no impact',
  'Sidecar SidecarPort.targetPort': 'refused, as by Istio’s validator: no impact',
  'Sidecar ServerTLSSettings.subjectAltNames': 'refused, as by Istio’s validator: not supported',
};
const INGRESS_TLS = 'istiod ends no TLS of an ingress by default: `sidecar/ingress-tls-everything`';

function* rows(): Generator<string> {
  const found = casesByField(readCases());
  for (const [kind, root] of Object.entries(KINDS)) {
    yield `\n## ${kind}\n\n| field | cases |\n| --- | --- |\n`;
    for (const field of fieldsOf(root)) yield `| \`${field}\` | ${shown(kind, field, found.get(`${kind} ${field}`) ?? [])} |\n`;
  }
}

/** The first three, and how many more. */
function shown(kind: string, field: string, cases: readonly string[]): string {
  const more = cases.length > 3 ? `, and ${cases.length - 3} more` : '';
  if (cases.length > 0)
    return `${cases
      .slice(0, 3)
      .map((name) => `\`${name}\``)
      .join(', ')}${more}`;
  const inIngressTls = kind === 'Sidecar' && /^(?:ServerTLSSettings|TLSCertificate)\./.test(field);
  return WITHOUT[`${kind} ${field}`] ?? (inIngressTls ? INGRESS_TLS : MISSING);
}

const MISSING = 'MISSING';
const HEAD = `# Istio's fields, and the cases that compare them

Which case of \`test/oracle/cases\` gives an object with the field both to istiod's translation and to ours; \`test/oracle/differential.real.test.ts\` compares the answers, and a test that every field is here. A message that stands in several places
is listed once, by its name (\`TCPSettings.maxConnections\`: of a host, a port, a subset). Made by \`test/oracle/field-cases.real.test.ts\`. A WorkloadGroup is a template for what proxies register themselves, a ProxyConfig is read by Istio's agent: both
are checked and change no resource. What an object may say at all: [traffic-rules.md](traffic-rules.md).
`;

test('every field that a rule can have is compared with istiod, or it is said why not', () => {
  const text = HEAD + [...rows()].join('');
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(page, text);
  expect(text).not.toContain(MISSING);
  const plain = (markdown: string): string => markdown.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
  expect(plain(readFileSync(page, 'utf8'))).toBe(plain(text));
});

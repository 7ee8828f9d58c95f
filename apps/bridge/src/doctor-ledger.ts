import { randomBytes } from 'node:crypto';
import { parseHead } from '@isthmus/ledger';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { LedgerStore } from '@isthmus/model';
import type { Finding } from '@isthmus/registry';

/** The store of a shared ledger: can it be read, may it be written, and who leads. Closes the store. */
export async function examineLedger(store: LedgerStore, signal: AbortSignal): Promise<readonly Finding[]> {
  const { where } = store;
  const findings: Finding[] = [];
  try {
    const stored = await store.readHead(signal);
    if (stored === undefined) findings.push({ level: 'ok', what: `${where} can be read; there is no ledger in it yet` });
    else {
      const { leader, epoch, revision } = parseHead(stored.text, where);
      const who = leader === undefined ? 'nobody leads' : `${leader.id} led last`;
      findings.push({ level: 'ok', what: `${where} can be read: epoch ${epoch}, revision ${revision}, ${who}` });
    }
    // A name that no write of a leader has; one that is left behind is removed by the next leader.
    const probe = `doctor-${randomBytes(4).toString('hex')}`;
    await store.writeBlob(probe, Buffer.from('isthmus doctor'), signal);
    await store.removeBlob(probe, signal);
    findings.push({ level: 'ok', what: `${where} can be written` });
    if ((await store.listBlobs(signal)) === undefined) {
      findings.push({
        level: 'warning',
        what: `${where} cannot be listed: what a leader that died in the middle of a write left there is never removed`,
        remedy: 'nothing, if a few kB a crash are no matter; else see the rights in docs/replicas.md',
      });
    }
  } catch (thrown) {
    const remedy = (IsthmusError.is(thrown) ? thrown.remedy : undefined) ?? 'see docs/replicas.md for its rights';
    findings.push({ level: 'error', what: `${where}: ${IsthmusError.is(thrown) ? thrown.message : messageOf(thrown)}`, remedy });
  } finally {
    await store.close();
  }
  return findings;
}

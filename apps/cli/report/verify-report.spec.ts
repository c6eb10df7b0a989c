import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from '#kernel';
import { ed25519Signer, formatVerifierKey, nodeCrypto, openKeyHistory, signNote } from '#merkle';
import { historyOf } from '../../../libs/merkle/key-history-harness.js';
import { KnownKeys } from '../verify/known-keys.js';
import { reportNoteText } from '#protocol';
import { verifyReport } from './verify-report.js';

const signer = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(7));
const organisation = { id: '0198c0de-0000-7000-8000-00000000000a', name: 'Bank', pseudonym: 'ab'.repeat(32) };
const report = {
  organisation, month: '2026-10',
  log: { origin: 'mizan.example/audit', size: 9, root: 'cd'.repeat(32), entries: 3, first: 1, last: 8, unreadable: 0, erased: 0, byType: { refused: 3 } },
  ran: [], law: [], refusals: [{ code: 'POLICY_DENIED', policies: ['eu-only'], requests: 3 }], overrides: [], approvals: [], approvalsTotal: 0, payments: { charges: [], settled: [], invoices: [] },
};
const hash = createHash('sha256').update(canonicalJson(report)).digest('hex');
const logKey = formatVerifierKey(signer.key);
const file = { format: 'mizan-report/1', report, note: signNote(reportNoteText('mizan.example/audit', organisation.id, '2026-10', hash), signer), logKey };

describe('a monthly report, offline', () => {
  it('holds when the log’s key signed exactly this one, however it is laid out', () => {
    expect(verifyReport(JSON.stringify(file, null, 4), KnownKeys.given(logKey))).toMatchObject({ organisation: organisation.id, month: '2026-10', sha256: hash, keyPinned: true, doubt: undefined });
    expect(verifyReport(JSON.stringify(file), undefined).keyPinned).toBe(false);
  });

  it('does not when a number, the month, the organisation or the key is another, or something was put in', () => {
    const other = formatVerifierKey(ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(8)).key);
    const changes: [object, string | undefined][] = [
      [{ ...file, report: { ...report, refusals: [{ ...report.refusals[0], requests: 2 }] } }, logKey],
      [{ ...file, report: { ...report, month: '2026-09' } }, logKey],
      [{ ...file, report: { ...report, organisation: { ...organisation, id: '0198c0de-0000-7000-8000-00000000000b' } } }, logKey],
      [{ ...file, report: { ...report, praise: 'very good' } }, logKey],
      [{ ...file, note: file.note.replace('2026-10', '2026-11') }, logKey],
      [file, other],
      [{ ...file, logKey: other }, undefined],
    ];
    for (const [changed, key] of changes) expect(() => verifyReport(JSON.stringify(changed), key === undefined ? undefined : KnownKeys.given(key))).toThrow();
  });

  it('says of one under a key that the log had that whoever has it may have signed it since, and where the log itself tells', () => {
    const next = ed25519Signer(signer.key.name, new Uint8Array(32).fill(9));
    const under = (at: number) => verifyReport(JSON.stringify(file), new KnownKeys(next.key, openKeyHistory(nodeCrypto, JSON.stringify(historyOf([{ from: signer, to: next, at }])), next.key)));
    expect(() => verifyReport(JSON.stringify(file), new KnownKeys(next.key))).toThrow('not for the one that you know');
    for (const at of [9, 1_000]) expect(under(at)).toMatchObject({ logKey, keyPinned: true, doubt: expect.stringMatching(/may have signed it since.*report\.made of 2026-10/) });
    expect(verifyReport(JSON.stringify(file), new KnownKeys(signer.key, openKeyHistory(nodeCrypto, JSON.stringify(historyOf([{ from: next, to: signer, at: 3 }])), signer.key))).doubt).toBeUndefined();
    expect(() => under(8)).toThrow('gave up at 8 entries, and is of 9');
  });
});

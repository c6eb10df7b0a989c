import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ed25519Signer, formatVerifierKey, leafHash, packBundle, rootOf, sha256, signCheckpoint, tilePath } from '#merkle';
import { ExportFile, generateSealKeys, openRecordBody, operatorRecord, packRecords, parseEnvelope, Sealer, sealRecord } from '#protocol';
import type { ExportedEntry, LogRecord, RecordFields } from '#protocol';
import { reconciled } from '../reconcile-command.js';
import { placesIn } from './gathered.js';

const signer = ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(3));
const logKey = formatVerifierKey(signer.key);
const tenant = { tenant: randomUUID(), pseudonym: randomBytes(32).toString('hex') };
const other = { tenant: randomUUID(), pseudonym: randomBytes(32).toString('hex') };
const keys = generateSealKeys();
const sealer = new Sealer(keys.publicKey, randomUUID());
const run = randomUUID();
const startMs = 1_767_225_600_000;

interface Charge {
  record: string;
  amountNanos: string;
  chargedAtMs: number;
  outcome: string;
  invoice: { id: string; number: string } | null;
  lackedBy: string | null;
  line: { name: string; detail: string };
  recorded: boolean;
}

/** A log of one gateway's decisions, and what its operator gives out about them; each test spoils one thing. */
class Deployment {
  readonly log: LogRecord[] = [];
  /** As the gateway numbered them, whether or not the log has them. */
  readonly decided: LogRecord[] = [];
  charges: Charge[] = [];
  usageNanos = 0n;
  readonly invoice = randomUUID();
  change: (entries: ExportedEntry[]) => ExportedEntry[] = (entries) => entries;
  private ms = startMs;

  decide(type: 'admitted' | 'refused', of = tenant): string {
    const id = randomUUID();
    this.ms += 1_000;
    const record = sealRecord({ id, type, timeMs: this.ms, fields: { model: 'm' }, facts: null, number: { gateway: 'gw-1', run, number: this.decided.length + 1 } }, of, sealer);
    this.decided.push(record);
    this.log.push(record);
    return id;
  }

  end(id: string, chargeNanos: bigint): void {
    this.ms += 1_000;
    this.log.push(sealRecord({ id, type: 'completed', timeMs: this.ms, fields: { chargeNanos: chargeNanos.toString() }, facts: null }, tenant, sealer));
    this.charges.push({ record: id, amountNanos: chargeNanos.toString(), chargedAtMs: this.ms, outcome: 'ok', invoice: { id: this.invoice, number: 'INV-1' }, lackedBy: null, line: { name: 'm', detail: 'project mail, embeddings' }, recorded: true });
    this.usageNanos += chargeNanos;
  }

  count(): void {
    const leaves = createHash('sha256');
    for (const { envelope } of this.decided) leaves.update(leafHash(sha256, Buffer.from(envelope, 'base64')));
    const fields: RecordFields = { gateway: 'gw-1', run, from: 1, to: this.decided.length, records: packRecords(this.decided.map(({ id }) => id)), unconfirmed: [], leaves: leaves.digest('hex'), final: false };
    this.log.push(operatorRecord({ id: randomUUID(), type: 'decisions.counted', timeMs: this.ms, fields, facts: null }));
    // Time for everything to have come.
    this.ms += 86_400_000;
    this.log.push(operatorRecord({ id: randomUUID(), type: 'books.closed', timeMs: this.ms, fields: {}, facts: null }));
  }

  writeTo(dir: string): void {
    const at = placesIn(dir);
    const envelopes = this.log.map(({ envelope }) => Buffer.from(envelope, 'base64'));
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    };
    put(join(at.log, 'checkpoint'), signCheckpoint({ origin: signer.key.name, size: envelopes.length, root: rootOf(sha256, envelopes.map((envelope) => leafHash(sha256, envelope))) }, signer));
    put(join(at.log, tilePath('entries', 0, envelopes.length)), packBundle(envelopes));
    put(at.scope, JSON.stringify({ format: 'mizan-gathered/1', organisation: tenant.tenant, fromMs: startMs, toMs: startMs + 3_600_000 }));
    const counts = this.log.flatMap(({ type, id, envelope, fields }, index) => (type === 'decisions.counted' ? [{ index, record: id, type, timeMs: 0, envelope, fields, missing: [], own: 0 }] : []));
    const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
    put(at.counts, lines(counts));
    put(at.charges, lines(this.charges));
    const inInvoice = this.charges.filter(({ invoice }) => invoice !== null);
    put(at.invoices, lines([this.document()]));
    put(at.sums, lines([{ id: this.invoice, number: 'INV-1', periodFromMs: startMs, periodToMs: startMs + 1, usageNanos: this.usageNanos.toString(), charges: inInvoice.length, chargesNanos: '0', adjustmentsNanos: '0', termsNanos: '0' }]));
    put(join(at.entries, '2026/01/01/a.jsonl'), this.exported());
  }

  private exported(): string {
    let previous: number | null = null;
    const entries = this.log.flatMap((record, index): ExportedEntry[] => {
      if (record.tenant !== tenant.tenant) return [];
      const { secret, fields } = openRecordBody(record.id, record.type, record.body!, keys.privateKey);
      const told: ExportedEntry = { index, previous, id: record.id, type: record.type, timeMs: Date.parse(parseEnvelope(Buffer.from(record.envelope, 'base64')).time), tenant: record.tenant, envelope: record.envelope, fields, opening: { secret } };
      previous = index;
      return [told];
    });
    const file = new ExportFile('jsonl');
    const head = file.head({ export: null, tenant: tenant.tenant, after: null, limit: 100, until: this.log.length, checkpoint: '', logKey });
    return head + file.page(this.change(entries)) + file.end(null);
  }

  private document(): object {
    const party = { name: 'A', street: 's', city: 'c', postalCode: '1', country: 'DE', vatId: null, electronicAddress: { scheme: 'EM', id: 'a@b.example' } };
    const line = { id: 1, name: 'm: tokens in', detail: 'project mail, embeddings', quantity: '1', per: '1', priceNanos: '1', netMinor: '0' };
    return {
      ...{ v: 1, id: this.invoice, tenant: tenant.tenant, kind: 'invoice', number: 'INV-1', issueDate: '2026-01-02', dueDate: '2026-01-02', periodFrom: '2026-01-01', periodTo: '2026-01-01', currency: 'USD' },
      ...{ rate: { currency: 'USD', nanosPerUsd: '1000000000', validFromMs: 0, source: 's' }, seller: { ...party, registrationId: '1', bank: null, numberPrefix: 'INV' } },
      ...{ buyer: { ...party, buyerReference: 'r', orderReference: null, currency: 'USD', termsDays: 0, exemption: null }, lines: [line], tax: [], netMinor: '0', taxMinor: '0', grossMinor: '0', taxHome: null, usageNanos: this.usageNanos.toString(), corrects: null },
    };
  }
}

describe('what was gathered of an organisation', () => {
  let dir: string;
  let deployment: Deployment;
  let [paid, also, refused]: string[] = [];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'mizan-reconcile-'));
    deployment = new Deployment();
    paid = deployment.decide('admitted');
    deployment.end(paid, 700n);
    deployment.decide('admitted', other);
    refused = deployment.decide('refused');
    also = deployment.decide('admitted');
    deployment.end(also, 300n);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const found = async (): Promise<string[]> => {
    deployment.count();
    deployment.writeTo(dir);
    return (await reconciled(dir, logKey)).findings.map(({ kind, subject }) => `${kind} ${subject}`);
  };
  const without = <T>(list: T[], which: (one: T) => boolean): void => void list.splice(list.findIndex(which), 1);

  it('accounts for every decision, and tells nothing of another organisation', async () => {
    expect(await found()).toEqual([]);
    expect(await reconciled(dir, logKey)).toMatchObject({ states: { invoiced: { decisions: 2, chargeNanos: '1000' }, refused: { decisions: 1, chargeNanos: '0' } }, unknown: [] });
  });

  it('names an admission that the log lacks, by its number and its record', async () => {
    without(deployment.log, ({ id, type }) => id === also && type === 'admitted');
    expect(await found()).toEqual([`decision_missing ${also}`]);
  });

  it('names a refusal that is in the log and was kept out of the export, though the export hides the gap', async () => {
    deployment.change = (entries) => {
      const left = entries.filter(({ id }) => id !== refused);
      return left.map((entry, at) => ({ ...entry, previous: left[at - 1]?.index ?? null }));
    };
    expect(await found()).toEqual([`entry_withheld ${refused}`]);
  });

  it('names a charge that was removed, one that differs, and one that nothing supports', async () => {
    without(deployment.charges, ({ record }) => record === paid);
    deployment.charges[0]!.amountNanos = '301';
    const stray = randomUUID();
    deployment.charges.push({ ...deployment.charges[0]!, record: stray, amountNanos: '699' });
    expect((await found()).sort()).toEqual([`charge_differs ${also}`, `charge_missing ${paid}`, `charge_without_record ${stray}`]);
  });

  it('names an invoice that lacks a charge, whether or not the books say so', async () => {
    Object.assign(deployment.charges[1]!, { invoice: null, lackedBy: 'INV-1' });
    expect((await found()).sort()).toEqual([`charge_not_invoiced ${also}`, `invoice_lacks_charges ${deployment.invoice}`]);
  });

  it('names a body that was changed, and a charge whose line the invoice has not', async () => {
    deployment.change = (entries) => entries.map((entry) => (entry.id === paid && entry.type === 'completed' ? { ...entry, fields: { chargeNanos: '7' } } : entry));
    deployment.charges[1]!.line.detail = 'project other, embeddings';
    expect((await found()).sort()).toEqual([`body_differs ${paid}`, `charge_differs ${paid}`, `line_missing ${also}`]);
  });

  it('names a request that never ended, and what was decided and not counted', async () => {
    const open = deployment.decide('admitted');
    deployment.decided.pop();
    expect((await found()).sort()).toEqual([`decision_uncounted ${open}`, `end_missing ${open}`]);
  });

  it('is refused when its log is not the one that was signed', async () => {
    deployment.count();
    deployment.writeTo(dir);
    const bundle = join(placesIn(dir).log, tilePath('entries', 0, deployment.log.length));
    deployment.log.splice(2, 1);
    writeFileSync(bundle, packBundle([...deployment.log.map(({ envelope }) => Buffer.from(envelope, 'base64')), Buffer.from(deployment.log[0]!.envelope, 'base64')]));
    await expect(reconciled(dir, logKey)).rejects.toThrow(/do not continue/);
    await expect(reconciled(dir, formatVerifierKey(ed25519Signer('mizan.example/audit', new Uint8Array(32).fill(4)).key))).rejects.toThrow(/no known key has signed/);
  });
});

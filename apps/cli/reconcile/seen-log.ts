import { equalBytes } from '#merkle';
import { commit, isDecision, operatorSecret, parseEnvelope, unpackRecords } from '#protocol';
import type { LoggedCount } from '#protocol';
import { DecisionLedger } from '../verify/decision-ledger.js';
import type { Finding } from './finding.js';
import type { Gathered } from './gathered.js';

/** What came to the log while the export was taken, or since, is not looked for in it. */
const exportPatienceMs = 600_000;

const countTypes: ReadonlySet<string> = new Set(['decisions.counted', 'run.closed']);

/** A number that was counted for a record. */
export interface Counted {
  readonly run: string;
  readonly number: number;
  readonly index: number;
}

/** Reads the public log once: what it has of one organisation must be what that was given, and what gateways counted must be in it. */
export class SeenLog {
  /** By record, of the organisation's own decisions. */
  readonly counted = new Map<string, Counted>();
  readonly findings: Finding[] = [];
  private readonly ledger = new DecisionLedger();
  private readonly given: ReadonlyMap<number, string>;
  private readonly own: ReadonlySet<string>;
  private readonly lastGiven: number;
  private readonly lastCount: number;
  /** Own entries behind the end of the export. */
  private readonly behind: { index: number; id: string; type: string; timeMs: number }[] = [];
  private size = 0;
  private lastMs = 0;

  constructor(
    private readonly gathered: Gathered,
    private readonly pseudonym: string,
  ) {
    this.given = new Map(gathered.entries.map(({ index, envelope }) => [index, envelope]));
    this.lastGiven = gathered.entries.at(-1)?.index ?? -1;
    this.lastCount = [...gathered.counts.keys()].at(-1) ?? -1;
    this.own = new Set(gathered.entries.filter(({ type }) => isDecision(type)).map(({ id }) => id));
  }

  take(index: number, entry: Uint8Array, leaf: Uint8Array): void {
    this.size = index + 1;
    const { id, type, time, tenant, root } = parseEnvelope(entry);
    const timeMs = Date.parse(time);
    this.lastMs = Math.max(this.lastMs, timeMs);
    if (tenant === this.pseudonym) this.takeOwn({ index, id, type, timeMs }, entry);
    const isCount = countTypes.has(type);
    const count = isCount ? this.countAt(index, entry, root) : undefined;
    if (!isCount || count) this.ledger.take({ index, id, type, timeMs, leaf, fields: count?.fields ?? null });
    if (count) this.takeCount(count);
  }

  /** What is wrong when all has been read. */
  finish(): { findings: Finding[]; looked: string; lastMs: number } {
    for (const { index, id } of this.gathered.entries) if (index >= this.size) this.findings.push({ kind: 'entry_not_in_log', subject: id, message: `entry ${index} of the export is beyond the log of ${this.size} entries` });
    for (const { index } of this.gathered.counts.values()) if (index >= this.size) this.findings.push({ kind: 'entry_not_in_log', subject: String(index), message: `count ${index} is beyond the log of ${this.size} entries` });
    for (const seen of this.behind) if (this.lastMs - seen.timeMs > exportPatienceMs) this.findings.push(withheld(seen));
    const { problems, looked } = this.ledger.finish(this.lastMs);
    return { findings: [...this.findings, ...problems.map(({ key, message }): Finding => ({ kind: kindOf(key), subject: key.slice(key.indexOf(' ') + 1), message }))], looked, lastMs: this.lastMs };
  }

  private takeOwn(seen: { index: number; id: string; type: string; timeMs: number }, entry: Uint8Array): void {
    const { index, id } = seen;
    const given = this.given.get(index);
    if (given === undefined) {
      if (index > this.lastGiven) this.behind.push(seen);
      else this.findings.push(withheld(seen));
    } else if (!equalBytes(Buffer.from(given, 'base64'), entry)) this.findings.push({ kind: 'entry_differs', subject: id, message: `entry ${index} of the export is not the one in the log` });
  }

  private countAt(index: number, entry: Uint8Array, root: string): LoggedCount | undefined {
    const count = this.gathered.counts.get(index);
    if (count === undefined) {
      if (index <= this.lastCount) this.findings.push({ kind: 'count_withheld', subject: String(index), message: `entry ${index} counts decisions, and what it says was not given out` });
      return undefined;
    }
    if (equalBytes(Buffer.from(count.envelope, 'base64'), entry) && commit(operatorSecret, count.fields).root === root) return count;
    this.findings.push({ kind: 'count_differs', subject: String(index), message: `what is told of entry ${index} is not what it commits to` });
    return undefined;
  }

  private takeCount({ index, type, fields }: LoggedCount): void {
    const { run, from, numbers, records } = fields as { run: string; from: number; numbers: number[]; records: string };
    unpackRecords(records).forEach((record, at) => {
      if (this.own.has(record) && !this.counted.has(record)) this.counted.set(record, { run, number: type === 'run.closed' ? numbers[at]! : from + at, index });
    });
  }
}

const withheld = ({ index, id, type }: { index: number; id: string; type: string }): Finding => ({ kind: 'entry_withheld', subject: id, message: `entry ${index} (${type}) is the organisation's by its pseudonym, and not in the export` });

/** The ledger's word for what it found. */
function kindOf(key: string): Finding['kind'] {
  if (key.startsWith('omitted')) return 'decision_missing';
  if (key.startsWith('uncounted')) return 'decision_uncounted';
  return key.startsWith('gap') ? 'numbers_missing' : 'count_differs';
}

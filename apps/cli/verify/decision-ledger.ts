import { createHash } from 'node:crypto';
import { closedRun, decisionCount, isDecision, uncountedMs, unpackRecords } from '#protocol';
import type { DecisionCount } from '#protocol';

/** An entry of the log as far as decisions are concerned. */
export interface SeenEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly leaf: Uint8Array;
  readonly fields: Record<string, unknown> | null;
}

interface Run {
  readonly gateway: string;
  countedTo: number;
  /** `last known`: the gateway went silent, and governance closed it. */
  end: 'open' | 'counted to its end' | 'last known';
  lastKnown: number;
  missing: number[];
}

/** A count of which a record has not been seen yet: several sequencers may put it before what it counts. */
interface Waiting {
  readonly count: DecisionCount;
  readonly index: number;
  /** By number: what is confirmed, and its hash once seen. */
  readonly leaves: Map<number, Uint8Array | undefined>;
}

export interface DecisionProblem {
  readonly key: string;
  readonly message: string;
}

/** A decision is counted after two intervals at the latest and closed after a minute more; the rest is patience with a busy log. */
const uncountedPatienceMs = 5 * uncountedMs;

/**
 * Reads the log once, in its order, and finds decisions that were counted and are not in it, that are in it and were not counted, and
 * counts with gaps or other content. It remembers only what is not counted yet.
 */
export class DecisionLedger {
  private readonly uncounted = new Map<string, SeenEntry>();
  private readonly wanted = new Map<string, { waiting: Waiting | undefined; number: number }>();
  private readonly waiting = new Set<Waiting>();
  private readonly runs = new Map<string, Run>();
  private readonly problems: DecisionProblem[] = [];
  private decisions = 0;
  private unconfirmed = 0;
  private firstCount: number | undefined;

  take(entry: SeenEntry): void {
    if (isDecision(entry.type)) this.takeDecision(entry);
    else if (entry.type === 'decisions.counted') this.takeCount(entry);
    else if (entry.type === 'run.closed') this.takeClosed(entry);
  }

  /** What is wrong at the end of the log, and what was looked at. */
  finish(nowMs: number): { problems: DecisionProblem[]; looked: string } {
    const problems = [...this.problems];
    for (const { count, index, leaves } of this.waiting) {
      const lost = [...leaves].filter(([, leaf]) => leaf === undefined).map(([number]) => number);
      const records = unpackRecords(count.records);
      for (const number of lost) problems.push({ key: `omitted ${records[number - count.from]}`, message: `decision ${number} of ${count.gateway} (run ${count.run}, counted in entry ${index}) is not in the log: record ${records[number - count.from]}` });
    }
    let [fresh, before] = [0, 0];
    for (const { id, index, type, timeMs } of this.uncounted.values()) {
      if (this.firstCount === undefined || index < this.firstCount) before += 1;
      else if (nowMs - timeMs <= uncountedPatienceMs) fresh += 1;
      else problems.push({ key: `uncounted ${id}`, message: `record ${id} (${type}, entry ${index}) is in the log, and no gateway has counted it` });
    }
    return { problems, looked: this.told(fresh, before) };
  }

  private takeDecision(entry: SeenEntry): void {
    this.decisions += 1;
    const wanted = this.wanted.get(entry.id);
    if (wanted === undefined) return void this.uncounted.set(entry.id, entry);
    this.wanted.delete(entry.id);
    if (wanted.waiting === undefined) return;
    wanted.waiting.leaves.set(wanted.number, entry.leaf);
    this.settle(wanted.waiting);
  }

  private takeCount({ index, fields }: SeenEntry): void {
    this.firstCount ??= index;
    const { data: count } = decisionCount.safeParse(fields);
    const records = count && unpackRecords(count.records);
    if (!count || records?.length !== count.to - count.from + 1) return this.found(`count ${index}`, `entry ${index} is a count of decisions that does not add up`);
    const run = this.runOf(count);
    if (count.from !== run.countedTo + 1) {
      const between = count.from > run.countedTo + 1 ? `decisions ${run.countedTo + 1} to ${count.from - 1} were not counted` : `decision ${count.from} was counted before`;
      this.found(`gap ${index}`, `${between}: entry ${index} of ${count.gateway} (run ${count.run}) begins at ${count.from}`);
    }
    Object.assign(run, { countedTo: count.to, lastKnown: Math.max(run.lastKnown, count.to), end: count.final ? 'counted to its end' : 'open', missing: [] });
    const open = new Set(count.unconfirmed);
    this.unconfirmed += open.size;
    const waiting: Waiting = { count, index, leaves: new Map() };
    records.forEach((id, at) => {
      const number = count.from + at;
      const seen = this.uncounted.get(id);
      this.uncounted.delete(id);
      if (!open.has(number)) waiting.leaves.set(number, seen?.leaf);
      if (!seen) this.wanted.set(id, { waiting: open.has(number) ? undefined : waiting, number });
    });
    this.waiting.add(waiting);
    this.settle(waiting);
  }

  /** All that it counts is there: it must be what was decided. */
  private settle(waiting: Waiting): void {
    const { count, index, leaves } = waiting;
    const hash = createHash('sha256');
    for (const leaf of leaves.values()) {
      if (leaf === undefined) return;
      hash.update(leaf);
    }
    this.waiting.delete(waiting);
    if (hash.digest('hex') !== count.leaves) this.found(`other ${index}`, `a record of decisions ${count.from} to ${count.to} of ${count.gateway} (run ${count.run}) is not the one that entry ${index} counted`);
  }

  private takeClosed({ index, fields }: SeenEntry): void {
    this.firstCount ??= index;
    const { data: closed } = closedRun.safeParse(fields);
    if (!closed) return this.found(`closed ${index}`, `entry ${index} closes a gateway's run and cannot be read`);
    Object.assign(this.runOf(closed), { end: 'last known', lastKnown: closed.lastKnown, missing: closed.missing });
    for (const id of unpackRecords(closed.records)) if (!this.uncounted.delete(id)) this.wanted.set(id, { waiting: undefined, number: 0 });
  }

  private runOf({ run, gateway }: { readonly run: string; readonly gateway: string }): Run {
    const known = this.runs.get(run) ?? { gateway, countedTo: 0, end: 'open' as const, lastKnown: 0, missing: [] };
    this.runs.set(run, known);
    return known;
  }

  private found(key: string, message: string): void {
    this.problems.push({ key, message });
  }

  private told(fresh: number, before: number): string {
    const runs = [...this.runs.values()];
    const lost = runs.filter(({ end }) => end === 'last known').map(({ gateway, lastKnown, missing }) => `${gateway} is known to ${lastKnown} only${missing.length > 0 ? `, without ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}` : ''}`);
    return [
      `${this.decisions} decisions of ${runs.length} runs of gateways, each counted`,
      ...(fresh > 0 ? [`${fresh} not counted yet`] : []),
      ...(before > 0 ? [`${before} from before the first count`] : []),
      ...(this.unconfirmed > 0 ? [`${this.unconfirmed} not confirmed`] : []),
      ...lost,
    ].join('; ');
  }
}

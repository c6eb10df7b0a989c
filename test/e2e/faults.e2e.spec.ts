import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Books } from './books.js';
import { eventually, told } from './eventually.js';
import { Witness } from './gateway-witness.js';
import { embed, embeddedModel, recordOf } from './requests.js';
import type { RestApi } from './rest-api.js';
import { stackMs, StandaloneStack } from './standalone-stack.js';
import { isAnswered, isFailed, SteadyLoad } from './steady-load.js';
import type { Sent } from './steady-load.js';

/** What a gateway that died left open is closed this long after its admission, and leases run out while a test watches. */
const deadlineMs = 6_000;
const graceMs = 1_000;
const leaseMs = 4_000;
const faultMs = 300_000;

let stack: StandaloneStack;
let api: RestApi;
let load: SteadyLoad;
let books: Books;
/** When the fault at hand began. */
let began: number;

beforeAll(async () => {
  stack = await StandaloneStack.start({
    REQUEST_DEADLINE_MS: String(deadlineMs),
    BILLING_ADMISSION_GRACE_MS: String(graceMs),
    BILLING_LEASE_TTL_MS: String(leaseMs),
    BILLING_LEASE_GRACE_MS: '1000',
    BILLING_SWEEP_MS: '250',
  });
  api = stack.rest();
  books = Books.open(stack.run.databaseUrl);
  load = new SteadyLoad(api);
  await load.sees('answers', 5, isAnswered);
}, stackMs);

afterAll(async () => {
  await load?.stop();
  await books?.close();
  await stack?.stop();
});

beforeEach(() => {
  began = performance.now();
});

/** After a fault: work goes on, every answer was an answer, what succeeded is in log and books once. */
async function expectRecovered(mayFail: (sent: Sent) => boolean = () => false): Promise<void> {
  await load.sees('answers', 6, isAnswered);
  const seen = load.since(began);
  expect(seen.filter(({ malformed }) => malformed !== null)).toEqual([]);
  expect(seen.filter((sent) => isFailed(sent) && !mayFail(sent))).toEqual([]);
  await books.hold(seen.filter(isAnswered).map(({ record }) => record!));
}

/** What is broken stays so: one look tells of every fault since the last. */
async function expectInvariants(): Promise<void> {
  const { invariants, code } = await stack.verify();
  expect(invariants.map(({ name, holds, detail }) => `${name}: ${holds ? 'holds' : detail}`)).toEqual(invariants.map(({ name }) => `${name}: holds`));
  expect({ code, invariants: invariants.length }).toEqual({ code: 0, invariants: 6 });
}

const broken = ({ status }: Sent): boolean => status === null;
const coded = (...codes: string[]) => ({ code }: Sent): boolean => code !== null && codes.includes(code);

/** A question to a service that is down, by the gateway that is up. */
async function expectDown(service: string, path: string, codes: readonly string[] = ['SERVICE_UNAVAILABLE']): Promise<void> {
  const { status, error, headers } = await stack.rest(stack.run.adminKey).send('GET', path);
  expect({ service, status, code: error?.code, retryAfter: headers.has('retry-after') }).toEqual({ service, status: 503, code: expect.stringMatching(new RegExp(`^(${codes.join('|')})$`)), retryAfter: true });
}

describe('kill -9 in mid-run', () => {
  it('of governance, then of scheduler, then of settlement stops changes, not traffic', async () => {
    const down = [['governance', '/v1/records?limit=1'], ['scheduler', '/v1/nodes'], ['settlement', '/v1/settlement/chain']] as const;
    await stack.whileDown([], async (killed) => {
      for (const [service, path] of down) {
        await killed(service);
        await expectDown(service, path);
        await load.sees('answers', 5, isAnswered);
      }
    });
    await expectRecovered();
  }, faultMs);

  it('of billing stops spending when the lease at hand runs out, and nothing before', async () => {
    await stack.whileDown(['billing'], async () => {
      await expectDown('billing', `/v1/organisations/${stack.run.tenant}/budgets`);
      const [refused] = await load.sees('refusals', 3, isFailed);
      expect(refused).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE', retryAfter: expect.any(String) });
    });
    await expectRecovered(coded('SERVICE_UNAVAILABLE'));
  }, faultMs);

  it('of the machine at work moves its requests to another one; none fails', async () => {
    const riyadh = stack.run.nodes.find(({ region }) => region === 'sa-riyadh')!;
    await stack.whileDown([riyadh.process], async () => {
      await load.sees('answers', 10, isAnswered);
    });
    await expectRecovered();
    const moved = await books.query<{ record: string }>('SELECT a.record FROM billing.admissions a JOIN billing.charges c ON c.record = a.record WHERE a.node = $1 AND c.node <> $1', [riyadh.id]);
    expect(moved.length).toBeGreaterThan(0);
  }, faultMs);

  it('of all machines gives 503 that says when to try again, charges nothing, and ends when they are back', async () => {
    const machines = stack.run.nodes.map(({ process }) => process);
    const failed = await stack.whileDown(machines, () => load.sees('refusals', 8, isFailed));
    expect(failed.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null)).toEqual([]);
    await expectRecovered(coded('NODE_UNREACHABLE', 'NO_OFFER', 'DEADLINE_EXCEEDED'));
    const tried = failed.flatMap(({ record }) => record ?? []);
    const charged = await books.query<{ amount: string }>('SELECT amount_nanos::text AS amount FROM billing.charges WHERE record = ANY($1::uuid[])', [tried]);
    expect(charged.filter(({ amount }) => amount !== '0')).toEqual([]);
    await expectInvariants();
  }, faultMs);

  it('of the gateway breaks connections and nothing else', async () => {
    await stack.whileDown(['gateway'], async () => {
      await load.sees('broken connections', 4, broken);
    });
    const answered = load.since(began).filter(({ status }) => status !== null && status !== 200);
    expect(answered).toEqual([]);
    await expectRecovered(broken);
    await books.settle();
  }, faultMs);

  it('conformance 39: of the gateway between the answer of the machine and the record is charged once, by the receipt of the machine', async () => {
    const inputs = Array.from({ length: 24 }, (_, at) => `Sentence ${at}: whoever gives short weight pays twice, and whoever writes it down sees it.`);
    const requestHash = createHash('sha256').update(JSON.stringify({ model: embeddedModel, input: inputs })).digest('hex');
    const witness = await Witness.of(stack);
    const restarts = stack.restarts('gateway');
    const gateway = stack.processOf('gateway').pid;
    let record: string | undefined;
    const answeredByMachine = new Set<string>();
    witness.onRecord(({ facts }) => {
      if (record !== undefined || facts?.kind !== 'admitted' || facts.requestHash !== requestHash) return;
      // Admitted, and the machine at work: from now on this gateway neither hears nor says anything.
      process.kill(gateway, 'SIGSTOP');
      record = facts.record;
    });
    witness.onReceipt((receipt) => answeredByMachine.add(receipt));
    await witness.listens();

    const outcome = embed(api, inputs).then(({ status }) => status, () => 'no answer');
    await eventually('the machine to answer the stopped gateway', (saw) => {
      saw({ record, receipts: answeredByMachine.size });
      return record !== undefined && answeredByMachine.has(record) ? true : undefined;
    });
    process.kill(gateway, 'SIGKILL');
    expect(await outcome).toBe('no answer');
    await witness.leave();
    await stack.runsAgain('gateway', restarts + 1);

    const { admitted, completed } = await recordOf(api, record!, deadlineMs + graceMs + 20_000);
    expect(completed).toMatchObject({ outcome: 'ok', closedBy: 'billing', usageSource: 'receipt' });
    expect(BigInt(completed!.chargeNanos)).toBeGreaterThan(0n);
    expect(BigInt(completed!.chargeNanos)).toBeLessThanOrEqual(BigInt(admitted!.holdNanos));
    await books.hold([record!]);
    const charge = await api.get<{ amountNanos: string }>(`/v1/charges/${record}`);
    expect(charge.amountNanos).toBe(completed!.chargeNanos);
    await expectRecovered(broken);
    await books.settle();
    await expectInvariants();
  }, faultMs);

  it('of nats-server gives 503 while it is down: what cannot be recorded is not run', async () => {
    const seen = await stack.whileDown(['nats-server'], async () => {
      // What the platform reads of an organisation is recorded before it is given.
      await expectDown('billing', `/v1/organisations/${stack.run.tenant}/budgets`, ['RECORD_UNAVAILABLE', 'SERVICE_UNAVAILABLE']);
      return load.sees('refusals', 5, isFailed);
    });
    expect(seen.filter(({ status, retryAfter }) => status !== 503 || retryAfter === null)).toEqual([]);
    await expectRecovered(coded('RECORD_UNAVAILABLE', 'SERVICE_UNAVAILABLE', 'NODE_UNREACHABLE', 'NO_OFFER', 'DEADLINE_EXCEEDED'));
    await books.settle();
  }, faultMs);

  it('conformance 63: of PostgreSQL stops what needs it, with 503, and traffic only when the lease at hand runs out', async () => {
    await stack.whileDown(['postgres'], async () => {
      await expectDown('billing', `/v1/organisations/${stack.run.tenant}/budgets`, ['DATABASE_UNAVAILABLE', 'SERVICE_UNAVAILABLE']);
      await expectDown('governance', '/v1/records?limit=1', ['DATABASE_UNAVAILABLE', 'SERVICE_UNAVAILABLE']);
      const [refused] = await load.sees('refusals', 3, isFailed);
      expect(refused).toMatchObject({ status: 503, retryAfter: expect.any(String) });
    });
    // A scheduler whose database was away may count beats as missed.
    await expectRecovered(coded('DATABASE_UNAVAILABLE', 'SERVICE_UNAVAILABLE', 'NO_OFFER', 'DEADLINE_EXCEEDED'));
    await books.settle();
    await expectInvariants();
  }, faultMs);

  it('of the chain delays payment, not work; what is owed is paid once when it is back', async () => {
    const platform = stack.rest(stack.run.adminKey);
    const { tenant } = stack.run;
    await stack.whileDown(['chain'], async () => {
      await load.sees('answers', 3, isAnswered);
      const { status, error } = await platform.send('POST', '/v1/settlements', { tenant });
      expect({ status, code: error?.code }).toEqual({ status: 503, code: 'CHAIN_UNAVAILABLE' });
    });
    const { id } = await eventually('an epoch to be run', () => platform.post<{ id: string }>('/v1/settlements', { tenant }));
    const settled = await eventually(`statement ${id} to be final`, async (saw) => {
      const now = await platform.get<{ state: string; totalUnits: string }>(`/v1/settlements/${id}?tenant=${tenant}`);
      saw(now);
      return now.state === 'final' ? now : undefined;
    });
    expect(BigInt(settled.totalUnits)).toBeGreaterThan(0n);
    await expectRecovered();
    const { data } = await platform.get<{ data: { statement: string; units: string; state: string }[] }>(`/v1/payouts?tenant=${tenant}&limit=200`);
    const paid = data.filter(({ statement }) => statement === id);
    expect(told(paid.map(({ state }) => state))).toBe(told(paid.map(() => 'settled')));
    expect(paid.reduce((sum, { units }) => sum + BigInt(units), 0n).toString()).toBe(settled.totalUnits);
    await expectInvariants();
  }, faultMs);

  it('of the supervisor leaves processes that the next start finds, ends and starts anew, with nothing lost', async () => {
    await load.sees('answers', 5, isAnswered);
    await stack.restart('SIGKILL');
    expect(stack.output()).toMatch(/ended what an earlier run left behind: .*gateway.*postgres/);
    // No process was there, or not all that it needs in time.
    await expectRecovered((sent) => broken(sent) || sent.status === 503);
    await books.settle();
    await expectInvariants();
  }, faultMs);
});

describe('a caller that goes away', () => {
  it('ends its job, which is in log and books as one that was cancelled and cost nothing', async () => {
    const inputs = Array.from({ length: 40 }, (_, at) => `Sentence ${at}: nobody waits for the answer to this one, and still it is weighed.`);
    const body = JSON.stringify({ model: embeddedModel, input: inputs });
    const gone = new AbortController();
    const outcome = fetch(`${stack.run.api}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${stack.run.key}`, 'content-type': 'application/json' }, body, signal: gone.signal }).then(({ status }) => status, () => 'gone');
    const admission = await eventually('the job to be admitted', async () => {
      const [found] = await books.query<{ record: string }>('SELECT record FROM billing.admissions WHERE request_hash = $1', [createHash('sha256').update(body).digest('hex')]);
      return found;
    });
    gone.abort();
    expect(await outcome).toBe('gone');
    const { completed } = await recordOf(api, admission.record);
    expect(completed).toMatchObject({ outcome: 'cancelled', closedBy: 'gateway', chargeNanos: '0' });
    await books.hold([admission.record]);
  }, faultMs);
});

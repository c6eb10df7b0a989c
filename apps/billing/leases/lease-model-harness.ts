import type { Nanos } from '#kernel';
import { givenBack, leaseReturn } from './lease-return.js';
import { leaseSize } from './lease-size.js';
import { useLeases } from './lease-usage.js';
import type { LeaseBalance } from './lease-usage.js';

/** What could be wrong with the protocol: each must lead the search to a state that may not be. */
export type PlantedFault =
  | 'reclaims before the books have caught up'
  | 'reclaims without grace'
  | 'returns what open requests hold'
  | 'books what comes twice'
  | 'holder counts its time from the answer'
  | 'holder uses a lease to its end'
  | 'gives up what its requests hold'
  | 'uses what it has given up'
  | 'counts what is given back twice'
  | 'takes from a lease that has returned'
  | 'gives back the hold of an admission that may have arrived'
  | 'gives back what an end left before the end is durable';

/** Sizes of the world that is searched. */
export interface World {
  readonly limit: number;
  readonly gateways: number;
  readonly requests: number;
  readonly leases: number;
  /** Answers to recalls. */
  readonly recalls: number;
  /** Messages that come twice. */
  readonly repeats: number;
  readonly ticks: number;
}

/** In ticks: a holder may begin requests in the first of the two that a lease lives; one more is grace. A clock may lose one tick in the life of a lease. */
const times = { usable: 1, ttl: 2, grace: 1 } as const;

interface Lease {
  readonly gateway: number;
  closesAt: number;
  open: boolean;
  /** What it was granted for, less what came back on a recall. */
  granted: number;
  remaining: number;
  /** What its holder thinks: age by its own clock, whether that clock has lost its tick, what it was granted and has not given up, and what is left of that. `null`: not held any more. */
  held: { age: number; lagged: boolean; granted: number; left: number } | null;
}

interface Request {
  readonly gateway: number;
  readonly lease: number;
  /** `unsure`: its holder was not told that what it recorded is durable, and has nothing more to do with it. */
  state: 'held' | 'admitted' | 'ended' | 'gone' | 'unsure';
  /** As the books know it. */
  booked: 'unknown' | 'open' | 'ended';
  kept: number;
  cost: number;
}

/** Everything there is, in one place: services, holders, what lies in the stream. Requests hold one unit and cost one or nothing. */
export interface State {
  now: number;
  available: number;
  spent: number;
  alive: boolean[];
  leases: Lease[];
  requests: Request[];
  /** What is not booked yet, in order. */
  stream: { readonly request: number; readonly kind: 'admitted' | 'ended'; readonly at: number }[];
  /** What holders said on recalls: each may be heard at once, late, more than once, in another order, or never. */
  answers: { readonly lease: number; readonly usedMax: number }[];
  answered: number;
  /** How many messages came twice. */
  repeated: number;
  /** What may not be and happened on the way here. */
  wrong: string | null;
}

export const begin = ({ limit, gateways }: World): State => ({ now: 0, available: limit, spent: 0, alive: Array.from({ length: gateways }, () => true), leases: [], requests: [], stream: [], answers: [], answered: 0, repeated: 0, wrong: null });

export type Step = readonly [name: string, next: () => State];

/** Sets of leases whose holders' clocks lose the next tick. */
type Lags = (state: State) => readonly (readonly number[])[];

const copy = (state: State): State => ({
  ...state,
  alive: [...state.alive],
  leases: state.leases.map((lease) => ({ ...lease, held: lease.held && { ...lease.held } })),
  requests: state.requests.map((request) => ({ ...request })),
  stream: [...state.stream],
  answers: [...state.answers],
});

/** Every step of anybody that is possible now. */
export function stepsOf(state: State, world: World, fault?: PlantedFault, lags: Lags = everyLag): Step[] {
  const steps: Step[] = [];
  const step = (name: string, change: (next: State) => void): void => {
    steps.push([name, () => changed(state, change, fault)]);
  };
  for (const [gateway, alive] of state.alive.entries()) {
    // Gateways are alike: the next one to act for the first time is the next one in order.
    if (!alive || gateway > 1 + Math.max(-1, ...state.leases.map((lease) => lease.gateway))) continue;
    if (state.leases.length < world.leases && grantSize(state, gateway) !== undefined) step(`grant to ${gateway}`, (next) => grant(next, gateway, fault));
    if (state.requests.length < world.requests && usableLease(state, gateway, fault) >= 0) step(`request at ${gateway}`, (next) => hold(next, gateway, fault));
    if (state.alive.filter(Boolean).length > 1) step(`kill ${gateway}`, (next) => kill(next, gateway));
  }
  for (const [request, { state: at, booked, gateway }] of state.requests.entries()) {
    if (at === 'held') step(`admit ${request}`, (next) => admit(next, request, fault));
    for (const cost of [0, 1]) if (at === 'admitted') step(`end ${request} for ${cost}`, (next) => end(next, request, cost));
    if (at === 'admitted' || (at === 'held' && isInTime(state, request, fault))) step(`hear nothing of ${request}`, (next) => doubt(next, request, fault));
    // Nobody else ends a request of the dead, and perhaps nobody one that its holder is not sure of: billing does, from a receipt or with nothing.
    const isOrphan = at === 'unsure' || (at === 'gone' && !state.alive[gateway]!);
    for (const cost of [0, 1]) if (isOrphan && booked === 'open' && !isEnding(state, request)) step(`close ${request} for ${cost}`, (next) => end(next, request, cost));
  }
  for (const [lease, { open, held, gateway }] of state.leases.entries()) {
    if (open && isDue(state, lease, fault)) step(`reclaim ${lease}`, (next) => reclaim(next, lease, fault));
    const idle = held !== null && state.alive[gateway]! && !state.requests.some((one) => one.lease === lease && (one.state === 'held' || one.state === 'admitted'));
    if (idle) step(`release ${lease}`, (next) => release(next, lease));
    // Recalled by whoever is short of money.
    if (held !== null && state.alive[gateway]! && state.answered < world.recalls && givesUp(state, lease, fault) > 0) step(`give up of ${lease}`, (next) => giveUp(next, lease, fault));
  }
  for (const [answer, { lease }] of state.answers.entries()) step(`hear of ${lease}`, (next) => hear(next, answer, fault));
  if (state.stream.length > 0) step('book', (next) => book(next, fault));
  for (const [request, { booked }] of state.requests.entries()) if (state.repeated < world.repeats && booked === 'ended') step(`repeat ${request}`, (next) => repeat(next, request));
  if (state.now < world.ticks && state.leases.some(({ open }) => open)) for (const lagging of lags(state)) step(`tick${lagging.length > 0 ? `, ${lagging.join()} late` : ''}`, (next) => tick(next, lagging, fault));
  return steps;
}

function changed(state: State, change: (next: State) => void, fault?: PlantedFault): State {
  const next = copy(state);
  change(next);
  // What can change nothing any more need not be remembered: amounts only shrink, and leases open once.
  if (fault === undefined) next.answers = next.answers.filter(({ lease, usedMax }) => next.leases[lease]!.open && usedMax < next.leases[lease]!.granted);
  return next;
}

const sizeFor = (available: number, holders: number): Nanos | undefined => leaseSize({ needNanos: 1n, demandNanosPerSecond: 1n, availableNanos: BigInt(available), holders });

function grantSize({ available, leases }: State, gateway: number): number | undefined {
  const others = new Set(leases.filter((lease) => lease.open && lease.gateway !== gateway).map((lease) => lease.gateway));
  const size = sizeFor(available, 1 + others.size);
  return size === undefined ? undefined : Number(size);
}

function grant(state: State, gateway: number, fault?: PlantedFault): void {
  const size = grantSize(state, gateway)!;
  state.available -= size;
  // Counted from the sending of the question; the answer may be a tick on its way.
  const age = fault === 'holder counts its time from the answer' ? -2 : 0;
  state.leases.push({ gateway, closesAt: state.now + (fault === 'reclaims without grace' ? times.usable : times.ttl + times.grace), open: true, granted: size, remaining: size, held: { age, lagged: false, granted: size, left: size } });
}

const usableTicks = (fault?: PlantedFault): number => (fault === 'holder uses a lease to its end' ? times.ttl + times.grace : times.usable);

const usableLease = ({ leases }: State, gateway: number, fault?: PlantedFault): number => leases.findIndex(({ held, gateway: holder }) => holder === gateway && held !== null && held.age < usableTicks(fault) && held.left > 0);

function hold(state: State, gateway: number, fault?: PlantedFault): void {
  const lease = usableLease(state, gateway, fault);
  state.leases[lease]!.held!.left -= 1;
  state.requests.push({ gateway, lease, state: 'held', booked: 'unknown', kept: 0, cost: 0 });
}

function isInTime({ requests, leases }: State, request: number, fault?: PlantedFault): boolean {
  const { held } = leases[requests[request]!.lease]!;
  return held !== null && held.age <= usableTicks(fault);
}

/** The record is in the stream before the answer; what took too long is refused and gives its hold back. */
function admit(state: State, request: number, fault?: PlantedFault): void {
  const one = state.requests[request]!;
  const { held } = state.leases[one.lease]!;
  if (isInTime(state, request, fault)) {
    one.state = 'admitted';
    append(state, request, 'admitted');
  } else {
    one.state = 'gone';
    if (held !== null) held.left += 1;
  }
}

/** The stream does not say whether it has an admission, which it has, or an end, which it has not: the hold counts as spent. */
function doubt(state: State, request: number, fault?: PlantedFault): void {
  const one = state.requests[request]!;
  const isBack = fault === (one.state === 'held' ? 'gives back the hold of an admission that may have arrived' : 'gives back what an end left before the end is durable');
  if (one.state === 'held') append(state, request, 'admitted');
  one.state = 'unsure';
  const { held } = state.leases[one.lease]!;
  if (held !== null && isBack) held.left += 1;
}

function end(state: State, request: number, cost: number): void {
  const one = state.requests[request]!;
  const { held } = state.leases[one.lease]!;
  if (held !== null && one.state === 'admitted') held.left += 1 - cost;
  if (one.state === 'admitted') one.state = 'ended';
  one.cost = cost;
  append(state, request, 'ended');
}

function kill(state: State, gateway: number): void {
  state.alive[gateway] = false;
  for (const one of state.requests) if (one.gateway === gateway && one.state !== 'ended') one.state = 'gone';
  for (const lease of state.leases) if (lease.gateway === gateway) lease.held = null;
}

const append = (state: State, request: number, kind: 'admitted' | 'ended'): void => void state.stream.push({ request, kind, at: state.now });

const isEnding = ({ stream }: State, request: number): boolean => stream.some((entry) => entry.kind === 'ended' && entry.request === request);

/** A message that was acknowledged too late comes again, behind all others. */
function repeat(state: State, request: number): void {
  state.repeated += 1;
  append(state, request, 'ended');
}

function isDue({ now, leases, stream }: State, lease: number, fault?: PlantedFault): boolean {
  const { closesAt } = leases[lease]!;
  if (now < closesAt) return false;
  return fault === 'reclaims before the books have caught up' || stream.every(({ at }) => at > closesAt);
}

function release(state: State, lease: number): void {
  const one = state.leases[lease]!;
  one.held = null;
  if (one.open) one.closesAt = Math.min(one.closesAt, state.now);
}

const givesUp = ({ leases, requests }: State, lease: number, fault?: PlantedFault): number =>
  leases[lease]!.held!.left + (fault === 'gives up what its requests hold' ? requests.filter((one) => one.lease === lease && (one.state === 'held' || one.state === 'admitted')).length : 0);

/** What is given up is not used any more from here on, whenever the answer is heard. */
function giveUp(state: State, lease: number, fault?: PlantedFault): void {
  const { held } = state.leases[lease]!;
  const nanos = givesUp(state, lease, fault);
  state.answered += 1;
  state.answers.push({ lease, usedMax: held!.granted - nanos });
  held!.granted -= nanos;
  if (fault !== 'uses what it has given up') held!.left -= nanos;
}

function hear(state: State, answer: number, fault?: PlantedFault): void {
  const { lease, usedMax } = state.answers[answer]!;
  const one = state.leases[lease]!;
  const open = one.open || fault === 'takes from a lease that has returned';
  const granted = fault === 'counts what is given back twice' ? usedMax + 1 : one.granted;
  const back = Number(givenBack({ open, grantedNanos: BigInt(granted), remainingNanos: BigInt(one.remaining) }, BigInt(usedMax)));
  one.granted -= back;
  one.remaining -= back;
  state.available += back;
}

/** The clock of the service, and those of the holders except those that lose this tick. */
function tick(state: State, lagging: readonly number[], fault?: PlantedFault): void {
  state.now += 1;
  for (const [index, { held }] of state.leases.entries()) {
    if (held === null) continue;
    if (lagging.includes(index)) held.lagged = true;
    else held.age = Math.min(held.age + 1, usableTicks(fault) + 1);
    // What cannot be used any more is as old as anything.
    if (held.age > usableTicks(fault)) held.lagged = false;
  }
}

/** Leases whose holders' clocks may lose the next tick. */
export const ableToLag = ({ leases }: State): number[] => leases.flatMap(({ held }, index) => (held !== null && !held.lagged && held.age < times.usable + 1 ? [index] : []));

const everyLag = (state: State): number[][] => ableToLag(state).reduce<number[][]>((sets, index) => [...sets, ...sets.map((set) => [...set, index])], [[]]);

/** What may not be, in a state of the protocol; `null`: nothing is wrong. */
export function wrongIn(state: State, { limit }: World): string | null {
  const leased = state.leases.reduce((sum, { remaining }) => sum + remaining, 0);
  if (state.available + leased + state.spent !== limit) return 'money appears or is lost';
  if (state.available < 0 || state.spent > limit) return 'more is spent than the budget';
  if (state.leases.some(({ remaining }) => remaining < 0)) return 'a lease is used twice';
  const costs = state.requests.reduce((sum, { booked, cost }) => sum + (booked === 'ended' ? cost : 0), 0);
  if (state.spent !== costs) return 'spent is not what the requests cost';
  if (isQuiet(state) && state.available + state.spent !== limit) return 'money stays out';
  return state.wrong;
}

/** Nothing is under way any more: all is booked, no lease is open, no request runs. */
export const isQuiet = (state: State): boolean => state.stream.length === 0 && state.leases.every(({ open }) => !open) && state.requests.every(({ booked }) => booked !== 'open');

function balance({ leases, requests }: State, index: number): LeaseBalance {
  const { open, remaining } = leases[index]!;
  const kept = requests.reduce((sum, one) => sum + (one.lease === index && one.booked !== 'ended' ? one.kept : 0), 0);
  return { id: String(index), budget: 'b', tenant: 't', fence: 1, open, remainingNanos: BigInt(remaining), keptNanos: BigInt(kept) };
}

function reclaim(state: State, index: number, fault?: PlantedFault): void {
  const lease = state.leases[index]!;
  const open = state.requests.flatMap((one, request) => (one.lease === index && one.booked === 'open' ? [{ record: String(request), holdNanos: 1n }] : []));
  const { returnedNanos, kept } = leaseReturn(BigInt(lease.remaining), fault === 'returns what open requests hold' ? [] : open);
  for (const { record, keptNanos } of kept) state.requests[Number(record)]!.kept = Number(keptNanos);
  state.available += Number(returnedNanos);
  lease.remaining -= Number(returnedNanos);
  lease.open = false;
  lease.closesAt = 0;
}

/** The next message, as the books take it: a record ends once. */
function book(state: State, fault?: PlantedFault): void {
  const { request, kind } = state.stream.shift()!;
  const one = state.requests[request]!;
  const { cost } = one;
  if (kind === 'admitted') {
    if (one.booked === 'unknown') one.booked = 'open';
    return;
  }
  if (one.booked === 'ended' && fault !== 'books what comes twice') return;
  const balances = new Map(state.leases.map((_, index) => [String(index), balance(state, index)]));
  one.booked = 'ended';
  const use = { record: String(request), tenant: 't', budget: 'b', lease: String(one.lease), amountNanos: BigInt(cost), keptNanos: BigInt(one.kept), keptBy: String(one.lease) };
  const { bookings, remaining } = useLeases(balances, [use]);
  for (const [id, left] of remaining) state.leases[Number(id)]!.remaining = Number(left);
  const booking = bookings[0]!;
  state.available += Number(booking.returnedNanos - booking.fromAvailableNanos);
  state.spent += cost;
  one.kept = 0;
  if (booking.anomaly !== undefined) state.wrong = booking.anomaly;
}

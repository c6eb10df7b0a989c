import type { Nanos } from '#kernel';
import { leaseReturn } from './lease-return.js';
import { leaseSize } from './lease-size.js';
import { useLeases } from './lease-usage.js';
import type { LeaseBalance } from './lease-usage.js';

/** What could be wrong with the protocol: each must lead the search to a state that may not be. */
export type PlantedFault = 'reclaims before the books have caught up' | 'reclaims without grace' | 'returns what open requests hold' | 'books what comes twice' | 'holder counts its time from the answer' | 'holder uses a lease to its end';

/** Sizes of the world that is searched. */
export interface World {
  readonly limit: number;
  readonly gateways: number;
  readonly requests: number;
  readonly leases: number;
}

/** In ticks: a holder may begin requests in the first of the two that a lease lives; one more is grace. A clock may lose one tick in the life of a lease. */
const times = { usable: 1, ttl: 2, grace: 1, last: 4 } as const;

interface Lease {
  readonly gateway: number;
  closesAt: number;
  open: boolean;
  remaining: number;
  /** What its holder thinks: age by its own clock, whether that clock has lost its tick, and what is left. `null`: not held any more. */
  held: { age: number; lagged: boolean; left: number } | null;
}

interface Request {
  readonly gateway: number;
  readonly lease: number;
  state: 'held' | 'admitted' | 'ended' | 'gone';
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
  /** Whether a message came twice already: once is enough. */
  repeated: boolean;
  /** What may not be and happened on the way here. */
  wrong: string | null;
}

export const begin = ({ limit, gateways }: World): State => ({ now: 0, available: limit, spent: 0, alive: Array.from({ length: gateways }, () => true), leases: [], requests: [], stream: [], repeated: false, wrong: null });

type Step = readonly [name: string, next: State];

const copy = (state: State): State => ({
  ...state,
  alive: [...state.alive],
  leases: state.leases.map((lease) => ({ ...lease, held: lease.held && { ...lease.held } })),
  requests: state.requests.map((request) => ({ ...request })),
  stream: [...state.stream],
});

/** Every state that one step of anybody leads to. */
export function stepsOf(state: State, world: World, fault?: PlantedFault): Step[] {
  const steps: Step[] = [];
  const step = (name: string, change: (next: State) => void): void => {
    const next = copy(state);
    change(next);
    steps.push([name, next]);
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
    // Nobody else ends a request of the dead: billing does, from a receipt or with nothing.
    for (const cost of [0, 1]) if (at === 'gone' && booked === 'open' && !state.alive[gateway]! && !isEnding(state, request)) step(`close ${request} for ${cost}`, (next) => end(next, request, cost));
  }
  for (const [lease, { open, held, gateway }] of state.leases.entries()) {
    if (open && isDue(state, lease, fault)) step(`reclaim ${lease}`, (next) => reclaim(next, lease, fault));
    const idle = held !== null && state.alive[gateway]! && !state.requests.some((one) => one.lease === lease && (one.state === 'held' || one.state === 'admitted'));
    if (idle) step(`release ${lease}`, (next) => release(next, lease));
  }
  if (state.stream.length > 0) step('book', (next) => book(next, fault));
  for (const [request, { booked }] of state.requests.entries()) if (!state.repeated && booked === 'ended') step(`repeat ${request}`, (next) => repeat(next, request));
  if (state.now < times.last && state.leases.some(({ open }) => open)) for (const lagging of lagsOf(state)) step(`tick${lagging.length > 0 ? `, ${lagging.join()} late` : ''}`, (next) => tick(next, lagging));
  return steps;
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
  state.leases.push({ gateway, closesAt: state.now + (fault === 'reclaims without grace' ? times.usable : times.ttl + times.grace), open: true, remaining: size, held: { age, lagged: false, left: size } });
}

const usableTicks = (fault?: PlantedFault): number => (fault === 'holder uses a lease to its end' ? times.ttl + times.grace : times.usable);

const usableLease = ({ leases }: State, gateway: number, fault?: PlantedFault): number => leases.findIndex(({ held, gateway: holder }) => holder === gateway && held !== null && held.age < usableTicks(fault) && held.left > 0);

function hold(state: State, gateway: number, fault?: PlantedFault): void {
  const lease = usableLease(state, gateway, fault);
  state.leases[lease]!.held!.left -= 1;
  state.requests.push({ gateway, lease, state: 'held', booked: 'unknown', kept: 0, cost: 0 });
}

/** The record is in the stream before the answer; what took too long is refused and gives its hold back. */
function admit(state: State, request: number, fault?: PlantedFault): void {
  const one = state.requests[request]!;
  const { held } = state.leases[one.lease]!;
  if (held !== null && held.age <= usableTicks(fault)) {
    one.state = 'admitted';
    append(state, request, 'admitted');
  } else {
    one.state = 'gone';
    if (held !== null) held.left += 1;
  }
}

function end(state: State, request: number, cost: number): void {
  const one = state.requests[request]!;
  if (one.state === 'admitted') one.state = 'ended';
  one.cost = cost;
  const { held } = state.leases[one.lease]!;
  if (held !== null) held.left += 1 - cost;
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
  state.repeated = true;
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

/** The clock of the service, and those of the holders except those that lose this tick. */
function tick(state: State, lagging: readonly number[]): void {
  state.now += 1;
  for (const [index, { held }] of state.leases.entries()) {
    if (held === null) continue;
    if (lagging.includes(index)) held.lagged = true;
    else held.age = Math.min(held.age + 1, times.ttl + times.grace + 1);
  }
}

/** Every set of leases whose holders' clocks may lose the next tick. */
function lagsOf({ leases }: State): number[][] {
  const able = leases.flatMap(({ held }, index) => (held !== null && !held.lagged && held.age < times.usable + 1 ? [index] : []));
  return able.reduce<number[][]>((sets, index) => [...sets, ...sets.map((set) => [...set, index])], [[]]);
}

const balance = (lease: Lease, index: number): LeaseBalance => ({ id: String(index), budget: 'b', tenant: 't', fence: 1, open: lease.open, remainingNanos: BigInt(lease.remaining) });

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
  one.booked = 'ended';
  const use = { record: String(request), tenant: 't', budget: 'b', lease: String(one.lease), amountNanos: BigInt(cost), keptNanos: BigInt(one.kept), keptBy: String(one.lease) };
  const { bookings, remaining } = useLeases(new Map(state.leases.map((lease, index) => [String(index), balance(lease, index)])), [use]);
  for (const [id, left] of remaining) state.leases[Number(id)]!.remaining = Number(left);
  const booking = bookings[0]!;
  state.available += Number(booking.returnedNanos - booking.fromAvailableNanos);
  state.spent += cost;
  one.kept = 0;
  if (booking.anomaly !== undefined) state.wrong = booking.anomaly;
}

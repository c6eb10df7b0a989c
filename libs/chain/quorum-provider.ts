import { JsonRpcProvider, Network } from 'ethers';
import type { JsonRpcPayload, JsonRpcResult } from 'ethers';
import { SystemClock } from '#kernel';
import type { Clock } from '#kernel';
import { agreementRule, essence, isPinned, majorityOf, numberIn } from './agreement.js';
import { isKnownMessage, isMethodMissing } from './chain-failure.js';
import { Endpoint, isSaid, noAnswer } from './endpoint.js';
import type { RpcAnswer } from './endpoint.js';

export interface QuorumOptions {
  /** Endpoints that must agree; more than half when left out. */
  readonly quorum?: number | undefined;
  readonly clock?: Clock;
  /** Longest wait for one answer of one endpoint. */
  readonly timeoutMs?: number;
  /** Told when an endpoint begins to rest, by its host. */
  readonly onAside?: (name: string, reason: string) => void;
}

interface Said {
  readonly endpoint: Endpoint;
  readonly answer: RpcAnswer;
}

const pollingMs = 250;

/**
 * A provider over several endpoints of one chain that are not believed singly: see {@link agreementRule}. What no quorum says is no answer,
 * and comes out as CHAIN_UNAVAILABLE. Endpoints that are silent, another chain, or denied by the others are set aside and tried again later.
 */
export class QuorumProvider extends JsonRpcProvider {
  private readonly endpoints: readonly Endpoint[];
  private readonly quorum: number;

  constructor(urls: readonly string[], chainId: bigint, { quorum = majorityOf(urls.length), clock = new SystemClock(), timeoutMs, onAside = () => undefined }: QuorumOptions = {}) {
    const network = Network.from(chainId);
    super(urls[0], network, { staticNetwork: network, cacheTimeout: -1, batchMaxCount: 1, polling: true, pollingInterval: pollingMs });
    this.quorum = quorum;
    this.endpoints = urls.map((url) => new Endpoint(url, chainId, clock, onAside, timeoutMs));
  }

  /** What each endpoint says of a question that a quorum alone does not settle; an endpoint that does not answer is left out. Fails when fewer than a quorum answer. */
  async each(method: string, params: unknown[]): Promise<unknown[]> {
    const payload: JsonRpcPayload = { jsonrpc: '2.0', id: 1, method, params };
    const { said } = await this.all(payload);
    const results = said.flatMap(({ answer }) => ('error' in answer ? [] : [answer.result as unknown]));
    if (results.length < this.quorum) throw this.unavailable(payload, results.length);
    return results;
  }

  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    const answers = await Promise.all([payload].flat().map((each) => this.agree(each)));
    return answers as JsonRpcResult[];
  }

  private async agree(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const answer = await this.byRule(payload);
    return { ...answer, id: payload.id };
  }

  private byRule(payload: JsonRpcPayload): Promise<RpcAnswer> {
    switch (agreementRule(payload)) {
      case 'any':
        return this.any(payload);
      case 'equal':
        return this.equal(payload);
      case 'highest':
      case 'head':
        return this.reached(payload);
      case 'final':
        return this.final(payload);
      case 'seen':
        return this.seen(payload);
    }
  }

  /** Those that are in good standing; the silent too when there are too few. */
  private live(): readonly Endpoint[] {
    const good = this.endpoints.filter(({ standing }) => standing === 'good');
    return good.length >= this.quorum ? good : this.endpoints.filter(({ standing }) => standing !== 'lying');
  }

  /** What all have to say; an error of an endpoint alone is nothing said. */
  private async all(payload: JsonRpcPayload, among = this.live()): Promise<{ said: Said[]; unsaid: RpcAnswer | undefined; lacking: RpcAnswer[] }> {
    const answers = await Promise.all(among.map(async (endpoint) => ({ endpoint, answer: await endpoint.ask(payload).catch(() => undefined) })));
    const given = answers.filter((each): each is Said => each.answer !== undefined);
    const said = given.filter(({ answer }) => isSaid(answer));
    const lacking = given.flatMap(({ answer }) => ('error' in answer && isMethodMissing(answer.error) ? [answer] : []));
    return { said, unsaid: given.find(({ answer }) => !isSaid(answer))?.answer, lacking };
  }

  /** Everybody is given it: one that takes it is enough, and one that had it before is better than a refusal. */
  private async any(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const { said, unsaid } = await this.all(payload, this.endpoints);
    const refusals = said.map(({ answer }) => answer).filter((answer) => 'error' in answer);
    const taken = said.find(({ answer }) => !('error' in answer))?.answer;
    const known = refusals.find(({ error }) => isKnownMessage(error.message ?? ''));
    const answer = taken ?? known ?? refusals[0] ?? unsaid;
    if (!answer) throw this.unavailable(payload, 0);
    return answer;
  }

  /** Returns as soon as a quorum says the same; who says otherwise of a block that stands is set aside when it has said so. */
  private async equal(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const votes = new Map<string, Said[]>();
    let agreed: string | undefined;
    let unsaid: RpcAnswer | undefined;
    return new Promise<RpcAnswer>((resolve, reject) => {
      const take = async (endpoint: Endpoint): Promise<void> => {
        const answer = await endpoint.ask(payload).catch(() => undefined);
        if (answer === undefined) return;
        if (!isSaid(answer)) return void (unsaid = answer);
        const key = essence(payload, answer);
        const same = [...(votes.get(key) ?? []), { endpoint, answer }];
        votes.set(key, same);
        if (agreed === undefined && same.length >= this.quorum) {
          agreed = key;
          resolve(answer);
        }
        if (agreed !== undefined && isPinned(payload)) this.denyOthers(votes, agreed, payload);
      };
      void Promise.all(this.live().map(take)).then(() => {
        if (agreed !== undefined) return;
        if (votes.size === 0 && unsaid) resolve(unsaid);
        else reject(this.unavailable(payload, votes.size));
      });
    });
  }

  private denyOthers(votes: Map<string, Said[]>, agreed: string, { method }: JsonRpcPayload): void {
    for (const [key, liars] of votes) if (key !== agreed) for (const { endpoint } of liars) endpoint.deny(`says of ${method} what ${this.quorum} others deny`);
  }

  /** The answer with the largest number that a quorum reaches: one endpoint alone can neither hold it back nor push it. Where too few have the method at all, that is the answer. */
  private async reached(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const { said, unsaid, lacking } = await this.all(payload);
    const numbered = byNumber(said);
    if (numbered.length >= this.quorum) return numbered[this.quorum - 1]!.answer;
    const refusals = said.filter(({ answer }) => 'error' in answer);
    if (refusals.length >= this.quorum) return refusals[0]!.answer;
    if (lacking.length > 0 && numbered.length + lacking.length >= this.quorum) return lacking[0]!;
    if (said.length === 0 && unsaid) return unsaid;
    throw this.unavailable(payload, said.length);
  }

  /** The newest block that is final for a quorum, by the hash that a quorum gives it. */
  private async final(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const { said, unsaid } = await this.all(payload);
    const numbered = byNumber(said);
    const lowest = numbered[this.quorum - 1];
    if (!lowest) {
      if (said.length === 0 && unsaid) return unsaid;
      throw this.unavailable(payload, said.length);
    }
    if (this.quorum === 1) return lowest.answer;
    const number = numberIn(lowest.answer)!;
    const reaching = numbered.filter(({ answer }) => numberIn(answer)! >= number);
    const pinned = { ...payload, params: [`0x${number.toString(16)}`, false] };
    // Who named this very block has said its hash; only of those that name a newer one it is not known.
    const isTold = reaching.every(({ answer }) => numberIn(answer) === number);
    const blocks = isTold ? reaching : (await this.all(pinned, reaching.map(({ endpoint }) => endpoint))).said;
    const votes = grouped(blocks, ({ answer }) => essence(pinned, answer));
    for (const [key, same] of votes) {
      if (same.length < this.quorum) continue;
      this.denyOthers(votes, key, pinned);
      return same[0]!.answer;
    }
    throw this.unavailable(payload, votes.size);
  }

  /** What a quorum has seen, or that a quorum has seen nothing. That one has seen it and another has not says neither. */
  private async seen(payload: JsonRpcPayload): Promise<RpcAnswer> {
    const { said, unsaid } = await this.all(payload);
    for (const same of grouped(said, ({ answer }) => essence(payload, answer)).values()) if (same.length >= this.quorum) return same[0]!.answer;
    if (said.length === 0 && unsaid) return unsaid;
    throw this.unavailable(payload, said.length);
  }

  private unavailable({ method }: JsonRpcPayload, answers: number): Error {
    const need = this.endpoints.length === 1 ? '' : ` (${this.quorum} of ${this.endpoints.length} endpoints must agree)`;
    return noAnswer(answers === 0 ? `no endpoint answers ${method}` : `the endpoints disagree on ${method}${need}`);
  }
}

function byNumber(said: readonly Said[]): Said[] {
  return said.filter(({ answer }) => numberIn(answer) !== null).sort((a, b) => (numberIn(a.answer)! < numberIn(b.answer)! ? 1 : -1));
}

function grouped(said: readonly Said[], keyOf: (each: Said) => string): Map<string, Said[]> {
  const groups = new Map<string, Said[]>();
  for (const each of said) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}

import { createHmac } from 'node:crypto';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { erasureCalls, failure, Sealer } from '#protocol';
import type { TenantEntry } from '#protocol';
import type { DeclaredFacts } from './declared-facts.js';

/** Persons whose key is remembered: 5 KiB each, so 10 MiB at most. */
const sealersMax = 2_048;
/** A data key seals for an hour at most. */
const sealerAgeMaxMs = 3_600_000;

interface Known {
  readonly sealer: Sealer;
  readonly erasures: number;
  readonly sinceMs: number;
}

/** Asks for the key of a person. */
export type AskKey = (tenant: string, person: string) => Promise<{ keyId: string; publicKey: string }>;

/**
 * Whom data is about. Callers name a person by whatever they like; from the door on there is only a pseudonym, by a secret of the organisation. Records about
 * a person are sealed, in the part that names them, to a key of theirs, which is asked for once an hour.
 */
export class Persons {
  private readonly known = new Map<string, Known>();
  private readonly secrets = new Map<string, { salt: string; secret: Buffer }>();

  constructor(
    private readonly pepper: string,
    private readonly ask: AskKey,
    private readonly clock: Clock,
  ) {}

  static asking(caller: Caller, pepper: string, clock: Clock): Persons {
    return new Persons(pepper, (tenant, person) => caller.call(erasureCalls.personKey, { tenant, person }), clock);
  }

  /** The same facts with the pseudonym in place of the person. Error: STARTING. */
  named(tenant: TenantEntry, declared: DeclaredFacts): DeclaredFacts {
    return declared.subject === null ? declared : { ...declared, subject: this.pseudonym(tenant, declared.subject) };
  }

  /** HMAC-SHA256, hex, under HMAC-SHA256(pepper, "mizan person" ‖ 00 ‖ salt): the salt alone tests no guesses. Error: STARTING. */
  pseudonym({ tenant, personSalt }: TenantEntry, subject: string): string {
    if (personSalt === undefined) throw failure('STARTING', 'the organisation is not ready for subjects yet; try again shortly');
    let held = this.secrets.get(tenant);
    if (held?.salt !== personSalt) this.secrets.set(tenant, (held = { salt: personSalt, secret: createHmac('sha256', this.pepper).update('mizan person\0').update(personSalt, 'base64').digest() }));
    return createHmac('sha256', held.secret).update(subject).digest('hex');
  }

  /** Seals to a person's key; after an erasure in the organisation keys are asked for anew. Errors: SERVICE_UNAVAILABLE, NOT_FOUND. */
  async sealerOf({ tenant, erasures = 0 }: TenantEntry, person: string): Promise<Sealer> {
    const name = `${tenant} ${person}`;
    const nowMs = this.clock.monotonicMs();
    const known = this.known.get(name);
    if (known && known.erasures === erasures && !known.sealer.worn && nowMs - known.sinceMs < sealerAgeMaxMs) return known.sealer;
    const { keyId, publicKey } = await this.ask(tenant, person);
    const sealer = new Sealer(Buffer.from(publicKey, 'base64'), keyId);
    this.known.delete(name);
    this.known.set(name, { sealer, erasures, sinceMs: nowMs });
    if (this.known.size > sealersMax) this.known.delete(this.known.keys().next().value!);
    return sealer;
  }
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { consistencyProof, consistencySubtrees, discloseBundle, formatVerifierKey, inclusionProof, inclusionSubtrees, Malformed, nodeCrypto, parseNote, sha256, toBase64 } from '#merkle';
import { failure, type bundleCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { PolicyStore } from '../policies/policies.store.js';
import { SearchStore } from '../search/search.store.js';
import { Secrets } from '../secrets.js';
import { LogKeys } from '../witnesses/log-keys.service.js';
import { namedEntries } from './bundled-entries.js';
import { CommittedTiles } from './committed-tiles.service.js';
import { Prover } from './prover.service.js';
import { disclosedErasures, RecordReader, type LogEntry } from './record-reader.service.js';

type Call = (typeof bundleCalls)['bundleRecord'];

/** The operator anchors at least hourly, as does a payer who owes something: the first of these anchors after a record covers it. */
const anchorsLookedAt = 8;

/** Puts everything that it takes to check a record into one file. */
@Injectable()
export class Bundler {
  constructor(
    private readonly dataSource: DataSource,
    private readonly records: RecordReader,
    private readonly search: SearchStore,
    private readonly tiles: CommittedTiles,
    private readonly prover: Prover,
    private readonly policies: PolicyStore,
    private readonly secrets: Secrets,
    private readonly keys: LogKeys,
  ) {}

  /**
   * With the erasures that wait for a hold and of whose records the file discloses some. Errors: `NOT_FOUND`, `RECORD_PENDING`, `REQUEST_INVALID` when the log
   * never had `since` entries, or no
   * body has one of the `fields`.
   */
  async bundle({ tenant, id, since, fields, reader }: RequestOf<Call>): Promise<{ bundle: ReplyOf<Call>; restricted: string[] }> {
    const own = await this.records.read({ tenant, id, reader });
    const { policyVersion, records } = namedEntries(own.map(({ body }) => body));
    const policy = tenant === null || policyVersion === undefined ? undefined : await withTenant(this.dataSource, tenant, (manager) => this.policies.recordOf(manager, tenant, policyVersion));
    const named = [...(policy === undefined ? [] : await this.records.entriesOf(tenant, policy)), ...(await this.records.operatorEntries(records))];
    const anchor = tenant === null ? undefined : await this.anchorAfter(tenant, own.at(-1)!);
    const all = [...own, ...named.filter((entry) => entry.id !== id), ...(anchor === undefined ? [] : [anchor.entry])];
    const bundle = await this.proven(id, all, [anchor?.size, since]);
    return { bundle: fields === undefined ? bundle : disclosed(bundle, fields), restricted: disclosedErasures(own) };
  }

  private async proven(record: string, all: readonly LogEntry[], sizes: readonly (number | undefined)[]): Promise<ReplyOf<Call>> {
    const sorted = [...new Map(all.map((entry) => [entry.index, entry])).values()].sort((a, b) => a.index - b.index);
    const { size, note } = await this.prover.shown(sorted.at(-1)!.index + 1, 'of the key now');
    const earlierSizes = [...new Set(sizes.filter((one) => one !== undefined))].sort((a, b) => a - b);
    if (earlierSizes.some((one) => one > size)) throw failure('REQUEST_INVALID', `"since" is beyond the ${size} entries of the log`, { param: 'since' });
    const hashAt = await this.tiles.hashes([...sorted.flatMap(({ index }) => inclusionSubtrees(index, size)), ...earlierSizes.flatMap((one) => consistencySubtrees(one, size))], size);
    const earlier = await Promise.all(
      earlierSizes.map(async (one) => ({ size: one, root: toBase64(await this.tiles.rootAt(one)), proof: consistencyProof(sha256, one, size, hashAt).map(toBase64) })),
    );
    const signers = new Set(parseNote(note).signatures.map(({ name, keyId }) => `${name} ${keyId}`));
    return {
      format: 'mizan-bundle/1',
      record,
      logKey: await this.keys.keyOf(note),
      witnessKeys: this.secrets.witnesses.map(({ key }) => key).filter(({ name, keyId }) => signers.has(`${name} ${keyId}`)).map(formatVerifierKey),
      checkpoint: note,
      entries: sorted.map(({ index, envelope, body }) => ({ index, envelope, body: body && bundled(body), proof: inclusionProof(sha256, index, size, hashAt).map(toBase64) })),
      earlier,
    };
  }

  /** The first anchor, of the tenant's payer or of the operator, that covers an entry, if there is one yet. */
  private async anchorAfter(tenant: string, { index, timeMs }: LogEntry): Promise<{ entry: LogEntry; size: number } | undefined> {
    const found = await withTenant(this.dataSource, '*', (manager) => this.search.anchorsAfter(manager, tenant, { timeMs, index }, anchorsLookedAt));
    for (const { id, tenant: of } of found) {
      const [entry] = of === null ? await this.records.operatorEntries([id]) : await this.records.entriesOf(tenant, id);
      const size = entry?.body?.fields['auditSize'];
      if (entry !== undefined && typeof size === 'number' && size > index) return { entry, size };
    }
    return undefined;
  }
}

function disclosed(bundle: ReplyOf<Call>, fields: readonly string[]): ReplyOf<Call> {
  try {
    return discloseBundle(nodeCrypto, bundle, fields) as ReplyOf<Call>;
  } catch (error) {
    throw error instanceof Malformed ? failure('REQUEST_INVALID', error.message, { param: 'fields' }, error) : error;
  }
}

/** What of an opened body is in a file: which key a person had is nobody's business. */
function bundled({ secret, fields, person }: NonNullable<LogEntry['body']>): ReplyOf<Call>['entries'][number]['body'] {
  return { secret, fields, ...(person && { person: { commitments: person.commitments, secret: person.secret } }) };
}

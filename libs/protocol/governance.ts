import { z } from 'zod';
import { roles } from './access.js';
import { defineCall } from './define.js';
import { searchFilter } from './record-search.js';
import { erasedError, restrictedError } from './erasures.js';
import { recordBody, recordType } from './records.js';
import { expiredError } from './retention.js';
import { label, pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';
import { limitScope, limitSetting, modelAliases, trafficLimits } from './traffic.js';
import { dataClass } from './vocabulary.js';

export const organisation = z.object({ id: uuid, name: label, pseudonym: sha256Hex, createdAtMs: timeMs });
export const project = z.object({ id: uuid, tenant: uuid, name: label, defaultClass: dataClass, createdAtMs: timeMs });
export const apiKey = z.object({
  id: uuid,
  tenant: uuid,
  project: uuid.nullable(),
  role: z.enum(roles),
  name: label,
  /** The last four characters, to recognise it by. */
  tail: z.string(),
  createdAtMs: timeMs,
  expiresAtMs: timeMs.nullable(),
  revokedAtMs: timeMs.nullable(),
});
export const policyVersion = z.object({ tenant: uuid, version: z.int().positive(), hash: sha256Hex, text: z.string(), author: uuid.nullable(), publishedAtMs: timeMs });

/** Who asks; governance records it. `keyId` null = the bootstrap. */
export const actor = z.object({ keyId: uuid.nullable(), tenant: uuid.nullable() });

/** Who reads data; what is read to look after it, not to work with it, is an entry. */
export const reader = actor.extend({ role: z.enum(roles) });
export type Reader = z.output<typeof reader>;

export const logEntry = z.object({
  index: z.int().nonnegative(),
  id: uuid,
  type: recordType,
  timeMs,
  tenant: uuid.nullable(),
  /** Base64 of the exact hashed bytes. */
  envelope: z.base64(),
  /** Decrypted body, only for readers of the tenant; null when none. */
  body: recordBody.extend({ error: erasedError.optional() }).nullable(),
  /** Why there is no body, where its period is over. */
  expired: expiredError.optional(),
  /** Who it is about asked to be erased, and a legal hold is in the way: there is a body only for those who answer for both. */
  restricted: restrictedError.optional(),
});

/** A self-contained proof: verified with the log's public key and nothing else. */
export const recordProof = z.object({
  format: z.literal('mizan-proof/1'),
  entries: z.array(
    z.object({
      entry: logEntry,
      /** C2SP tlog-proof v1 text: index, hashes leaf → root, signed checkpoint. */
      proof: z.string(),
    }),
  ),
  /** C2SP verifier key of the log. */
  logKey: z.string(),
});

/** The keys that the log had, each change signed by both sides and proven to be an entry; `openKeyHistory` of the Merkle library checks it. */
export const logKeys = z.object({
  format: z.literal('mizan-log-keys/1'),
  logKey: z.string(),
  checkpoint: z.string(),
  changes: z.array(z.object({ note: z.string(), index: z.int().nonnegative(), envelope: z.base64(), proof: z.array(z.base64()), consistency: z.array(z.base64()) })),
});

export const governanceCalls = {
  createOrganisation: defineCall('governance', 'organisations.create', { request: z.object({ actor, name: label }), reply: organisation }),
  getOrganisation: defineCall('governance', 'organisations.get', { request: z.object({ tenant: uuid }), reply: organisation }),
  listOrganisations: defineCall('governance', 'organisations.list', { request: pageRequest, reply: z.object({ data: z.array(organisation), hasMore: z.boolean() }) }),
  createProject: defineCall('governance', 'projects.create', { request: z.object({ actor, tenant: uuid, name: label, defaultClass: dataClass }), reply: project }),
  listProjects: defineCall('governance', 'projects.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(project) }) }),
  createKey: defineCall('governance', 'keys.create', {
    request: z.object({ actor, tenant: uuid, project: uuid.nullable(), role: z.enum(roles), name: label, expiresAtMs: timeMs.nullable() }),
    /** `secret` is shown once and never stored. */
    reply: apiKey.extend({ secret: z.string() }),
  }),
  listKeys: defineCall('governance', 'keys.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(apiKey) }) }),
  revokeKey: defineCall('governance', 'keys.revoke', { request: z.object({ actor, tenant: uuid, id: uuid }), reply: apiKey }),
  /** Replaces the limits of one organisation, project or key. Error: NOT_FOUND. */
  putLimits: defineCall('governance', 'limits.put', { request: z.object({ actor, tenant: uuid, scope: limitScope, subject: uuid, limits: trafficLimits }), reply: limitSetting }),
  listLimits: defineCall('governance', 'limits.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(limitSetting) }) }),
  /** Replaces all of an organisation's model aliases. Error: NOT_FOUND. */
  putAliases: defineCall('governance', 'aliases.put', { request: z.object({ actor, tenant: uuid, aliases: modelAliases }), reply: z.object({ data: modelAliases }) }),
  listAliases: defineCall('governance', 'aliases.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: modelAliases }) }),
  /** Errors: POLICY_INVALID with `details.problems: [{message, line, column, policy}]`. */
  putPolicy: defineCall('governance', 'policies.put', { request: z.object({ actor, tenant: uuid, text: z.string().max(262_144) }), reply: policyVersion, timeoutMs: 10_000 }),
  getPolicy: defineCall('governance', 'policies.get', { request: z.object({ tenant: uuid, version: z.int().positive().max(2 ** 31 - 1).optional() }), reply: policyVersion }),
  listPolicies: defineCall('governance', 'policies.list', { request: z.object({ tenant: uuid }), reply: z.object({ data: z.array(policyVersion.omit({ text: true })) }) }),
  /** Decides a past request again under `text` (or the version in force) over the offers now on the market. */
  dryRunPolicy: defineCall('governance', 'policies.dry-run', {
    request: z.object({ tenant: uuid, record: uuid, text: z.string().max(262_144).optional(), reader: reader.optional() }),
    reply: z.object({
      recorded: z.object({ decision: z.enum(['permit', 'deny']), policies: z.array(z.string()), policyVersion: z.int() }),
      now: z.object({
        decision: z.enum(['permit', 'deny']),
        permitted: z.array(z.object({ offer: uuid, nodeName: z.string(), region: z.string() })),
        refused: z.array(z.object({ policies: z.array(z.object({ id: z.string(), reason: z.string().nullable() })), offers: z.int() })),
      }),
    }),
    timeoutMs: 10_000,
  }),
  /** Entries of one request. Errors: NOT_FOUND, RECORD_PENDING (known to be on its way, not yet in the log). */
  getRecord: defineCall('governance', 'records.get', { request: z.object({ tenant: uuid.nullable(), id: uuid, reader: reader.optional() }), reply: z.object({ id: uuid, entries: z.array(logEntry) }) }),
  /** Entries that are all that is asked for, newest first; `after` is the index of the last entry of the page before, in decimal. A new entry is found within a second. */
  listRecords: defineCall('governance', 'records.list', {
    request: pageRequest.extend({ tenant: uuid.nullable(), type: recordType.optional(), ...searchFilter.shape, reader: reader.optional() }),
    reply: z.object({ data: z.array(logEntry.omit({ body: true })), hasMore: z.boolean() }),
  }),
  proveRecord: defineCall('governance', 'records.prove', { request: z.object({ tenant: uuid.nullable(), id: uuid }), reply: recordProof }),
  /** Hashes of one tile of the log (C2SP tlog-tiles). Error: NOT_FOUND when the log does not have all of them. */
  tile: defineCall('governance', 'audit.tile', {
    request: z.object({ level: z.int().min(0).max(6), index: z.int().nonnegative(), width: z.int().min(1).max(256) }),
    reply: z.object({ hashes: z.base64() }),
  }),
  /**
   * Public envelopes of one entry bundle, from its entry `from` on: as many as fit in one message. `next` is where to go on, null at
   * the end. Error: NOT_FOUND when the log does not have all of them.
   */
  entryBundle: defineCall('governance', 'audit.entry-bundle', {
    request: z.object({ index: z.int().nonnegative(), width: z.int().min(1).max(256), from: z.int().min(0).max(255) }),
    reply: z.object({ bundle: z.base64(), next: z.int().min(1).max(255).nullable() }),
  }),
  /** The checkpoint that the log publishes: signed by the log, with the cosignatures of its witnesses. */
  published: defineCall('governance', 'audit.published', { request: z.object({}), reply: z.object({ note: z.string(), logKey: z.string() }) }),
  /** The keys of the log. Error: SERVICE_UNAVAILABLE while a change of it is not yet an entry. */
  logKeys: defineCall('governance', 'audit.keys', { request: z.object({}), reply: logKeys }),
  /** The signed head of the log; `published`: of what it publishes, which with witnesses is what one of them has cosigned last. */
  checkpoint: defineCall('governance', 'audit.checkpoint', {
    request: z.object({ published: z.boolean().optional() }),
    reply: z.object({ note: z.string(), size: z.int().nonnegative(), root: sha256Hex, logKey: z.string() }),
  }),
} as const;

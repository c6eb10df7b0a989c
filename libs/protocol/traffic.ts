import { z } from 'zod';
import { answerRules } from './answer-rules.js';
import { defineReplica } from './define.js';
import type { ValueOf } from './define.js';
import { isPlainText, timeMs, uuid } from './scalars.js';
import { spendLimit } from './spend-limit.js';

/** A model's name as requests give it. */
export const modelName = z.string().trim().min(1).max(200).refine(isPlainText, 'control characters and broken surrogates are not text');

/** `2 ** 40`: over any rate a deployment can serve, and far within the exact integers of a double. */
const rateMax = 1_099_511_627_776;
const rate = z.int().positive().max(rateMax).nullable().default(null);

/** Answers found by the meaning of a question: by which embedding model, from which cosine on, and how old they may be. */
export const semanticCache = z.object({ model: modelName, minSimilarity: z.number().min(0.8).max(1), seconds: z.int().positive().max(86_400) });
export type SemanticCacheSetting = z.output<typeof semanticCache>;

/** Slow requests may be asked of a second machine, and both be paid for: at most this share of them. */
export const hedge = z.object({ maxShare: z.number().min(0.001).max(0.2) });

/** What a key, a project or an organisation may ask for. `null` = no limit of this kind. */
export const trafficLimits = z.object({
  requestsPerMinute: rate,
  /** Input and output together; reserved by the upper bound, counted as used. */
  tokensPerMinute: rate,
  /** Requests that run at the same time. */
  concurrentRequests: rate,
  /** The only models that may run; an alias counts as what it stands for. */
  models: z.array(modelName).max(200).nullable().default(null),
  /** Of a project: how long answers are kept for the very same request. `null` = not at all. A day at most. */
  cacheSeconds: z.int().positive().max(86_400).nullable().default(null),
  /** Of a project: whether answers are also given to similar questions. `null` = never. */
  semanticCache: semanticCache.nullable().default(null),
  /** Of a project: whether it pays twice for speed. `null` = never. */
  hedge: hedge.nullable().default(null),
  /** Of a project: how long responses are stored, a year at most. `null` = not at all, whatever callers ask for. */
  responseSeconds: z.int().positive().max(31_536_000).nullable().default(null),
  /** What it may spend in each hour, day, week or month, within the project's budget. */
  spend: spendLimit.nullable().default(null),
  /** What happens to personal data in its answers. The strictest rule of key, project and organisation holds. */
  answers: answerRules.nullable().default(null),
});
export type TrafficLimits = z.output<typeof trafficLimits>;

/** Whom a limit binds. A request is bound by all three of its own. */
export const limitScopes = ['organisation', 'project', 'key'] as const;
export const limitScope = z.enum(limitScopes);
export type LimitScope = z.output<typeof limitScope>;

/** A limit as it is set. `subject` is the id of the organisation, project or key. */
export const limitSetting = trafficLimits.extend({ tenant: uuid, scope: limitScope, subject: uuid, changedAtMs: timeMs });
export type LimitSetting = z.output<typeof limitSetting>;

/** Bucket `limits`, key = id of the organisation, project or key. */
export const limitReplica = defineReplica('limits', limitSetting);
export type LimitEntry = ValueOf<typeof limitReplica>;

/** A name of the organisation's own for models, tried in this order. */
export const modelAlias = z.object({ alias: modelName, models: z.array(modelName).min(1).max(8) });
export type ModelAlias = z.output<typeof modelAlias>;

/** At most 200 aliases of one organisation: 200 × 9 names × 200 characters fit one message. */
export const modelAliases = z
  .array(modelAlias)
  .max(200)
  .refine((all) => new Set(all.map(({ alias }) => alias)).size === all.length, 'an alias stands twice');

/** Bucket `aliases`, key = tenant. */
export const aliasReplica = defineReplica('aliases', z.object({ tenant: uuid, aliases: modelAliases, changedAtMs: timeMs }));
export type AliasEntry = ValueOf<typeof aliasReplica>;

/** What gateways tell each other on `mizan.gateway.presence`: `hello` asks the others to answer at once. */
export const gatewayPresence = z.object({ gateway: z.string().min(1).max(63), state: z.enum(['hello', 'here', 'gone']) });
export type GatewayPresence = z.output<typeof gatewayPresence>;

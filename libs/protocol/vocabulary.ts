import { z } from 'zod';
import { machineQuantities, meterQuantities } from './meters.js';

/** Data classes, least to most protected. A class is only ever raised. */
export const dataClasses = ['public', 'internal', 'confidential', 'restricted'] as const;
export const dataClass = z.enum(dataClasses);
export type DataClass = z.output<typeof dataClass>;

/** What the scanner can find. */
export const findingKinds = ['email', 'phone', 'card', 'iban', 'national-id'] as const;
export const findingKind = z.enum(findingKinds);
export type FindingKind = z.output<typeof findingKind>;

/** How a fact about a machine is known, weakest first. */
export const evidences = ['declared', 'contract', 'attested'] as const;
export const evidence = z.enum(evidences);
export type Evidence = z.output<typeof evidence>;

export const isolation = z.enum(['none', 'tee']);

/** OpenAI operations a node can run. */
export const endpoints = ['embeddings', 'chat.completions', 'completions', 'moderations', 'images.generations', 'audio.transcriptions', 'audio.speech'] as const;
export const endpoint = z.enum(endpoints);
export type Endpoint = z.output<typeof endpoint>;

/** What an engine says it used: tokens, and what else was measured. Cached input is a subset of input. */
export const usage = z.object({ inputTokens: z.int().nonnegative(), outputTokens: z.int().nonnegative(), meters: meterQuantities.optional() });
export type Usage = z.output<typeof usage>;
/** What a machine may say of what it did. */
export const machineUsage = usage.extend({ meters: machineQuantities.optional() });

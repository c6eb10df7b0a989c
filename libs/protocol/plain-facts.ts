import type { Json } from '#kernel';
import { recordFacts } from './records.js';
import type { AdmittedFacts, CompletedFacts, RecordFacts } from './records.js';
import { isPlainReceipt, isPlainUsage } from './plain-receipt.js';
import { isSha256, isUuidAsRead } from './scalars.js';
import { dataClasses, endpoints } from './vocabulary.js';

/** Facts in their wire form. */
export type WireFacts = Readonly<Record<string, Json>>;

/** What `recordFacts` would write, in a tenth of its time where the facts are as gateways have them. Error: ZodError. */
export function encodeFacts(facts: RecordFacts): WireFacts {
  return plainFacts(facts) ?? (recordFacts.encode(facts));
}

/** The same by hand; `undefined`: something is rare, or wrong, and the schema says what it is. */
export function plainFacts(facts: RecordFacts): WireFacts | undefined {
  if (facts.kind === 'admitted') return isPlainAdmitted(facts) ? { ...facts, holdNanos: facts.holdNanos.toString() } : undefined;
  return isPlainCompleted(facts) ? { ...facts, chargeNanos: facts.chargeNanos.toString() } : undefined;
}

const admittedMembers = 20;
const costTag = /^cost:/;
const costTagsMax = 32;

function isPlainAdmitted(facts: AdmittedFacts): boolean {
  const { costTags } = facts;
  if (Object.keys(facts).length !== admittedMembers + (costTags === undefined ? 0 : 1)) return false;
  return (
    isUuidAsRead(facts.record) && isUuidAsRead(facts.tenant) && isUuidAsRead(facts.project) && isUuidAsRead(facts.keyId) && isUuidAsRead(facts.budget) && isUuidAsRead(facts.lease) && isUuidAsRead(facts.offer) &&
    isUuidAsRead(facts.node) && isUuidAsRead(facts.priceVersion) && typeof facts.gateway === 'string' && typeof facts.model === 'string' && isCount(facts.fence) && Number.isSafeInteger(facts.policyVersion) &&
    isCount(facts.admittedAtMs) && isCount(facts.deadlineMs) && isAmount(facts.holdNanos) && isSha256(facts.requestHash) && endpoints.includes(facts.endpoint) && dataClasses.includes(facts.dataClass) &&
    (costTags === undefined || (Array.isArray(costTags) && costTags.length <= costTagsMax && costTags.every((tag) => typeof tag === 'string' && tag.length <= 512 && costTag.test(tag))))
  );
}

const completedMembers = 18;
const outcomes: readonly string[] = ['ok', 'failed', 'cancelled', 'cut', 'reused'];
const sources: readonly string[] = ['engine', 'receipt', 'estimated', 'none'];

/** Without findings in the answer, and without what is measured beside tokens. */
function isPlainCompleted(facts: CompletedFacts): boolean {
  return (
    facts.kind === 'completed' && Object.keys(facts).length === completedMembers && isUuidAsRead(facts.record) && isUuidAsRead(facts.tenant) && isUuidAsRead(facts.project) && isUuidAsRead(facts.budget) && isUuidAsRead(facts.lease) &&
    isUuidAsRead(facts.offer) && isUuidAsRead(facts.node) && isUuidAsRead(facts.priceVersion) && outcomes.includes(facts.outcome) && isPlainUsage(facts.usage) && sources.includes(facts.usageSource) &&
    isAmount(facts.chargeNanos) && (facts.responseHash === null || isSha256(facts.responseHash)) && Array.isArray(facts.attempts) && facts.attempts.every(isPlainAttempt) &&
    (facts.receipt === null || isPlainReceipt(facts.receipt)) && isCount(facts.completedAtMs) && (facts.closedBy === 'gateway' || facts.closedBy === 'billing')
  );
}

const attemptOutcomes: readonly string[] = ['ok', 'unreachable', 'busy', 'failed', 'lost'];

function isPlainAttempt(attempt: CompletedFacts['attempts'][number]): boolean {
  const hasCode = typeof attempt.code === 'string';
  return Object.keys(attempt).length === (hasCode ? 4 : 3) && isUuidAsRead(attempt.offer) && isUuidAsRead(attempt.node) && attemptOutcomes.includes(attempt.outcome);
}

const amountMax = 10n ** 19n;

const isAmount = (value: unknown): boolean => typeof value === 'bigint' && value > -amountMax && value < amountMax;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

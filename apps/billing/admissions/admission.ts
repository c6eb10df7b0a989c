import type { Nanos } from '#kernel';
import type { Endpoint } from '#protocol';

/** `closing`: this service has written the record that ends it, and books it when the stream brings it back. */
export type AdmissionState = 'open' | 'closing' | 'completed' | 'voided';

/** From where to where; a terminal state stays. */
export const admissionTransitions: Record<AdmissionState, readonly AdmissionState[]> = {
  open: ['closing', 'completed', 'voided'],
  closing: ['completed', 'voided'],
  completed: [],
  voided: [],
};

/** The states from which an admission may go to `state`. */
export const statesBefore = (state: AdmissionState): AdmissionState[] => (Object.keys(admissionTransitions) as AdmissionState[]).filter((from) => admissionTransitions[from].includes(state));

/** A request that was let in and whose end is not known. */
export interface OpenAdmission {
  readonly record: string;
  readonly tenant: string;
  readonly project: string;
  readonly budget: string;
  readonly lease: string;
  readonly offer: string;
  readonly node: string;
  readonly priceVersion: string;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly requestHash: string;
  readonly holdNanos: Nanos;
  readonly admittedAtMs: number;
  readonly deadlineMs: number;
}

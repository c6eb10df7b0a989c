/** Something that is not as it must be. */
export interface Problem {
  /** The same thing at the next look has the same key. */
  readonly key: string;
  readonly message: string;
  /** Facts on their way between services look like this for a moment; only what stays is a breach. */
  readonly passing: boolean;
}

/** Certain at the first look: no message on its way explains it. */
export const broken = (key: string, message: string): Problem => ({ key, message, passing: false });
/** A breach only if it stays. */
export const unsettled = (key: string, message: string): Problem => ({ key, message, passing: true });

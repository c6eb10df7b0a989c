/** What a log was caught at. */
export type AlarmKind =
  /** The checkpoint is not signed by the log, or a signature in it is wrong. */
  | 'bad-signature'
  /** The log has become smaller than it was. */
  | 'rollback'
  /** Two histories: what is shown does not continue what was shown before. */
  | 'fork'
  /** The log does not serve, or serves otherwise, what its own checkpoint covers. */
  | 'withheld'
  /** A root on the chain is none of this log, or of more entries than it has. */
  | 'anchor'
  /** No root was put on the chain for longer than asked for: what the log shows nobody could tell from another later. */
  | 'unanchored'
  /** Fewer witnesses than asked for have cosigned. */
  | 'unwitnessed';

/** Not a fault on the way: the log itself is wrong, and this is the evidence. */
export class Alarm extends Error {
  constructor(
    readonly kind: AlarmKind,
    message: string,
    /** The checkpoint that shows it. */
    readonly note: string | undefined = undefined,
  ) {
    super(message);
    this.name = 'Alarm';
  }
}

import type { KeyObject } from 'node:crypto';
import type { Clock } from '#kernel';
import type { ReceiptBody, SignedReceipt } from '#protocol';
import type { OpenHeader, Refusal } from './control.js';
import type { NodeJobHandler } from './node-job-handler.js';
import type { SessionEnds } from './session.js';

/** What a session and its jobs have from the node that they are of. */
export interface NodeSessionParts {
  readonly node: string;
  readonly gateway: string;
  readonly identity: KeyObject;
  readonly ends: SessionEnds;
  readonly clock: Clock;
  readonly pulseMs: number;
  readonly handler: NodeJobHandler;
  readonly admit: (open: OpenHeader) => Refusal | undefined;
  readonly release: () => void;
  readonly keepReceipt: (receipt: SignedReceipt, body: ReceiptBody) => Promise<void>;
  /** False when the connection has ended. With `asked`, the server tells when no gateway listens any more. */
  readonly publish: (sealed: Buffer, asked: boolean) => boolean;
}

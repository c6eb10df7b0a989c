import {
  equalBytes, formatSignature, openNote, parseAddCheckpoint, parseCheckpoint, parseNote, sha256, sizeContentType, verifyConsistency, verifySignature, Malformed,
  type AddCheckpoint, type Checkpoint, type Cosigner, type VerifierKey,
} from '#merkle';
import type { KnownLogs } from './known-logs.js';
import type { LastCheckpoints } from './last-checkpoints.js';

/** An answer over HTTP. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly body: string;
  readonly contentType: string;
}

const plain = (status: WitnessAnswer['status'], body: string): WitnessAnswer => ({ status, body, contentType: 'text/plain; charset=utf-8' });

/**
 * C2SP tlog-witness: cosigns a checkpoint when it contains the last one that it cosigned of that log, and keeps it before it answers.
 * Of requests for one log the next begins when the one before is kept, so that none can take the log back.
 */
export class Witness {
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly logs: KnownLogs,
    private readonly last: LastCheckpoints,
    private readonly cosigner: Cosigner,
    private readonly nowSeconds: () => number,
  ) {}

  /** Answers one request's body. Error: what was cosigned cannot be read or kept. */
  async addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    let request: AddCheckpoint;
    let checkpoint: Checkpoint;
    try {
      request = parseAddCheckpoint(body);
      checkpoint = parseCheckpoint(parseNote(request.checkpoint).text);
    } catch (error) {
      if (error instanceof Malformed) return plain(400, `${error.message}\n`);
      throw error;
    }
    const key = this.logs.get(checkpoint.origin);
    if (key === undefined) return plain(404, 'this log is not known here\n');
    if (!isSignedBy(key, request.checkpoint)) return plain(403, 'the log has not signed this checkpoint\n');
    if (request.oldSize > checkpoint.size) return plain(400, 'the old size is larger than that of the checkpoint\n');
    return this.inTurn(checkpoint.origin, () => this.cosign(request, checkpoint));
  }

  private async cosign(request: AddCheckpoint, checkpoint: Checkpoint): Promise<WitnessAnswer> {
    const last = this.last.of(checkpoint.origin) ?? { size: 0, root: sha256(new Uint8Array()) };
    const conflict: WitnessAnswer = { status: 409, body: `${last.size}\n`, contentType: sizeContentType };
    if (request.oldSize !== last.size) return conflict;
    if (checkpoint.size === last.size && !equalBytes(checkpoint.root, last.root)) return conflict;
    const consistent = verifyConsistency(sha256, { oldSize: last.size, oldRoot: last.root, size: checkpoint.size, root: checkpoint.root, proof: request.proof });
    if (!consistent) return plain(422, `this does not continue the log of ${last.size} entries\n`);
    if (checkpoint.size > last.size) await this.last.keep(checkpoint.origin, request.checkpoint);
    return plain(200, formatSignature(this.cosigner.cosign(parseNote(request.checkpoint).text, this.nowSeconds())));
  }

  private inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(origin) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.turns.set(origin, turn);
    return turn;
  }
}

function isSignedBy(key: VerifierKey, note: string): boolean {
  try {
    return openNote(note, [key], verifySignature).signedBy.includes(key);
  } catch (error) {
    if (error instanceof Malformed) return false;
    throw error;
  }
}

/** One event of a stream. `data` lines are joined by LF. */
export interface ServerSentEvent {
  readonly event: string | undefined;
  readonly data: Buffer;
}

/** The largest event that is held while it arrives: a tool call of a quarter million tokens. */
const eventBytesMax = 1024 * 1024;

const lf = 0x0a;
const cr = 0x0d;
const colon = 0x3a;
const space = 0x20;
const nothing = Buffer.alloc(0);

/**
 * Reads server-sent events from bytes, wherever they are cut: within a line end, within a character. Lines end with CR, LF or CRLF.
 * Comments, `id:` and `retry:` are passed over.
 */
export class EventReader {
  private left: Buffer = nothing;
  /** The last line ended with a CR: an LF now is its other half. */
  private afterCr = false;
  private event: string | undefined;
  private data: Buffer[] = [];
  private dataBytes = 0;

  /** Events that are whole now. Error: an event over the limit. */
  *take(chunk: Buffer): Generator<ServerSentEvent, void, undefined> {
    const bytes = this.left.length === 0 ? chunk : Buffer.concat([this.left, chunk]);
    let from = 0;
    let nextCr = bytes.indexOf(cr);
    for (;;) {
      if (this.afterCr && from < bytes.length) {
        if (bytes[from] === lf) from += 1;
        this.afterCr = false;
      }
      if (nextCr >= 0 && nextCr < from) nextCr = bytes.indexOf(cr, from);
      const nextLf = bytes.indexOf(lf, from);
      const end = nextCr < 0 ? nextLf : nextLf < 0 ? nextCr : Math.min(nextCr, nextLf);
      if (end < 0) break;
      const whole = this.line(bytes.subarray(from, end));
      this.afterCr = end === nextCr;
      from = end + 1;
      if (whole !== undefined) yield whole;
    }
    this.left = bytes.subarray(from);
    if (this.left.length + this.dataBytes > eventBytesMax) throw new Error(`an event is over ${eventBytesMax} bytes`);
  }

  /** What is left when the stream has ended: an event that lacks its empty line is taken for whole. */
  end(): ServerSentEvent | undefined {
    if (this.left.length > 0) this.line(this.left);
    this.left = nothing;
    return this.line(nothing);
  }

  private line(line: Buffer): ServerSentEvent | undefined {
    if (line.length === 0) return this.dispatch();
    const at = line.indexOf(colon);
    const name = (at < 0 ? line : line.subarray(0, at)).toString('latin1');
    if (name !== 'data' && name !== 'event') return undefined;
    const value = at < 0 ? nothing : line.subarray(line[at + 1] === space ? at + 2 : at + 1);
    if (name === 'event') this.event = value.toString('utf8');
    else {
      this.data.push(value);
      this.dataBytes += value.length + 1;
    }
    return undefined;
  }

  private dispatch(): ServerSentEvent | undefined {
    const { event, data } = this;
    this.event = undefined;
    this.data = [];
    this.dataBytes = 0;
    if (data.length === 0) return undefined;
    return { event, data: data.length === 1 ? data[0]! : Buffer.from(data.map((line) => line.toString('utf8')).join('\n')) };
  }
}

/** The data of the event that ends OpenAI's streams. */
export const isDone = (data: Buffer): boolean => data.length >= 6 && data.toString('latin1', 0, 6) === '[DONE]';

import { heartbeat, nodeSubjects } from '#protocol';

/** The node that a heartbeat is from, or undefined for one that says something else than its subject. */
export function beatingNode(subject: string, payload: Uint8Array): string | undefined {
  try {
    const { node } = heartbeat.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
    return nodeSubjects.heartbeat(node) === subject ? node : undefined;
  } catch {
    return undefined;
  }
}

/**
 * When each node was last heard, until it is written down. Nodes not heard before make haste: their offers should not wait
 * for the next tick.
 */
export class Beats {
  private heard = new Map<string, number>();
  private readonly alive = new Map<string, number>();

  constructor(private readonly silenceMs: number) {}

  /** True when the node was silent before. */
  note(node: string, nowMs: number): boolean {
    this.heard.set(node, nowMs);
    const before = this.alive.get(node);
    this.alive.set(node, nowMs);
    return before === undefined || nowMs - before > this.silenceMs;
  }

  take(): { node: string; atMs: number }[] {
    const taken = [...this.heard].map(([node, atMs]) => ({ node, atMs }));
    this.heard = new Map();
    return taken;
  }
}

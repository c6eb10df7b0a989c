import { estimateUsage, EventReader, isDone, producedText } from '#protocol';
import type { JobUsage } from '#wire';
import { saidUsage } from './said-usage.js';

/** Follows an engine's stream as it passes: its usage, whether it came to its end, and its text in case it says no usage. */
export class StreamUsage {
  private readonly reader = new EventReader();
  private readonly text: string[] = [];
  private said: JobUsage | undefined;
  private isDone = false;
  private hasFailed = false;

  constructor(private readonly request: unknown) {}

  /** Whether the engine said that it had finished. */
  get whole(): boolean {
    return this.isDone;
  }

  /** Whether the engine told of an error within the stream. */
  get failed(): boolean {
    return this.hasFailed;
  }

  pass(chunk: Buffer): void {
    for (const { data } of this.reader.take(chunk)) this.look(data);
  }

  end(): void {
    const last = this.reader.end();
    if (last !== undefined) this.look(last.data);
  }

  /** The engine's own usage, or an estimate from the texts. */
  usage(): JobUsage {
    return this.said ?? { ...estimateUsage(this.request, this.text.join('')), estimated: true };
  }

  private look(data: Buffer): void {
    if (isDone(data)) {
      this.isDone = true;
      return;
    }
    let chunk: { choices?: unknown; error?: unknown } | null;
    try {
      chunk = JSON.parse(data.toString('utf8')) as typeof chunk;
    } catch {
      this.hasFailed = true;
      return;
    }
    if (chunk?.error) this.hasFailed = true;
    this.said = saidUsage(chunk) ?? this.said;
    if (Array.isArray(chunk?.choices)) for (const choice of chunk.choices) this.text.push(producedText(choice));
  }
}

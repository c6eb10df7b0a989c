import { failure } from '#protocol';
import { EmbeddedEngine } from './embedded.js';
import { Engine } from './engine.js';
import type { EngineModel } from './engine.js';
import { OpenAiCompatibleEngine } from './openai-compatible.js';

/** The engines of a node and which model each runs. */
export class Engines {
  private constructor(
    private readonly engines: readonly Engine[],
    private readonly byModel: ReadonlyMap<string, { engine: Engine; model: EngineModel }>,
  ) {}

  /** `names`: `embedded`, or the URL of an OpenAI-compatible engine. Errors: ENGINE_FAILED, REQUEST_INVALID. */
  static async start(names: readonly string[], key?: string): Promise<Engines> {
    const engines: Engine[] = [];
    try {
      for (const name of names) engines.push(await startOne(name, key));
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

async function startOne(name: string, key: string | undefined): Promise<Engine> {
  if (name === 'embedded') return EmbeddedEngine.start();
  if (!URL.canParse(name) || !/^https?:$/.test(new URL(name).protocol)) throw failure('REQUEST_INVALID', `an engine is "embedded" or an http(s) URL, not "${name}"`);
  return new OpenAiCompatibleEngine(name, key);
}

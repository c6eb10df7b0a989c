import type { Dispatcher } from 'undici';
import { failure, limits, x402Headers } from '#protocol';
import type { Purse } from '../purchases/purse.js';
import { refusal } from './engine.js';
import type { EngineAnswer, EngineModel, EngineRequest } from './engine.js';
import { modelCalled } from './model-called.js';
import { OpenAiCompatibleEngine, parseJson, paths } from './openai-compatible.js';

/** An OpenAI-compatible seller that asks for x402: each request is paid for by itself. */
export class BoughtEngine extends OpenAiCompatibleEngine {
  /** `models`: what the seller has, where it does not list that for nothing. */
  constructor(
    url: string,
    private readonly purse: Pick<Purse, 'pay' | 'answered' | 'failed'>,
    private readonly names: readonly string[] = [],
  ) {
    super(url);
  }

  override async models(): Promise<EngineModel[]> {
    if (this.names.length > 0) return this.names.map((name) => modelCalled(name)).filter(isBuyable);
    try {
      return (await super.models()).filter(isBuyable);
    } catch (error) {
      throw failure('ENGINE_FAILED', `${(error as Error).message}; name the seller's models with --x402-models`, {}, error);
    }
  }

  /** Errors: ENGINE_FAILED, also when the seller's price is not paid; the signal's reason when aborted. */
  override async run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer> {
    const { body, record, worthNanos } = request;
    const asked = parseJson(body) as { model?: unknown } | undefined;
    if (asked?.model !== request.model) return refusal(400, 'The body names another model than the offer.', 'model');
    const path = paths[request.endpoint];
    const asking = await this.ask('POST', path, body, signal);
    if (asking.statusCode !== 402) return this.answer(asking, request.endpoint, asked, signal);
    await read(asking);
    if (record === undefined) throw failure('ENGINE_FAILED', 'not bought: the request has no id');
    const { id, header } = await this.purse.pay({ record, url: `${this.base}/${path}`, body, worthNanos }, headerOf(asking, x402Headers.required));
    return this.paid(id, { ...request, asked }, signal, () => this.ask('POST', path, body, signal, { [x402Headers.signature]: header }));
  }

  /** From here on the payment is out: whatever happens is told to the purse. */
  private async paid(id: string, { endpoint, asked }: Pick<EngineRequest, 'endpoint'> & { readonly asked: object }, signal: AbortSignal, ask: () => Promise<Dispatcher.ResponseData>): Promise<EngineAnswer> {
    let response: Dispatcher.ResponseData | undefined;
    try {
      response = await ask();
      if (response.statusCode === 402) throw failure('ENGINE_FAILED', `the seller asks again for what was paid: ${await reasonOf(response)}`);
      const answer = await this.answer(response, endpoint, asked, signal);
      const receipt = headerOf(response, x402Headers.response);
      if (answer.status < 300) await this.purse.answered(id, receipt);
      else await this.purse.failed(id, `the seller answered ${answer.status}`, receipt);
      return answer;
    } catch (error) {
      await this.purse.failed(id, (error as Error).message, response && headerOf(response, x402Headers.response));
      throw error;
    }
  }
}

/** What is paid for is a body of JSON. */
const isBuyable = ({ endpoints }: EngineModel): boolean => !endpoints.includes('audio.transcriptions');

function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  const given = headers[name];
  return Array.isArray(given) ? given[0] : given;
}

async function reasonOf(response: Dispatcher.ResponseData): Promise<string> {
  await read(response);
  const said = parseJson(Buffer.from(headerOf(response, x402Headers.required) ?? '', 'base64')) as { error?: unknown } | undefined;
  return typeof said?.error === 'string' ? said.error.slice(0, 200) : 'it gives no reason';
}

/** What a 402 says is in its headers. */
const read = (response: Dispatcher.ResponseData): Promise<void> => response.body.dump({ limit: limits.chunkBytes }).then(() => undefined);

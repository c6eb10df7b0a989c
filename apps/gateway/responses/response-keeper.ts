import { Logger } from '@nestjs/common';
import { codeOf } from '../http/openai-error.js';
import type { InferenceAnswer } from '../request/inference-job.js';
import type { InputItem } from './input-items.js';
import type { ResponseEvents } from './response-events.js';
import type { Storing } from './response-object.js';
import type { StoredResponse, StoredResponses } from './stored-responses.js';

/** How a response is stored, with what it was made from. */
export interface StoringPlan extends Pick<StoredResponse, 'dataClass' | 'persons'> {
  readonly owner: { readonly tenant: string; readonly project: string; readonly keyId: string };
  readonly id: string;
  readonly seconds: number;
  readonly input: InputItem[];
}

/**
 * Has one response stored before its end is told, so that who has read it can ask for it. One that cannot be stored is an answer all the
 * same, and says that it is not.
 */
export class ResponseKeeper implements Storing {
  private readonly logger = new Logger(ResponseKeeper.name);
  private failed = false;
  /** The events of a streamed one, of the machine that is heard. */
  events: ResponseEvents | undefined;

  constructor(
    private readonly store: Pick<StoredResponses, 'save'>,
    /** Undefined: it is not to be stored. */
    private readonly plan: StoringPlan | undefined,
  ) {}

  get isStored(): boolean {
    return this.plan !== undefined && !this.failed;
  }

  /** Never throws. */
  async keep({ body, usage }: Pick<InferenceAnswer, 'body' | 'usage'>): Promise<void> {
    if (!this.plan) return;
    const { owner, id, seconds, input, dataClass, persons } = this.plan;
    try {
      const response = this.events?.final(usage ?? { inputTokens: 0, outputTokens: 0 }) ?? (JSON.parse(body.toString('utf8')) as Record<string, unknown>);
      await this.store.save(owner, id, seconds, { v: 1, response, input, dataClass, persons });
    } catch (error) {
      this.failed = true;
      this.logger.warn(`a response could not be stored: ${codeOf(error)}`);
    }
  }

  /** The answer, true to what came of storing it. */
  told(body: Buffer): Buffer {
    return this.failed ? Buffer.from(JSON.stringify({ ...(JSON.parse(body.toString('utf8')) as object), store: false })) : body;
  }
}

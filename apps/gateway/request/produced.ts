import { producedText } from '#protocol';

/** What no text shows of a choice, or of a call in it: markers of where it begins and ends and of its channel, a stop sequence. In tokens. */
const besideChoice = 32;
const besideCall = 32;
/** Calls of one choice that are counted. */
const callsMax = 64;

/** Whether the caller asked for reasoning that is made and not shown, by one of the fields that engines know for it. */
export const hidesReasoning = ({ include_reasoning: included, reasoning }: Readonly<Record<string, unknown>>): boolean =>
  included === false || (reasoning as { exclude?: unknown } | null | undefined)?.exclude === true;

/** What came of an answer's text, and how many tokens it can stand for: each of them at least one byte. */
export class Produced {
  private readonly texts: string[] = [];
  private readonly choices = new Set<unknown>();
  private bytes = 0;
  private calls = 0;

  take(choice: unknown): void {
    const text = producedText(choice);
    this.bytes += Buffer.byteLength(text);
    this.calls += callsBegunIn(choice);
    this.choices.add((choice as { index?: unknown } | null)?.index ?? 0);
    if (text !== '') this.texts.push(text);
  }

  get text(): string {
    return this.texts.join('');
  }

  /** `choicesMax`: as many as were asked for. */
  tokensMax(choicesMax: number): number {
    const choices = Math.min(this.choices.size, choicesMax);
    return this.bytes + choices * besideChoice + Math.min(this.calls, choices * callsMax) * besideCall;
  }
}

/** The most tokens that the choices of a whole answer can stand for; what is no such answer shows none. */
export function tokensShown(answer: Buffer, choicesMax: number): number {
  const produced = new Produced();
  try {
    const { choices } = JSON.parse(answer.toString('utf8')) as { choices?: unknown };
    if (Array.isArray(choices)) for (const choice of choices) produced.take(choice);
  } catch {
    return 0;
  }
  return produced.tokensMax(choicesMax);
}

/** A call begins with its name. */
function callsBegunIn(choice: unknown): number {
  const { message, delta } = (choice ?? {}) as { message?: unknown; delta?: unknown };
  const { tool_calls: calls, function_call: call } = ((message ?? delta) ?? {}) as { tool_calls?: unknown; function_call?: unknown };
  const begun = [...(Array.isArray(calls) ? (calls as ({ function?: unknown } | null)[]).map((one) => one?.function) : []), call];
  return begun.filter((called) => typeof (called as { name?: unknown } | null | undefined)?.name === 'string').length;
}

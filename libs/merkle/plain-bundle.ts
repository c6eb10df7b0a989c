import type { Json } from '../kernel/canonical-json.js';
import { personShape, shownBodyShape } from './bundle-shape.js';
import { bundleFormat } from './bundle.js';
import type { Bundle, BundleBody, BundleEntry, BundlePerson, EarlierTree, ShownBody } from './bundle.js';

/** A bundle with what its reader saw on the way. */
export interface ReadBundle {
  readonly bundle: Bundle;
  /** For each entry, the fields of its body as RFC 8785 text, in the order of their names: cut from the file; `undefined`: not looked for. */
  readonly fieldTexts: readonly (readonly string[] | undefined)[];
}

/** The text is not written as usual; it may be right all the same. */
class NotPlain extends Error {}

/**
 * Reads a bundle by hand, in one pass that also sees that it is in its one form. It takes only what is written as usual, and gives what the
 * general way would give; `undefined` says of the text only that it is for the general way to judge.
 */
export function plainBundle(text: string): ReadBundle | undefined {
  try {
    return new PlainReader(text).bundle();
  } catch {
    // Not plain, or a part that JSON.parse or a shape refuses.
    return undefined;
  }
}

const code = { quote: 0x22, comma: 0x2c, minus: 0x2d, zero: 0x30, nine: 0x39, listOpen: 0x5b, backslash: 0x5c, listClose: 0x5d, open: 0x7b, close: 0x7d } as const;

/** Whether a character stands for itself in the text of a string. Some others do too, and are left to the general way or to `JSON.parse`. */
const isItself = (char: number): boolean => char >= 0x20 && char <= 0x7e && char !== code.quote && char !== code.backslash;

class PlainReader {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Members in the order of their names, as every object of the one form. */
  bundle(): ReadBundle {
    const fieldTexts: (readonly string[] | undefined)[] = [];
    this.take('{"checkpoint":');
    const checkpoint = this.string();
    this.take(',"earlier":');
    const earlier = this.list(() => this.earlier());
    this.take(',"entries":');
    const entries = this.list(() => this.entry(fieldTexts));
    this.take(`,"format":"${bundleFormat}","logKey":`);
    const logKey = this.string();
    this.take(',"record":');
    const record = this.string();
    this.take(',"witnessKeys":');
    const witnessKeys = this.list(() => this.string());
    this.take('}\n');
    if (this.at !== this.text.length) throw new NotPlain();
    return { bundle: { format: bundleFormat, record, logKey, witnessKeys, checkpoint, entries, earlier }, fieldTexts };
  }

  private earlier(): EarlierTree {
    this.take('{"proof":');
    const proof = this.list(() => this.string());
    this.take(',"root":');
    const root = this.string();
    this.take(',"size":');
    const size = this.position();
    this.take('}');
    return { size, root, proof };
  }

  private entry(fieldTexts: (readonly string[] | undefined)[]): BundleEntry {
    this.take('{"body":');
    const body = this.body(fieldTexts);
    this.take(',"envelope":');
    const envelope = this.string();
    this.take(',"index":');
    const index = this.position();
    this.take(',"proof":');
    const proof = this.list(() => this.string());
    this.take('}');
    return { index, envelope, body, proof };
  }

  private body(fieldTexts: (readonly string[] | undefined)[]): BundleBody | null {
    if (!this.takes('{"fields":')) {
      fieldTexts.push(undefined);
      if (this.takes('null')) return null;
      const shown = this.object();
      shownBodyShape(shown, 'a body');
      return shown as unknown as ShownBody;
    }
    const texts: string[] = [];
    fieldTexts.push(texts);
    const fields = this.object(texts);
    let person: BundlePerson | undefined;
    if (this.takes(',"person":')) {
      const value = this.object();
      personShape(value, 'a person');
      person = value as unknown as BundlePerson;
    }
    this.take(',"secret":');
    const secret = this.string();
    this.take('}');
    return { secret, fields, ...(person !== undefined && { person }) };
  }

  /** `texts` takes the values as they are written. */
  private object(texts?: string[]): Readonly<Record<string, Json>> {
    const members: Record<string, Json> = {};
    this.take('{');
    let before: string | undefined;
    while (!this.takes('}')) {
      if (before !== undefined) this.take(',');
      const name = this.string();
      // What is assigned to that name is no member.
      if ((before !== undefined && before >= name) || name === '__proto__') throw new NotPlain();
      before = name;
      this.take(':');
      const from = this.at;
      members[name] = this.value();
      texts?.push(this.text.slice(from, this.at));
    }
    return members;
  }

  private value(): Json {
    const first = this.text.charCodeAt(this.at);
    if (first === code.quote) return this.string();
    if (first === code.open) return this.object();
    if (first === code.listOpen) return this.list(() => this.value());
    if (first === code.minus || (first >= code.zero && first <= code.nine)) return this.number();
    if (this.takes('null')) return null;
    if (this.takes('true')) return true;
    if (this.takes('false')) return false;
    throw new NotPlain();
  }

  private number(): number {
    const from = this.at;
    for (let char = this.text.charCodeAt(this.at); char !== code.comma && char !== code.close && char !== code.listClose && this.at < this.text.length; char = this.text.charCodeAt(this.at)) this.at += 1;
    const text = this.text.slice(from, this.at);
    const value = Number(text);
    if (!Number.isFinite(value) || String(value) !== text) throw new NotPlain();
    return value;
  }

  private position(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0) throw new NotPlain();
    return value;
  }

  private string(): string {
    const from = this.at;
    if (this.text.charCodeAt(from) !== code.quote) throw new NotPlain();
    let at = from + 1;
    while (isItself(this.text.charCodeAt(at))) at += 1;
    if (this.text.charCodeAt(at) === code.quote) {
      this.at = at + 1;
      return this.text.slice(from + 1, at);
    }
    for (; this.text.charCodeAt(at) !== code.quote; at += 1) {
      if (at >= this.text.length) throw new NotPlain();
      if (this.text.charCodeAt(at) === code.backslash) at += 1;
    }
    this.at = at + 1;
    const written = this.text.slice(from, this.at);
    const value = JSON.parse(written) as string;
    if (JSON.stringify(value) !== written) throw new NotPlain();
    return value;
  }

  private list<Item>(item: () => Item): Item[] {
    this.take('[');
    const items: Item[] = [];
    while (!this.takes(']')) {
      if (items.length > 0) this.take(',');
      items.push(item());
    }
    return items;
  }

  private takes(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  private take(expected: string): void {
    if (!this.takes(expected)) throw new NotPlain();
  }
}

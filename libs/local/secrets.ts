import { randomBytes } from 'node:crypto';
import type { Home } from './home.js';

const file = 'secrets.json';

/** The secrets of the local stack, made once and kept in `.mizan/secrets.json` (0600). */
export class Secrets {
  private readonly values: Record<string, string>;
  constructor(private readonly home: Home) {
    this.values = home.readJson<Record<string, string>>(file) ?? {};
  }

  /** The secret of that name; made by `generate` (default: 32 random bytes in hex) when asked for the first time. */
  get(name: string, generate: () => string = () => randomBytes(32).toString('hex')): string {
    const known = this.values[name];
    if (known !== undefined) return known;
    const made = generate();
    this.values[name] = made;
    this.home.writeJson(this.values, file);
    return made;
  }
}

import { existsSync, readdirSync, rmSync } from 'node:fs';
import type { Home } from '#local';

/** What costs a download or belongs to the set-up and the tests, not to a run. */
const kept = new Set(['nats-server', 'setup.json', 'test']);

/** Throws away data, keys and logs of earlier runs. Call only while nothing runs on them. */
export function reset(home: Home): void {
  if (!existsSync(home.root)) return;
  for (const name of readdirSync(home.root)) {
    if (!kept.has(name)) rmSync(home.path(name), { recursive: true, force: true, maxRetries: 5 });
  }
}

import { formatVerifierKey, nodeCrypto, openKeyHistory, type VerifierKey } from '#merkle';
import { Alarm } from './alarm.js';
import type { LogSource } from './log-source.js';
import type { Memory } from './memory.js';
import type { MonitorParts } from './monitor.js';

/** The key to begin with: the one that was followed to before, when it still follows from the one that is known. Errors: as {@link followKeys}. */
export async function keyToBegin(log: LogSource, known: VerifierKey, remembered: string | undefined): Promise<VerifierKey> {
  if (remembered === undefined || remembered === formatVerifierKey(known)) return known;
  const { keys } = openKeyHistory(nodeCrypto, await log.keys(), known);
  return keys.find(({ key }) => formatVerifierKey(key) === remembered)?.key ?? known;
}

/**
 * What a monitor goes on with when its log has a key that follows from the one it knows; undefined when that is still the newest. An {@link Alarm} `fork` when more was seen under that
 * key than it may have signed. Errors: what the log serves is no history that leads from that key; unreachable.
 */
export async function followKeys(parts: MonitorParts, memory: Memory): Promise<{ parts: MonitorParts; memory: Memory } | Alarm | undefined> {
  const { keys } = openKeyHistory(nodeCrypto, await parts.log.keys(), parts.logKey);
  const known = keys.find(({ key }) => formatVerifierKey(key) === memory.logKey);
  const { key } = keys.at(-1)!;
  if (known?.untilSize === undefined) return undefined;
  if (memory.edge.size > known.untilSize) return new Alarm('fork', `${memory.edge.size} entries were seen under the key ${known.key.keyId}, and the log says that it signed ${known.untilSize} at most`);
  return { parts: { ...parts, logKey: key }, memory: { ...memory, logKey: formatVerifierKey(key) } };
}

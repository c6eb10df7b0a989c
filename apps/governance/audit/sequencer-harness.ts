import type { DataSource } from 'typeorm';
import { Pseudonyms } from '../organisations/pseudonyms.service.js';
import { SearchIndexer } from '../search/search-indexer.service.js';
import { SearchQueueStore } from '../search/search-queue.store.js';
import { EntryStore } from './entries.store.js';
import { DecisionCountStore } from '../runs/decision-counts.store.js';
import { GatewayRunStore } from '../runs/gateway-runs.store.js';
import { Kinds } from './kinds.service.js';
import { LogStore } from './log.store.js';
import { RejectionStore } from './rejections.store.js';
import { Sequencer } from './sequencer.service.js';
import { TileStore } from './tiles.store.js';

/** A sequencer with parts of its own, as in a process of its own; it makes nothing findable unless its indexer is asked to. */
export function sequencerOn(dataSource: DataSource): Sequencer {
  const queue = new SearchQueueStore();
  return new Sequencer(dataSource, new LogStore(), new TileStore(), new Kinds(dataSource), new EntryStore(), queue, new SearchIndexer(dataSource, queue), new GatewayRunStore(new DecisionCountStore()), new RejectionStore(), new Pseudonyms(dataSource));
}

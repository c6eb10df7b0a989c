import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '#messaging';
import { nodeSubjects } from '#protocol';

/** 1,000 ids of 39 bytes each are 39 KiB, far below a message's limit. */
const recordsPerNotice = 1_000;

/**
 * Tells nodes that the work behind these receipts is paid on chain, so that they may forget them. A lost notice does no
 * harm: a node sends its receipts again until it has heard, and is answered again.
 */
@Injectable()
export class SettledNotices {
  constructor(@Inject(Bus) private readonly bus: Bus) {}

  send(settled: readonly { record: string; node: string }[]): void {
    const byNode = new Map<string, string[]>();
    for (const { record, node } of settled) {
      const records = byNode.get(node);
      if (records) records.push(record);
      else byNode.set(node, [record]);
    }
    for (const [node, records] of byNode) {
      for (let start = 0; start < records.length; start += recordsPerNotice) {
        this.bus.connection.publish(nodeSubjects.settled(node), JSON.stringify({ records: records.slice(start, start + recordsPerNotice) }));
      }
    }
  }
}

import { Command, Option } from 'commander';
import { keptPurchases } from './purchases/purchase-journal.js';
import { purchaseReport } from './purchases/purchase-report.js';

/** `mizan-node purchases`: what a node paid sellers by x402; it may run meanwhile. */
export function purchasesCommand(): Command {
  return new Command('purchases')
    .description('what this node paid sellers by x402, by day and seller, in US dollars')
    .addOption(new Option('--dir <path>', 'directory of the node').env('MIZAN_NODE_DIR').makeOptionMandatory())
    .option('--json', 'print JSON')
    .action(({ dir, json }: { dir: string; json?: boolean }) => {
      const report = purchaseReport(keptPurchases(dir));
      if (json === true) console.log(JSON.stringify(report));
      else for (const { day, host, requests, paidUsd, lostUsd, openUsd } of report) console.log(`${day}  ${host}  ${requests} requests  paid ${paidUsd}  lost ${lostUsd}  open ${openUsd}`);
    });
}

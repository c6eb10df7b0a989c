import type { Logger } from 'pino';
import { limits } from '#protocol';
import { HttpDoor, NodeServer } from '#wire';
import { connectNode } from './connect.js';
import { Engines, isSeller } from './engine/engines.js';
import { serveHealth } from './health-server.js';
import { admission } from './jobs/admission.js';
import { Capacity } from './jobs/capacity.js';
import { startHeartbeats } from './jobs/heartbeats.js';
import { jobRunner } from './jobs/run-job.js';
import { joinNetwork } from './join-network.js';
import { nodeKeys } from './keys/node-keys.js';
import type { NodeOptions } from './node-options.js';
import { askedAt, unchecked } from './payout/delegate-check.js';
import { StatementKeeper } from './payout/statement-keeper.js';
import { openPurse } from './purchases/open-purse.js';
import { ReceiptJournal } from './receipts/journal.js';
import { ReceiptSender } from './receipts/receipt-sender.js';

/** How long running jobs may take to end after SIGTERM. Kubernetes gives 30 s. */
const drainMs = 25_000;

export interface RunningNode {
  readonly node: string;
  /** Resolves when the connection has ended for good: after `stop`, or because the credential is no longer accepted. */
  readonly ended: Promise<Error | undefined>;
  /** Ends running jobs, brings out the receipts, leaves. */
  stop(): Promise<void>;
}

/** Starts a node: engines, enrolment, connection, jobs. Resolves when it takes jobs. Leaves nothing behind when it cannot start. */
export async function runNode(options: NodeOptions, logger: Logger): Promise<RunningNode> {
  const undo: (() => unknown)[] = [];
  try {
    return await start(options, logger, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start(options: NodeOptions, logger: Logger, undo: (() => unknown)[]): Promise<RunningNode> {
  const keys = nodeKeys(options.dir);
  let ready = false;
  const health = options.healthPort === undefined ? undefined : await serveHealth(options.healthPort, () => ready);
  undo.push(() => health?.close());
  // The port before the token: an address in use costs nothing.
  const door = options.listen === undefined ? undefined : await HttpDoor.listen(options.listen.host, options.listen.port);
  undo.push(() => door?.close());
  const purse = options.engine.some(isSeller) ? await openPurse(options, logger) : undefined;
  undo.push(() => purse?.close());
  const engines = await Engines.start(options.engine, { key: options.engineKey, modelFile: options.model, capacity: options.capacity, purse, soldModels: options.x402Models, endpointsOf: options.modelEndpoints });
  undo.push(() => engines.close());
  const enrolment = await joinNetwork(options, keys, engines);
  const { node, offers } = enrolment;
  const journal = await ReceiptJournal.open(options.dir);
  undo.push(() => journal.close());
  const connection = await connectNode(enrolment, keys);
  undo.push(() => connection.close());
  const capacity = new Capacity(options.capacity);
  const receipts = new ReceiptSender(connection, node, journal, (message) => logger.warn(message));
  const server = NodeServer.connect(connection, {
    node,
    identity: keys.identity,
    handler: jobRunner(engines),
    admit: admission(offers, engines, capacity),
    release: () => capacity.give(),
    keepReceipt: async (receipt, { record }) => {
      await journal.keep(record, receipt);
      receipts.send(record, receipt);
    },
  });
  const statements = new StatementKeeper(connection, node, options.dir, (message) => logger.warn(message), options.rpc === undefined ? unchecked : askedAt(options.rpc), options.escrow);
  undo.push(() => statements.stop());
  statements.ask();
  receipts.sendUnsettled();
  await connection.flush();
  door?.serve(server);
  const stopHeartbeats = startHeartbeats(connection, node, capacity);
  ready = true;
  void followStatus();
  logger.info({ node, offers, capacity: options.capacity, publicUrl: enrolment.publicUrl }, 'ready');

  async function followStatus(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') ready = false;
      if (status.type === 'reconnect') {
        ready = true;
        receipts.sendUnsettled();
        statements.ask();
      }
      if (status.type === 'error') logger.warn({ error: String(status.error) }, 'connection');
    }
  }

  const ended = connection.closed().then((error) => error ?? undefined);
  return {
    node,
    ended,
    async stop() {
      ready = false;
      stopHeartbeats();
      const late = new Promise<void>((resolve) => setTimeout(resolve, drainMs).unref());
      await Promise.race([server.drain(), late]);
      await server.interrupt();
      server.close();
      door?.close();
      await receipts.flush(limits.jobPulseMs * limits.jobPulseMissesMax);
      await statements.stop();
      await connection.drain().catch(() => connection.close());
      await Promise.all([journal.close(), engines.close()]);
      await purse?.close();
      health?.close();
    },
  };
}

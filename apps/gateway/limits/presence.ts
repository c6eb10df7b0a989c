import type { NatsConnection } from '@nats-io/transport-node';
import type { Bus } from '#messaging';
import { gatewayPresence, gatewayPresenceSubject, limits } from '#protocol';
import type { GatewayPresence } from '#protocol';
import type { LiveGateways } from './live-gateways.js';

/** A gateway that starts listens this long for the others before it takes its share: a few round trips. */
const helloWaitMs = 200;

/** Tells the other gateways that this one lives, and hears of them. A gateway without the bus runs nothing, so silence costs no limit. */
export class Presence {
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly connection: NatsConnection,
    private readonly gateway: string,
  ) {}

  /** Resolves when the gateways that live have had time to answer. */
  static async join(bus: Pick<Bus, 'connection' | 'onReconnect'>, gateway: string, live: LiveGateways): Promise<Presence> {
    const { connection } = bus;
    const presence = new Presence(connection, gateway);
    bus.onReconnect(() => {
      live.reconnected();
      presence.tell('hello');
    });
    connection.subscribe(gatewayPresenceSubject, {
      callback: (error, message) => {
        const heard = error ? undefined : parse(message.data);
        if (!heard || heard.gateway === gateway) return;
        live.heard(heard);
        if (heard.state === 'hello') presence.tell('here');
      },
    });
    presence.tell('hello');
    await new Promise((resolve) => setTimeout(resolve, helloWaitMs));
    presence.timer = setInterval(() => presence.tell('here'), limits.presenceMs);
    return presence;
  }

  leave(): void {
    clearInterval(this.timer);
    this.tell('gone');
  }

  private tell(state: GatewayPresence['state']): void {
    if (!this.connection.isClosed()) this.connection.publish(gatewayPresenceSubject, JSON.stringify({ gateway: this.gateway, state } satisfies GatewayPresence));
  }
}

function parse(data: Uint8Array): GatewayPresence | undefined {
  try {
    return gatewayPresence.parse(JSON.parse(Buffer.from(data).toString()));
  } catch {
    return undefined;
  }
}

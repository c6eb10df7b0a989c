import { Controller, Inject } from '@nestjs/common';
import { ConsumeEvent } from '#messaging';
import { erasureEvents } from '#protocol';
import type { PayloadOf } from '#protocol';
import { PersonErasures } from './person-erasures.service.js';

/** Hears of erasures. */
@Controller()
export class PersonErasuresConsumer {
  constructor(@Inject(PersonErasures) private readonly erasures: PersonErasures) {}

  @ConsumeEvent(erasureEvents.personErased, { durable: 'scheduler-person-erased' })
  onErased(event: PayloadOf<typeof erasureEvents.personErased>): Promise<void> {
    return this.erasures.take(event);
  }
}

import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { payeeRegistrationCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PayeeRegistration } from './payee-registration.service.js';

@Controller()
export class PayeesRpc {
  constructor(private readonly registration: PayeeRegistration) {}

  @Serve(payeeRegistrationCalls.challenge)
  challenge({ payee, subject }: RequestOf<typeof payeeRegistrationCalls.challenge>): Promise<ReplyOf<typeof payeeRegistrationCalls.challenge>> {
    return this.registration.challenge(payee, subject);
  }

  @Serve(payeeRegistrationCalls.register)
  register(request: RequestOf<typeof payeeRegistrationCalls.register>): Promise<ReplyOf<typeof payeeRegistrationCalls.register>> {
    return this.registration.register(request);
  }

  @Serve(payeeRegistrationCalls.list)
  list(page: RequestOf<typeof payeeRegistrationCalls.list>): Promise<ReplyOf<typeof payeeRegistrationCalls.list>> {
    return this.registration.list(page);
  }
}

import { Controller, Get } from '@nestjs/common';
import { Caller } from '#messaging';
import { governanceCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { Replies } from '../http/replies.js';

@Controller('v1/audit/checkpoint')
export class CheckpointController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('proof.read', deployment)
  @Replies('The signed head of the audit log', governanceCalls.checkpoint.reply)
  get(): Promise<ReplyOf<typeof governanceCalls.checkpoint>> {
    return this.caller.call(governanceCalls.checkpoint, {});
  }
}

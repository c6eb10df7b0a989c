import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { SealedObjects } from '#objects';
import { Deletions } from '../deletions/deletions.service.js';
import { ObjectSweeper } from '../objects/object-sweeper.js';
import { StoredResponseStore } from './stored-responses.store.js';

/** Content that does not arrive within this time after it was announced does not come any more: a gateway sends it at once. */
const arrivalMsMax = 10 * 60_000;

/** Forgets responses at the end of their time. */
@Injectable()
export class ResponseSweeper extends ObjectSweeper {
  constructor(@Inject(DataSource) dataSource: DataSource, @Inject(Clock) clock: Clock, @Inject(StoredResponseStore) responses: StoredResponseStore, @Inject(SealedObjects) objects: SealedObjects, @Inject(Deletions) deletions: Deletions) {
    super(dataSource, clock, responses, objects, deletions, 'responses', arrivalMsMax);
  }
}

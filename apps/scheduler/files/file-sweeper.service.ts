import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { SealedObjects } from '#objects';
import { Deletions } from '../deletions/deletions.service.js';
import { ObjectSweeper } from '../objects/object-sweeper.js';
import { uploadMsMax } from './file.js';
import { FileStore } from './files.store.js';

/** Hides files at their time and removes the content of those that are gone. */
@Injectable()
export class FileSweeper extends ObjectSweeper {
  constructor(@Inject(DataSource) dataSource: DataSource, @Inject(Clock) clock: Clock, @Inject(FileStore) files: FileStore, @Inject(SealedObjects) objects: SealedObjects, @Inject(Deletions) deletions: Deletions) {
    super(dataSource, clock, files, objects, deletions, 'files', uploadMsMax);
  }
}

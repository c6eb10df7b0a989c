import type { Clock } from '#kernel';
import { DirectoryStore, S3Store } from '#objects';
import type { ObjectStore } from '#objects';
import { failure } from '#protocol';
import type { SchedulerConfig } from '../config.js';

type Settings = Pick<
  SchedulerConfig,
  'OBJECTS_DIRECTORY' | 'OBJECTS_S3_BUCKET' | 'OBJECTS_S3_ENDPOINT' | 'OBJECTS_S3_REGION' | 'OBJECTS_S3_PREFIX' | 'OBJECTS_S3_ACCESS_KEY_ID' | 'OBJECTS_S3_SECRET_ACCESS_KEY' | 'OBJECTS_S3_SESSION_TOKEN'
>;

/** Where objects are kept: in a bucket where one is named, in a directory otherwise. Error: REQUEST_INVALID naming what is missing. */
export function objectStore(settings: Settings, clock: Pick<Clock, 'nowMs'>): ObjectStore {
  const { OBJECTS_DIRECTORY: directory, OBJECTS_S3_BUCKET: bucket } = settings;
  if (bucket === undefined && directory === undefined) throw failure('REQUEST_INVALID', 'scheduler: set OBJECTS_DIRECTORY, or OBJECTS_S3_BUCKET and what belongs to it');
  if (bucket === undefined) return new DirectoryStore(directory!);
  const given = (name: 'OBJECTS_S3_ENDPOINT' | 'OBJECTS_S3_ACCESS_KEY_ID' | 'OBJECTS_S3_SECRET_ACCESS_KEY'): string => {
    const value = settings[name];
    if (value === undefined) throw failure('REQUEST_INVALID', `scheduler: OBJECTS_S3_BUCKET is set: set ${name} as well`);
    return value;
  };
  const credentials = { accessKeyId: given('OBJECTS_S3_ACCESS_KEY_ID'), secretAccessKey: given('OBJECTS_S3_SECRET_ACCESS_KEY'), sessionToken: settings.OBJECTS_S3_SESSION_TOKEN };
  return new S3Store({ bucket, endpoint: given('OBJECTS_S3_ENDPOINT'), region: settings.OBJECTS_S3_REGION, prefix: settings.OBJECTS_S3_PREFIX, credentials }, () => clock.nowMs());
}

import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#kernel';
import { DirectoryStore, S3Store } from '#objects';
import { schedulerConfig } from '../config.js';
import { objectStore } from './object-store.js';

const settings = schedulerConfig.pick({
  OBJECTS_DIRECTORY: true,
  OBJECTS_S3_BUCKET: true,
  OBJECTS_S3_ENDPOINT: true,
  OBJECTS_S3_REGION: true,
  OBJECTS_S3_PREFIX: true,
  OBJECTS_S3_ACCESS_KEY_ID: true,
  OBJECTS_S3_SECRET_ACCESS_KEY: true,
  OBJECTS_S3_SESSION_TOKEN: true,
});
const made = (env: object) => objectStore(settings.parse(env), new SystemClock());
const bucket = { OBJECTS_S3_BUCKET: 'contents', OBJECTS_S3_ENDPOINT: 'https://s3.example.com', OBJECTS_S3_PREFIX: 'mizan/a/', OBJECTS_S3_ACCESS_KEY_ID: 'AKID', OBJECTS_S3_SECRET_ACCESS_KEY: 'secret' };

describe('where objects are kept', () => {
  it('is a directory, or a bucket where one is named', () => {
    expect(made({ OBJECTS_DIRECTORY: '/o' })).toBeInstanceOf(DirectoryStore);
    expect(made({ OBJECTS_DIRECTORY: '/o', ...bucket })).toBeInstanceOf(S3Store);
  });

  it('is said whole, or what is missing is named, and no secret is', () => {
    expect(() => made({})).toThrow(/OBJECTS_DIRECTORY, or OBJECTS_S3_BUCKET/);
    for (const missing of ['OBJECTS_S3_ENDPOINT', 'OBJECTS_S3_ACCESS_KEY_ID', 'OBJECTS_S3_SECRET_ACCESS_KEY']) expect(() => made({ ...bucket, [missing]: undefined })).toThrow(new RegExp(`set ${missing} as well$`));
    for (const wrong of [{ OBJECTS_S3_ENDPOINT: 'https://s3.example.com/path' }, { OBJECTS_S3_BUCKET: '../x' }, { OBJECTS_S3_PREFIX: '../' }, { OBJECTS_S3_PREFIX: 'mizan' }]) expect(settings.safeParse({ ...bucket, ...wrong }).success).toBe(false);
  });
});

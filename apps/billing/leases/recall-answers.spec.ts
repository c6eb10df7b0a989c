import { describe, expect, it } from '@jest/globals';
import { takeAnswers } from './recall-answers.js';
import type { SaidOf } from './recall-answers.js';

const said = (gateway: string): SaidOf => ({ gateway, lease: gateway, fence: 1, usedNanosMax: 0n });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const longMs = 600_000;

describe('answers to a recall', () => {
  it('are booked as they come, while others are still waited for, and together where they came during a booking', async () => {
    const answers = new Map<string, () => void>();
    const asked = ['idle', 'fast', 'second', 'third', 'slow'].map((gateway) => new Promise<SaidOf[]>((resolve) => answers.set(gateway, () => resolve(gateway === 'idle' ? [] : [said(gateway)]))));
    const booked: string[][] = [];
    let finish: () => void = () => undefined;
    const sum = takeAnswers(asked, (all) => (booked.push(all.map(({ gateway }) => gateway)), new Promise((resolve) => (finish = () => resolve(BigInt(all.length))))), longMs, fail);
    answers.get('idle')!();
    await turn();
    answers.get('fast')!();
    await turn();
    expect(booked).toEqual([['fast']]);
    for (const gateway of ['second', 'third']) answers.get(gateway)!();
    await turn();
    expect(booked).toHaveLength(1);
    finish();
    await turn();
    expect(booked).toEqual([['fast'], ['second', 'third']]);
    finish();
    answers.get('slow')!();
    await turn();
    finish();
    expect(await sum).toBe(4n);
  });

  it('are booked also when nobody waits for them any more', async () => {
    let answer: (late: SaidOf[]) => void = () => undefined;
    const booked: string[] = [];
    const book = (all: readonly SaidOf[]): Promise<bigint> => (booked.push(...all.map(({ gateway }) => gateway)), Promise.resolve(1n));
    expect(await takeAnswers([Promise.resolve([said('fast')]), new Promise((resolve) => (answer = resolve))], book, 5, fail)).toBe(1n);
    answer([said('late')]);
    await turn();
    expect(booked).toEqual(['fast', 'late']);
  });

  it('take nothing from each other when one does not come or cannot be booked', async () => {
    const failures: unknown[] = [];
    const book = ([first]: readonly SaidOf[]): Promise<bigint> => (first!.gateway === 'broken' ? Promise.reject(new Error('deadlock')) : Promise.resolve(7n));
    const later = turn().then(() => [said('fine')]);
    expect(await takeAnswers([Promise.reject(new Error('nobody there')), Promise.resolve([said('broken')]), later], book, longMs, (error) => failures.push(error))).toBe(7n);
    expect(failures.map(String).sort()).toEqual(['Error: deadlock', 'Error: nobody there']);
  });
});

const fail = (error: unknown): void => {
  throw error;
};

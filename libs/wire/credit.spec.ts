import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '#protocol';
import { ReceiveCredit, SendCredit } from './credit.js';

describe('credit', () => {
  it('lets a window of chunks out and then none', () => {
    const credit = new SendCredit();
    for (let sent = 0; sent < limits.creditWindow; sent += 1) expect(credit.take()).toBe(true);
    expect(credit.take()).toBe(false);
    credit.give(1);
    expect(credit.take()).toBe(true);
    expect(credit.take()).toBe(false);
  });

  it('cannot be given beyond the window', () => {
    const credit = new SendCredit();
    credit.take();
    expect(() => credit.give(2)).toThrow(/over the window/);
  });

  it('is refused by the receiver when it was exceeded', () => {
    const credit = new ReceiveCredit();
    for (let sent = 0; sent < limits.creditWindow; sent += 1) credit.arrived();
    expect(() => credit.arrived()).toThrow(/without credit/);
  });

  it('never runs dry and never exceeds the window, however sending, arrival and consumption interleave', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('send', 'arrive', 'consume', 'return'), { maxLength: 400 }), (steps) => {
        const sender = new SendCredit();
        const receiver = new ReceiveCredit();
        const wire: number[] = [];
        let [inFlight, held, toReturn] = [0, 0, 0];
        for (const step of steps) {
          if (step === 'send' && sender.take()) inFlight += 1;
          if (step === 'arrive' && inFlight > 0) {
            inFlight -= 1;
            held += 1;
            receiver.arrived();
          }
          if (step === 'consume' && held > 0) {
            held -= 1;
            const chunks = receiver.consume();
            if (chunks > 0) wire.push(chunks);
          }
          if (step === 'return' && wire.length > 0) sender.give(wire.shift()!);
          expect(inFlight + held).toBeLessThanOrEqual(limits.creditWindow);
        }
        while (inFlight > 0) {
          inFlight -= 1;
          held += 1;
          receiver.arrived();
        }
        for (; held > 0; held -= 1) toReturn += receiver.consume();
        for (const chunks of wire) sender.give(chunks);
        if (toReturn > 0) sender.give(toReturn);
        expect(sender.take()).toBe(true);
      }),
    );
  });
});

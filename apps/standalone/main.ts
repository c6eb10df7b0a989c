import { Home, LocalError, takeOver } from '#local';
import { parseArguments } from './arguments.js';
import { farewell } from './farewell.js';
import { Narrator } from './narrator.js';
import { reset } from './reset.js';
import { runSampleOn } from './sample-job.js';
import { Stack } from './stack.js';

/** The whole stack on this machine, until Ctrl-C. Run by `npm start`. */
const programs = new Home('.mizan');
const home = new Home(process.env['MIZAN_HOME'] ?? '.mizan');
const narrator = new Narrator();
const stack = new Stack(home, programs, narrator);
let ending = false;

async function end(code: number): Promise<never> {
  if (!ending) {
    ending = true;
    await stack.stop();
    process.exit(code);
  }
  await stack.kill();
  process.exit(code);
}

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) {
  process.on(signal, () => {
    narrator.say(ending ? 'ending at once' : '\nstopping (once more to end at once)');
    void end(signal === 'SIGINT' ? 0 : code);
  });
}

try {
  const started = performance.now();
  const options = parseArguments(process.argv.slice(2));
  if (options.reset) {
    await takeOver(home);
    reset(home);
  }
  narrator.say('Mizan: starting the stack');
  const up = await stack.start();
  narrator.say(`The stack is ready after ${((performance.now() - started) / 1000).toFixed(1)} s.\n`);
  if (options.sample) await runSampleOn(up, stack, home, narrator);
  narrator.say(farewell(up.run, home.root));
} catch (error) {
  if (!ending) {
    narrator.say(`\nmizan: ${error instanceof LocalError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    await end(1);
  }
}

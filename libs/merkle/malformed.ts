/** Text that is not in the format it claims to be, or a signature that is not what it claims to be. */
export class Malformed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Malformed';
  }
}

/** Nothing is wrong with it, and what would prove it is not there. */
export class Missing extends Malformed {}

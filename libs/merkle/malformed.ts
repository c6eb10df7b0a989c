/** Text that is not in the format it claims to be, or a signature that is not what it claims to be. */
export class Malformed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Malformed';
  }
}

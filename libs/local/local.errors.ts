/** A failure of this machine's set-up, told to a person as one sentence (what is wrong, and what to do). No stack is shown. */
export class LocalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LocalError';
  }
}

/** Lets one at a time do what would cost too much memory all at once; in order of arrival. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who came before are done, with the function to call when one's own turn is over. */
  async take(): Promise<() => void> {
    const before = this.#last;
    let end: () => void = () => undefined;
    this.#last = new Promise<void>((resolve) => {
      end = resolve;
    });
    await before;
    return end;
  }
}

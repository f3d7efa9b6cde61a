/** Command line of `name=value` words, the same for the Java and the TypeScript programs. */
export class Arguments {
  private readonly values: ReadonlyMap<string, string>;

  constructor(words: readonly string[]) {
    this.values = new Map(
      words.map((word) => {
        const equals = word.indexOf('=');
        if (equals < 0) throw new Error(`expected name=value: ${word}`);
        return [word.slice(0, equals), word.slice(equals + 1)];
      }),
    );
  }

  text(name: string): string {
    const value = this.values.get(name);
    if (value === undefined) throw new Error(`missing argument: ${name}`);
    return value;
  }

  /** Separated by `;`. None when the argument is missing or empty. */
  list(name: string): string[] {
    return (this.values.get(name) ?? '').split(';').filter((text) => text !== '');
  }

  number(name: string): number {
    return Number(this.text(name));
  }

  flag(name: string): boolean {
    return this.text(name) === 'true';
  }
}

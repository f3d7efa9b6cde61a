/** Colours and cursor movements of a terminal; nothing but the text where the output is none. */

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof STYLES;

/** Paints text, or leaves it as it is. */
export type Painter = (style: Style, text: string) => string;

/** Paints when `isTerminal`, unless the environment variable NO_COLOR, given as `noColor`, is set and not empty. */
export function painter(isTerminal: boolean, noColor: string | undefined): Painter {
  if (!isTerminal || (noColor ?? '') !== '') return (_style, text) => text;
  return (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/** Draws `lines` over what was drawn before, from the top left corner. */
export function redraw(lines: readonly string[]): string {
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`;
}

/** A screen of its own, without a cursor; {@link LEAVE_SCREEN} brings back what was there before. */
export const ENTER_SCREEN = '\x1b[?1049h\x1b[?25l';
export const LEAVE_SCREEN = '\x1b[?25h\x1b[?1049l';

/** Back to the start of the line, and all of it empty. */
export const CLEAR_LINE = '\r\x1b[K';

/**
 * Java's property files: `name=value`, `name: value` or `name value` a line, `#` and `!` start a comment, a `\` at the
 * end of a line joins the next one, `\t \n \r \f \uXXXX` and `\<any other>` are escapes.
 */
export function parseProperties(text: string): [name: string, value: string][] {
  const entries: [string, string][] = [];
  for (const line of logicalLines(text)) {
    const end = nameEnd(line);
    const rest = line.slice(end).replace(/^[ \t\f]*[=:]?[ \t\f]*/, '');
    entries.push([unescapeText(line.slice(0, end)), unescapeText(rest)]);
  }
  return entries;
}

/** Lines without leading white space, comments and blanks, continuations joined. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let pending = '';
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line = natural.replace(/^[ \t\f]+/, '');
    if (pending === '' && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const continues = /(?<!\\)(?:\\\\)*\\$/.test(line);
    pending += continues ? line.slice(0, -1) : line;
    if (continues) continue;
    lines.push(pending);
    pending = '';
  }
  if (pending !== '') lines.push(pending);
  return lines;
}

/** Where the name ends: at the first separator that is not escaped. */
function nameEnd(line: string): number {
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if ('=: \t\f'.includes(line[i]!)) return i;
  }
  return line.length;
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescapeText(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.?))/g, (_, code: string | undefined, letter: string) =>
    code !== undefined ? String.fromCharCode(Number.parseInt(code, 16)) : (ESCAPES[letter] ?? letter),
  );
}

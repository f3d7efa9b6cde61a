/** Tables, and the three ways to write them. Pure. */
import { escapeXml } from './svg.ts';

export interface Table {
  /** Kebab-case: names the table in pages. */
  readonly id: string;
  readonly title: string;
  readonly head: readonly string[];
  /** Cells of plain text, the first of each row its name. */
  readonly rows: readonly (readonly string[])[];
  /** Whether the cells are words rather than figures. */
  readonly isText?: boolean;
}

export function toMarkdown({ head, rows, isText = false }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')).join(' | ')} |`;
  const rule = `|${head.map((_, i) => (i === 0 || isText ? ' --- |' : ' ---: |')).join('')}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

export function toHtml({ head, rows, isText = false }: Table): string {
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join('')}</tr>`;
  return [
    `<div class="${isText ? 'scroll words' : 'scroll'}"><table>`,
    `<thead>${line('th', head)}</thead>`,
    `<tbody>${rows.map((cells) => line('td', cells)).join('\n')}</tbody>`,
    '</table></div>',
  ].join('\n');
}

/** For a terminal. */
export function toText({ title, head, rows }: Table): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [title, line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** The little of SVG that the charts are made of. Pure. */

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

type Attributes = Readonly<Record<string, string | number>>;

/** `<name …>children</name>`; children are markup already. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const words = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? Number(value.toFixed(2)) : escapeXml(value)}"`,
  );
  const open = `<${name}${words.join('')}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`;
}

export type Anchor = 'start' | 'middle' | 'end';

/** `style` is a class of {@link STYLE}. */
export function text(
  x: number,
  y: number,
  content: string,
  style = 'label',
  anchor: Anchor = 'start',
): string {
  return element('text', { x, y, class: style, 'text-anchor': anchor }, escapeXml(content));
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return element('line', { x1, y1, x2, y2, class: style });
}

export function path(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

/** Colours of surfaces and text, light and dark. The contestants' own are in `look.ts`. */
const LIGHT = '--surface:#fff;--ink:#1b1f24;--muted:#5c6670;--grid:#e3e7eb;--axis:#9aa4ae';
const DARK = '--surface:#15191e;--ink:#e8ecf0;--muted:#9aa6b2;--grid:#2a3138;--axis:#5d6873';
export const THEME: string = `:root{${LIGHT}}@media (prefers-color-scheme:dark){:root{${DARK}}}`;

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif";
const STYLE = [
  `svg text{${FONT};fill:var(--ink)}`,
  'svg .title{font-size:15px;font-weight:600}',
  'svg .panel{font-size:13px;font-weight:600}',
  'svg .label{font-size:12px}',
  'svg .value{font-size:12px;font-weight:600}',
  'svg .tick{font-size:11px;fill:var(--muted)}',
  'svg .grid{stroke:var(--grid);stroke-width:1}',
  'svg .axis{stroke:var(--axis);stroke-width:1}',
  'svg .whisker{stroke:var(--ink);stroke-opacity:.55;stroke-width:1.5}',
  'svg .surface{fill:var(--surface)}',
].join('');

/** A whole picture, on a surface of its own, that follows the reader's light or dark setting. */
export function picture(
  width: number,
  height: number,
  title: string,
  ...children: readonly string[]
): string {
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': title,
    },
    element('style', {}, `${THEME}${STYLE}`),
    element('rect', { width, height, rx: 8, class: 'surface' }),
    text(20, 28, title, 'title'),
    ...children,
  );
}

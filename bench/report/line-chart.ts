/** Lines over two axes, each named at its end. Pure. */
import { lookOf } from './look.ts';
import { element, line, path, picture, text } from './svg.ts';

export interface Axis {
  readonly title: string;
  /** From a value to 0 … 1. */
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

export type Point = readonly [x: number, y: number];

export interface Series {
  readonly contestant: string;
  readonly points: readonly Point[];
}

export interface LineChart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Whether each point was measured and is marked. */
  readonly hasMarks: boolean;
}

const [WIDTH, HEIGHT] = [960, 430];
const [LEFT, RIGHT, TOP, BOTTOM] = [72, 808, 66, 374];
const LABEL_STEP = 16;

export function lineChart({ title, x, y, series, hasMarks }: LineChart): string {
  const toX = (value: number): number => LEFT + x.place(value) * (RIGHT - LEFT);
  const toY = (value: number): number => BOTTOM - y.place(value) * (BOTTOM - TOP);
  const lines = series
    .filter(({ points }) => points.length > 0)
    .map(({ contestant, points }) => ({
      look: lookOf(contestant),
      points: thin(points.map(([px, py]): Point => [toX(px), toY(py)])),
    }));
  const labels = spreadOut(
    lines.map(({ points }) => points.at(-1)![1]),
    LABEL_STEP,
    TOP,
    BOTTOM,
  );
  return picture(
    WIDTH,
    HEIGHT,
    title,
    ...y.ticks.flatMap(({ value, label }) => [
      line(LEFT, toY(value), RIGHT, toY(value), 'grid'),
      text(LEFT - 8, toY(value) + 4, label, 'tick', 'end'),
    ]),
    ...x.ticks.flatMap(({ value, label }) => [
      line(toX(value), TOP, toX(value), BOTTOM, 'grid'),
      text(toX(value), BOTTOM + 18, label, 'tick', 'middle'),
    ]),
    line(LEFT, BOTTOM, RIGHT, BOTTOM, 'axis'),
    text((LEFT + RIGHT) / 2, HEIGHT - 16, x.title, 'tick', 'middle'),
    text(20, TOP - 16, y.title, 'tick'),
    ...lines.map(({ look, points }, i) => {
      const [endX, endY] = points.at(-1)!;
      const stroke = { stroke: look.colour, 'stroke-dasharray': look.dash };
      const round = {
        fill: 'none',
        'stroke-width': 2.2,
        'stroke-linejoin': 'round',
        'stroke-linecap': 'round',
      };
      const marks = points.map(([cx, cy]) => element('circle', { cx, cy, r: 3.5, fill: look.colour }));
      return [
        element('path', { d: path(points), ...round, ...stroke }),
        ...(hasMarks ? marks : []),
        element('path', {
          d: path([
            [endX + 4, endY],
            [RIGHT + 8, labels[i]!],
            [RIGHT + 14, labels[i]!],
          ]),
          fill: 'none',
          'stroke-opacity': 0.45,
          ...stroke,
        }),
        element('circle', { cx: RIGHT + 20, cy: labels[i]!, r: 4, fill: look.colour }),
        text(RIGHT + 28, labels[i]! + 4, look.label),
      ].join('');
    }),
  );
}

/** Leaves out what is less than a pixel from the point before; the last stays. */
function thin(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const [i, point] of points.entries()) {
    const last = kept.at(-1);
    const isNear = last !== undefined && Math.hypot(point[0] - last[0], point[1] - last[1]) < 1;
    if (isNear && i === points.length - 1) kept.pop();
    if (!isNear || i === points.length - 1) kept.push(point);
  }
  return kept;
}

/** Moves values apart, in their order, until they are `step` from each other, and keeps them within the bounds. */
export function spreadOut(values: readonly number[], step: number, min: number, max: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const placed = [...values];
  let floor = min;
  for (const i of order) {
    placed[i] = Math.max(values[i]!, floor);
    floor = placed[i]! + step;
  }
  let ceiling = max;
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i]!, ceiling);
    ceiling = placed[i]! - step;
  }
  return placed;
}

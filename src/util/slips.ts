/** This many letters more, less, other or swapped make a slip of the pen; more make another name. */
const SLIP_MAX = 2;

/** The one of `names` that `written` was most likely meant to be, or undefined when it resembles none. */
export function meantBy(written: string, names: Iterable<string>): string | undefined {
  let least = SLIP_MAX + 1;
  let meant: string | undefined;
  for (const name of names) {
    const distance = editDistance(written.toLowerCase(), name.toLowerCase());
    if (distance < least) [least, meant] = [distance, name];
  }
  return meant;
}

/** Says that a name means nothing, and what it was most likely meant to be: `; did you mean …?`, or `.` */
export function didYouMean(meant: string | undefined): string {
  return meant === undefined ? '.' : `; did you mean ${meant}?`;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance). */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > SLIP_MAX) return SLIP_MAX + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let distance = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (isSame ? 0 : 1),
      );
      const isSwapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (isSwapped) distance = Math.min(distance, beforeLast[column - 2]! + 1);
      current.push(distance);
    }
    [beforeLast, last] = [last, current];
  }
  return last[to.length]!;
}

/** A reporter for `node --test` that leaves the counts and the reasons of skipped tests as one JSON document. */
export default async function* record(events) {
  const counts = { tests: 0, passed: 0, failed: 0, skipped: [] };
  for await (const { type, data } of events) {
    if ((type === 'test:pass' || type === 'test:fail') && data.skip !== undefined) {
      const reason = typeof data.skip === 'string' && data.skip !== '' ? data.skip : 'no reason given';
      counts.skipped.push(`${data.name}: ${reason}`);
    }
    if (type !== 'test:diagnostic' || data.nesting > 0) continue;
    const [, what, number] = /^(tests|pass|fail|cancelled) (\d+)$/.exec(data.message) ?? [];
    if (what === 'tests') counts.tests = Number(number);
    if (what === 'pass') counts.passed = Number(number);
    if (what === 'fail' || what === 'cancelled') counts.failed += Number(number);
  }
  yield JSON.stringify(counts);
}

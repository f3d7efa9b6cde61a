import { Region } from '../../src/memory/region.ts';

/** Processes that were killed leave their memory to the system: that is us. Returns how what was mapped since is unmapped. */
export function trackRegions(): () => void {
  const over = Region.over;
  const regions: Region[] = [];
  Region.over = (buffer) => {
    const region = over(buffer);
    regions.push(region);
    return region;
  };
  return () => {
    Region.over = over;
    for (const region of regions) region.close();
  };
}

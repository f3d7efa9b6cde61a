// hot
import type { Device } from '../device/device.ts';
import { GROUPS_MAX } from './group-membership.ts';

/** Whose groups' frames a card should let in. */
export interface GroupSource {
  readonly groupCount: number;
  /** First two and last four octets of the Ethernet address of group number `index`. */
  groupMacHigh(index: number): number;
  groupMacLow(index: number): number;
}

/** Tells a device the groups of all who hear some. */
export class GroupFilter {
  private readonly device: Device;
  private readonly sources: GroupSource[] = [];
  /** As {@link Device.setGroups} wants them; with each protocol's groups that everybody is in. */
  private readonly addresses: Int32Array = new Int32Array(2 * (2 * GROUPS_MAX + 2));

  constructor(device: Device) {
    this.device = device;
  }

  /** Cold. */
  add(source: GroupSource): void {
    this.sources.push(source);
  }

  /** Groups have come or gone. Cold. */
  update(): void {
    let count = 0;
    for (const source of this.sources) {
      for (let i = 0; i < source.groupCount; i++) {
        this.addresses[2 * count] = source.groupMacHigh(i);
        this.addresses[2 * count + 1] = source.groupMacLow(i);
        count++;
      }
    }
    this.device.setGroups(this.addresses, count);
  }
}

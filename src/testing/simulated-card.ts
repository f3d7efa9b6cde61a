import type { Clock } from '../concurrent/clock.ts';
import { RX_LENGTH, RX_OFFSET, RX_WORDS } from '../device/device.ts';
import { SimulatedDevice } from '../device/simulated-device.ts';
import { MULTICAST_HIGH, multicastLow } from '../net/ethernet.ts';
import { ALL_SYSTEMS } from '../net/igmp.ts';
import { BypassTransport } from '../transport/bypass/bypass-transport.ts';
import type { IpAddress } from '../transport/transport.ts';
import type { SimulatedMachine } from './simulated-machine.ts';
import type { Packet, SimulatedNetwork, Station } from './simulated-network.ts';

const BROADCAST_BIT = 1;
const DESTINATION_MAC_LOW = 2;

/** A network card that a driver owns, on a {@link SimulatedNetwork}: frames, ARP and checksums are the driver's. */
class SimulatedCard implements Station {
  readonly address: IpAddress;
  private readonly network: SimulatedNetwork;
  private readonly device: SimulatedDevice;
  /** The other end of the card's cable. */
  private readonly port: SimulatedDevice;

  constructor(machine: SimulatedMachine, device: SimulatedDevice, port: SimulatedDevice) {
    this.address = machine.address;
    this.network = machine.network;
    this.device = device;
    this.port = port;
    this.network.attach(this);
  }

  /** A full ring loses it, and what is for groups that the driver has not asked for is not let in. */
  receive({ bytes }: Packet): void {
    if (this.isWanted(bytes)) this.device.inject(bytes);
  }

  transmit(): void {
    const { port } = this;
    for (let count = port.receive(); count > 0; count = port.receive()) {
      for (let i = 0; i < count; i++) {
        const offset = port.rxWords[i * RX_WORDS + RX_OFFSET]!;
        const length = port.rxWords[i * RX_WORDS + RX_LENGTH]!;
        this.send(Uint8Array.from(port.memory.bytes.subarray(offset, offset + length)));
      }
    }
    // Room that this made is seen at the card's next transmit.
  }

  close(): void {
    this.network.detach(this);
  }

  private isWanted(bytes: Uint8Array): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    if (view.getUint16(0) !== MULTICAST_HIGH) return true;
    const low = view.getInt32(DESTINATION_MAC_LOW);
    const { groups } = this.device;
    return groups.length > 0 && [ALL_SYSTEMS, ...groups].some((group) => multicastLow(group) === low);
  }

  /** A switch looks at the destination: everybody's, or the card's whose address it is. */
  private send(bytes: Uint8Array): void {
    const packet = {
      bytes,
      source: this.address,
      sourcePort: 0,
      destination: 0,
      destinationPort: 0,
      from: this.address,
      isFrame: true,
    };
    if ((bytes[0]! & BROADCAST_BIT) !== 0) {
      const { switch: between } = this.network;
      if (between !== null && !between.hear(bytes, this.address)) return;
      for (const to of this.network.addresses()) {
        if (to !== this.address && (between?.passes(bytes, to) ?? true)) this.network.send({ ...packet, to });
      }
    } else {
      const to = new DataView(bytes.buffer, bytes.byteOffset).getInt32(DESTINATION_MAC_LOW);
      this.network.send({ ...packet, to });
    }
  }
}

/** A wire for {@link SimulatedMachine}: the bypass transport over a card with rings of `ringLength` frames. */
export function bypassWire(machine: SimulatedMachine, clock: Clock, ringLength: number): BypassTransport {
  const [device, port] = SimulatedDevice.pair({ mtu: 1500, ringLength, macLow: machine.address });
  const card = new SimulatedCard(machine, device, port);
  const options = { address: machine.address, prefixLength: 24, gatewayAddress: 0 };
  return new SimulatedBypass(device, options, clock, card, port);
}

class SimulatedBypass extends BypassTransport {
  private readonly card: SimulatedCard;
  private readonly port: SimulatedDevice;

  constructor(
    device: SimulatedDevice,
    options: ConstructorParameters<typeof BypassTransport>[1],
    clock: Clock,
    card: SimulatedCard,
    port: SimulatedDevice,
  ) {
    super(device, options, clock);
    this.card = card;
    this.port = port;
  }

  override close(): void {
    super.close();
    this.card.close();
    this.port.close();
  }
}
